"""What SQLAlchemy keeps in step, and what state an object is in. No HTTP here."""

import pytest
from sqlalchemy import inspect
from sqlalchemy.exc import InvalidRequestError

from app.database import SessionLocal
from app.users.models import User
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


def test_the_keys_are_in_the_order_of_creation() -> None:
    ids = [make_user().id for _ in range(100)]
    assert ids == sorted(ids)
    assert {key.version for key in ids} == {7}


def test_nothing_loads_lazily() -> None:
    with SessionLocal.begin() as session:
        user = make_user()
        session.add(user)
    for name in [relationship.key for relationship in inspect(User).relationships]:
        with SessionLocal() as session:
            found = session.get_one(User, user.id)
            with pytest.raises(InvalidRequestError, match="lazy='raise'"):
                getattr(found, name)
            session.refresh(found, [name])
            assert not getattr(found, name)
