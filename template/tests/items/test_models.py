from sqlalchemy import func, select

from app.database import SessionLocal
from app.items.models import Item
from app.users.models import User
from tests.conftest import Counting
from tests.users.factories import make_user


def test_one_to_many_and_many_to_one_set_both_sides() -> None:
    user = make_user()
    lamp = Item(title="lamp", description="", owner=user)
    assert user.items == [lamp]
    desk = Item(title="desk", description="", owner=user)
    user.items.remove(lamp)
    assert user.items == [desk]
    assert lamp.owner is None


def test_the_database_deletes_the_items_with_their_owner(counting: Counting) -> None:
    with SessionLocal.begin() as session:
        user = make_user()
        session.add_all([Item(title=title, description="", owner=user) for title in ("a", "b")])
    with SessionLocal.begin() as session:
        user = session.get_one(User, user.id)
        with counting() as executed:
            session.delete(user)
            session.flush()
        assert len(executed) == 1, executed
        assert session.scalar(select(func.count()).select_from(Item)) == 0
