"""`write_once` tells whether an earlier request did the work, and does none without a key."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.database import SessionLocal, async_write_once, write_once
from app.errors import Conflict
from app.kit.db.once import IdempotencyKey, KeyedRequest, KeyReused, Once
from tests.kit.things import Thing, ThingCreate, ThingRead, create_thing

KEY = KeyedRequest("POST /things", "8e03978e", "a hash of the request")
LAMP = ThingCreate(name="a lamp")
DESK = ThingCreate(name="a desk")


async def create(
    way: str,
    key: KeyedRequest | None,
    data: ThingCreate,
    work: Callable[[Session, ThingCreate], Thing] = create_thing,
) -> Once[ThingRead]:
    if way == "async":
        return await async_write_once(key, ThingRead, work, data)
    return write_once(key, ThingRead, work, data)


def count(model: type[Thing] | type[IdempotencyKey]) -> int:
    with SessionLocal() as session:
        return session.scalars(select(func.count()).select_from(model)).one()


both_ways = pytest.mark.parametrize("way", ["sync", "async"])


@both_ways
async def test_a_second_request_is_replayed_and_told_so(way: str) -> None:
    first, second = await create(way, KEY, LAMP), await create(way, KEY, LAMP)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.result == second.result
    assert first.result.name == "a lamp"
    assert count(Thing) == 1


async def test_what_def_has_done_is_replayed_in_async_def() -> None:
    first, second = await create("sync", KEY, LAMP), await create("async", KEY, LAMP)
    assert second == Once(first.result, replayed=True)


@both_ways
async def test_without_a_key_nothing_is_replayed(way: str) -> None:
    first, second = await create(way, None, LAMP), await create(way, None, DESK)
    assert (first.replayed, second.replayed) == (False, False)
    assert (count(Thing), count(IdempotencyKey)) == (2, 0)


@both_ways
async def test_a_key_of_another_request_is_refused(way: str) -> None:
    await create(way, KEY, LAMP)
    with pytest.raises(KeyReused):
        await create(way, KEY._replace(fingerprint="another"), DESK)
    assert count(Thing) == 1


@both_ways
async def test_a_key_is_stored_with_the_work_or_not_at_all(way: str) -> None:
    def fail(session: Session, data: ThingCreate) -> Thing:
        create_thing(session, data)
        raise Conflict("no")

    with pytest.raises(Conflict):
        await create(way, KEY, LAMP, fail)
    assert (count(Thing), count(IdempotencyKey)) == (0, 0)
    assert not (await create(way, KEY, LAMP)).replayed
