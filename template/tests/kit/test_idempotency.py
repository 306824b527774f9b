"""A client that heard no answer sends its request again, and what it wanted is done once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select, text, update

from app.database import SessionLocal
from app.kit.db.once import FORGOTTEN_AT_ONCE, LIFETIME, IdempotencyKey
from tests.conftest import Counting
from tests.kit.routers import THINGS
from tests.kit.things import DESK, LAMP, Thing
from tests.kit.waiting import wait_for_waiting

INVALID = "An Idempotency-Key is 1 to 255 visible ASCII characters, such as a UUID"


async def post(
    client: AsyncClient, path: str, data: dict[str, Any], key: str = "8e03978e"
) -> Response:
    return await client.post(path, json=data, headers={"Idempotency-Key": key})


def seen(response: Response) -> tuple[int, bytes, str, str]:
    headers = response.headers
    return response.status_code, response.content, headers["Location"], headers["ETag"]


def count(model: type[Thing] | type[IdempotencyKey]) -> int:
    with SessionLocal() as session:
        return session.scalars(select(func.count()).select_from(model)).one()


def expire() -> None:
    with SessionLocal.begin() as session:
        session.execute(update(IdempotencyKey).values(created_at=func.now() - LIFETIME * 1.01))


@contextmanager
def equal_request_at_work(path: str, key: str = "8e03978e") -> Iterator[None]:
    """A request that claimed the key and fails at the end of the block."""
    with SessionLocal() as session:
        session.add(IdempotencyKey(scope=f"POST {path}", key=key, fingerprint=""))
        session.flush()
        yield


async def test_a_retry_answers_what_the_first_answered(client: AsyncClient, path: str) -> None:
    first = await post(client, path, LAMP)
    assert first.status_code == 201
    assert seen(await post(client, path, LAMP)) == seen(first)
    url = first.headers["Location"]
    await client.patch(url, json={"name": "a chair"})
    assert seen(await post(client, path, LAMP)) == seen(first)
    await client.delete(url)
    assert seen(await post(client, path, LAMP)) == seen(first)
    assert count(Thing) == 0


async def test_without_a_key_nothing_is_remembered(client: AsyncClient, path: str) -> None:
    codes = [(await client.post(path, json=LAMP)).status_code for _ in range(2)]
    assert codes == [201, 409]
    assert count(IdempotencyKey) == 0


async def test_ten_equal_requests_at_once_are_one(client: AsyncClient, path: str) -> None:
    responses = await asyncio.gather(*(post(client, path, LAMP) for _ in range(10)))
    assert responses[0].status_code == 201
    assert len({seen(response) for response in responses}) == 1
    assert count(Thing) == 1


async def test_an_equal_request_waits_for_the_first_one_to_commit(
    client: AsyncClient, path: str
) -> None:
    with SessionLocal.begin() as session:
        session.execute(text("LOCK TABLE kit_things IN SHARE MODE"))
        posts = [asyncio.create_task(post(client, path, LAMP)) for _ in range(2)]
        await wait_for_waiting(2)
    first, second = await asyncio.gather(*posts)
    assert first.status_code == 201
    assert seen(first) == seen(second)


async def test_an_equal_request_does_the_work_where_the_first_one_failed(
    client: AsyncClient, path: str
) -> None:
    with equal_request_at_work(path):
        posting = asyncio.create_task(post(client, path, LAMP))
        await wait_for_waiting(1)
    assert (await posting).status_code == 201
    assert count(Thing) == 1


async def test_an_equal_request_does_not_wait_for_ever(client: AsyncClient, path: str) -> None:
    with equal_request_at_work(path):
        response = await post(client, path, LAMP)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json()["detail"] == "The data is locked. Try again."
        assert (await post(client, path, LAMP, "another")).status_code == 201
    assert (await post(client, path, DESK)).status_code == 201


@pytest.mark.parametrize(("query", "data"), [("", DESK), ("?dry=1", LAMP)])
async def test_a_key_is_for_one_request(
    client: AsyncClient, path: str, query: str, data: dict[str, Any]
) -> None:
    await post(client, path, LAMP)
    headers = {"Idempotency-Key": "8e03978e"}
    response = await client.post(f"{path}{query}", json=data, headers=headers)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("This Idempotency-Key came with another request")
    assert count(Thing) == 1


async def test_a_key_that_one_endpoint_was_sent_is_free_at_another(client: AsyncClient) -> None:
    first, second = THINGS
    assert (await post(client, first, LAMP)).status_code == 201
    assert (await post(client, second, DESK)).status_code == 201
    assert count(Thing) == 2


@pytest.mark.parametrize("refusal", [409, 422])
async def test_a_retry_after_an_error_does_the_work(
    client: AsyncClient, path: str, refusal: int
) -> None:
    other = await client.post(path, json=LAMP)
    wrong = LAMP if refusal == 409 else LAMP | {"name": ""}
    assert (await post(client, path, wrong)).status_code == refusal
    await client.delete(other.headers["Location"])
    assert (await post(client, path, LAMP)).status_code == 201
    assert count(Thing) == 1


async def test_a_key_counts_for_a_day(client: AsyncClient, path: str) -> None:
    await post(client, path, LAMP)
    expire()
    again = await post(client, path, DESK)
    assert (again.status_code, again.json()["name"]) == (201, DESK["name"])
    assert seen(await post(client, path, DESK)) == seen(again)


async def test_old_keys_go_and_hold_nobody_up(client: AsyncClient, path: str) -> None:
    with SessionLocal.begin() as session:
        old = [f"old {number}" for number in range(FORGOTTEN_AT_ONCE + 2)]
        keys = [IdempotencyKey(scope="POST /", key=key, fingerprint="") for key in old]
        session.add_all(keys)
    expire()
    with SessionLocal() as session:
        session.scalars(select(IdempotencyKey).limit(1).with_for_update()).one()
        await post(client, path, LAMP)
        assert count(IdempotencyKey) == 2 + 1
        await post(client, path, DESK, "another")
        assert count(IdempotencyKey) == 1 + 2
    await post(client, path, {"name": "a chair"}, "a third")
    assert count(IdempotencyKey) == 3


@pytest.mark.parametrize("key", ["!", "~", '"8e03978e"', "x" * 255])
async def test_a_key_is_visible_ascii(client: AsyncClient, path: str, key: str) -> None:
    assert (await post(client, path, LAMP, key)).status_code == 201


@pytest.mark.parametrize("key", [b"", b"a b", b"\xe9", b"\x00", b"a\n", b"x" * 256], ids=repr)
async def test_another_key_is_pointed_at(client: AsyncClient, path: str, key: bytes) -> None:
    headers = [(b"Idempotency-Key", key)]
    response = await client.post(path, json=LAMP, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error == {"pointer": "/header/Idempotency-Key", "detail": INVALID}


async def test_a_key_costs_so_many_statements(
    client: AsyncClient, path: str, counting: Counting
) -> None:
    for statements in (4, 2):
        with counting() as executed:
            assert (await post(client, path, LAMP)).status_code == 201
        assert len(executed) == statements, executed


def test_the_key_is_documented(app: FastAPI, path: str) -> None:
    (header,) = app.openapi()["paths"][path]["post"]["parameters"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)
