"""What SQLAlchemy keeps in step, and what state an object is in. No HTTP here."""

import pytest
from sqlalchemy import delete, func, inspect, select
from sqlalchemy.exc import InvalidRequestError

from app.database import SessionLocal
from app.users.models import Group, Profile, User
from tests.conftest import Counting
from tests.users.factories import FIELDS, make_user


def test_a_user_is_pending_then_persistent_then_detached() -> None:
    user = make_user()
    assert inspect(user).transient
    with SessionLocal.begin() as session:
        session.add(user)
        assert inspect(user).pending
        session.flush()
        assert inspect(user).persistent
        session.commit()
        assert inspect(user).persistent
    assert inspect(user).detached
    assert user.email == FIELDS["email"]


def test_one_to_one_sets_both_sides() -> None:
    user = make_user()
    profile = Profile(user=user)
    assert user.profile is profile
    user.profile = None
    assert profile.user is None


def test_many_to_many_sets_both_sides() -> None:
    user = make_user()
    group = Group(name="staff")
    user.groups.append(group)
    assert group.users == [user]
    group.users.remove(user)
    assert user.groups == []


def test_the_keys_are_in_the_order_of_creation() -> None:
    ids = [make_user().id for _ in range(100)]
    assert ids == sorted(ids)
    assert {key.version for key in ids} == {7}


def test_nothing_loads_lazily() -> None:
    with SessionLocal.begin() as session:
        user = make_user()
        session.add(user)
    for name in [each.key for each in inspect(User).relationships]:
        with SessionLocal() as session:
            found = session.get_one(User, user.id)
            with pytest.raises(InvalidRequestError, match="lazy='raise'"):
                getattr(found, name)
            session.refresh(found, [name])
            assert not getattr(found, name)


@pytest.mark.parametrize("by", ["unit of work", "statement"])
def test_the_database_deletes_what_belongs_to_a_user(by: str, counting: Counting) -> None:
    with SessionLocal.begin() as session:
        user = make_user(profile=Profile(bio="Countess"), groups=[Group(name="staff")])
        session.add(user)
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
        for model, left in [(User, 0), (Profile, 0), (Group, 1)]:
            assert session.scalar(select(func.count()).select_from(model)) == left
