"""What the service knows of users. `def` and `async def` endpoints call the same functions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, bindparam, delete, select
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.interfaces import ORMOption
from uuid_utils.compat import uuid7

from app.errors import NotFound, conflict_on_duplicate
from app.kit.db import dialect
from app.kit.rest.pages import Keyset, PageQuery, Slice, fetch_page
from app.kit.rest.preconditions import ANY, IfMatch, PreconditionFailed, matches, unchanged
from app.users.models import Group, Profile, User, users_groups
from app.users.schemas import ProfileWrite, UserCreate, UserUpdate

# Built once: to build one for each request takes about a tenth of the request.
USER = select(User.__table__).where(User.id == bindparam("user_id"))
PROFILE = select(Profile.__table__).where(Profile.user_id == bindparam("user_id"))
OLDEST_FIRST = Keyset(User.id)
EMAIL_TAKEN = "A user with this e-mail address exists already."


def create_user(session: Session, data: UserCreate) -> User:
    user = User(**data.model_dump())
    session.add(user)
    with conflict_on_duplicate(EMAIL_TAKEN):
        session.flush()
    return user


def get_user(session: Session, user_id: UUID, *options: ORMOption) -> User:
    user = session.get(User, user_id, options=options)
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def read_user(connection: Connection, user_id: UUID) -> Row[Any]:
    user = connection.execute(USER, {"user_id": user_id}).one_or_none()
    if user is None:
        raise NotFound(f"There is no user {user_id}.")
    return user


def read_users(connection: Connection, page: PageQuery) -> Slice[Row[Any]]:
    return fetch_page(connection, select(User.__table__), OLDEST_FIRST, page)


def update_user(session: Session, user_id: UUID, data: UserUpdate, if_match: IfMatch = ANY) -> User:
    user = get_user(session, user_id)
    with unchanged(user, if_match), conflict_on_duplicate(EMAIL_TAKEN):
        for name, value in data.model_dump().items():
            setattr(user, name, value)
        session.flush()
    return user


def delete_user(session: Session, user_id: UUID, if_match: IfMatch = ANY) -> None:
    """The database deletes what belongs to the user with it."""
    deletion = delete(User).where(User.id == user_id, matches(User, if_match))
    if session.scalar(deletion.returning(User.id)) is None:
        get_user(session, user_id)
        raise PreconditionFailed


def read_profile(connection: Connection, user_id: UUID) -> Row[Any]:
    profile = connection.execute(PROFILE, {"user_id": user_id}).one_or_none()
    if profile is None:
        raise NotFound(f"The user {user_id} has no profile.")
    return profile


def put_profile(session: Session, user_id: UUID, data: ProfileWrite) -> Profile:
    get_user(session, user_id)
    return dialect.upsert(session, Profile, {"user_id": user_id}, {"bio": data.bio})


def list_groups(session: Session, user_id: UUID) -> Sequence[Group]:
    return get_user(session, user_id, selectinload(User.groups)).groups


def join_group(session: Session, user_id: UUID, name: str) -> Group:
    """A group exists from its first member on; joining twice is joining once."""
    get_user(session, user_id)
    dialect.insert_if_absent(session, Group, id=uuid7(), name=name)
    group = session.scalars(select(Group).where(Group.name == name)).one()
    dialect.insert_if_absent(session, users_groups, user_id=user_id, group_id=group.id)
    return group


def leave_group(session: Session, user_id: UUID, name: str) -> None:
    group_id = select(Group.id).where(Group.name == name).scalar_subquery()
    membership = delete(users_groups).where(
        users_groups.c.user_id == user_id, users_groups.c.group_id == group_id
    )
    if session.scalar(membership.returning(users_groups.c.user_id)) is None:
        raise NotFound(f"The user {user_id} is not in the group {name}.")
