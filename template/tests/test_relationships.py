"""What SQLAlchemy keeps in step, and what state an object is in. No HTTP here."""

import pytest
from sqlalchemy import delete, func, inspect, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session, selectinload

from app.database import SessionLocal
from app.items.models import Item
from app.users.models import Group, Profile, User
from tests.conftest import Counting


def make_user(session: Session) -> User:
    user = User(email="ada@example.com", full_name="Ada")
    session.add(user)
    session.flush()
    return user


def test_a_user_is_pending_then_persistent_then_detached() -> None:
    user = User(email="ada@example.com", full_name="Ada")
    assert inspect(user).transient
    with SessionLocal.begin() as session:
        session.add(user)
        assert inspect(user).pending
        session.flush()
        assert inspect(user).persistent
        session.commit()
        assert inspect(user).persistent
    assert inspect(user).detached
    assert user.email == "ada@example.com"


def test_one_to_one_sets_both_sides() -> None:
    user = User(email="ada@example.com", full_name="Ada")
    profile = Profile(user=user)
    assert user.profile is profile
    user.profile = None
    assert profile.user is None


def test_one_to_many_and_many_to_one_set_both_sides() -> None:
    user = User(email="ada@example.com", full_name="Ada")
    lamp = Item(title="lamp", description="", owner=user)
    assert user.items == [lamp]
    desk = Item(title="desk", description="", owner=user)
    user.items.remove(lamp)
    assert user.items == [desk]
    assert lamp.owner is None


def test_many_to_many_sets_both_sides() -> None:
    user = User(email="ada@example.com", full_name="Ada")
    group = Group(name="staff")
    user.groups.append(group)
    assert group.users == [user]
    group.users.remove(user)
    assert user.groups == []


def test_the_keys_are_in_the_order_of_creation() -> None:
    ids = [User(email="ada@example.com", full_name="Ada").id for _ in range(100)]
    assert ids == sorted(ids)
    assert {key.version for key in ids} == {7}


@pytest.mark.parametrize("name", ["profile", "groups", "items"])
def test_nothing_loads_lazily(name: str) -> None:
    with SessionLocal.begin() as session:
        user_id = make_user(session).id
    with SessionLocal() as session:
        user = session.get_one(User, user_id)
        with pytest.raises(InvalidRequestError, match="lazy='raise'"):
            getattr(user, name)
        loaded = select(User).options(selectinload(getattr(User, name)))
        user = session.scalars(loaded.execution_options(populate_existing=True)).one()
        assert not getattr(user, name)


@pytest.mark.parametrize("by", ["unit of work", "statement"])
def test_the_database_deletes_what_belongs_to_a_user(by: str, counting: Counting) -> None:
    with SessionLocal.begin() as session:
        user = User(
            email="ada@example.com",
            full_name="Ada",
            profile=Profile(bio="Countess"),
            groups=[Group(name="staff")],
        )
        session.add_all([user, Item(title="lamp", description="", owner=user)])
    with SessionLocal.begin() as session:
        user = session.get_one(User, user.id)
        with counting() as executed:
            if by == "statement":
                session.execute(delete(User))
            else:
                session.delete(user)
                session.flush()
        assert len(executed) == 1, executed
    with SessionLocal() as session:
        for model, left in [(User, 0), (Profile, 0), (Item, 0), (Group, 1)]:
            assert session.scalar(select(func.count()).select_from(model)) == left
