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
from app.users.models import User
from tests.conftest import Counting, wait_for_waiting

USERS = "/api/v1/users"
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}
BOB = {"email": "bob@example.com", "full_name": "Bob"}
INVALID = "An Idempotency-Key is 1 to 255 visible ASCII characters, such as a UUID"


async def post(client: AsyncClient, data: dict[str, Any], key: str = "8e03978e") -> Response:
    return await client.post(USERS, json=data, headers={"Idempotency-Key": key})


def seen(response: Response) -> tuple[int, bytes, str, str]:
    headers = response.headers
    return response.status_code, response.content, headers["Location"], headers["ETag"]


def count(model: type[User] | type[IdempotencyKey]) -> int:
    with SessionLocal() as session:
        return session.scalars(select(func.count()).select_from(model)).one()


def expire() -> None:
    with SessionLocal.begin() as session:
        session.execute(update(IdempotencyKey).values(created_at=func.now() - LIFETIME * 1.01))


@contextmanager
def twin_at_work(key: str = "8e03978e") -> Iterator[None]:
    """A request that claimed the key and fails at the end of the block."""
    with SessionLocal() as session:
        session.add(IdempotencyKey(scope=f"POST {USERS}", key=key, fingerprint=""))
        session.flush()
        yield


async def test_a_retry_answers_what_the_first_answered(client: AsyncClient) -> None:
    first = await post(client, ADA)
    assert first.status_code == 201
    assert seen(await post(client, ADA)) == seen(first)
    url = first.headers["Location"]
    await client.patch(url, json={"full_name": "Ada King"})
    assert seen(await post(client, ADA)) == seen(first)
    await client.delete(url)
    assert seen(await post(client, ADA)) == seen(first)
    assert count(User) == 0


async def test_without_a_key_nothing_is_remembered(client: AsyncClient) -> None:
    codes = [(await client.post(USERS, json=ADA)).status_code for _ in range(2)]
    assert codes == [201, 409]
    assert count(IdempotencyKey) == 0


async def test_ten_equal_requests_at_once_are_one(client: AsyncClient) -> None:
    responses = await asyncio.gather(*(post(client, ADA) for _ in range(10)))
    assert responses[0].status_code == 201
    assert len({seen(response) for response in responses}) == 1
    assert count(User) == 1


async def test_a_twin_waits_for_the_first_one_to_commit(client: AsyncClient) -> None:
    with SessionLocal.begin() as session:
        session.execute(text("LOCK TABLE users IN SHARE MODE"))
        posts = [asyncio.create_task(post(client, ADA)) for _ in range(2)]
        await wait_for_waiting(2)
    first, second = await asyncio.gather(*posts)
    assert first.status_code == 201
    assert seen(first) == seen(second)


async def test_a_twin_does_the_work_where_the_first_one_failed(client: AsyncClient) -> None:
    with twin_at_work():
        posting = asyncio.create_task(post(client, ADA))
        await wait_for_waiting(1)
    assert (await posting).status_code == 201
    assert count(User) == 1


async def test_a_twin_does_not_wait_for_ever(client: AsyncClient) -> None:
    with twin_at_work():
        response = await post(client, ADA)
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.json()["detail"] == "The data is locked. Try again."
        assert (await post(client, ADA, "another")).status_code == 201
    assert (await post(client, BOB)).status_code == 201


@pytest.mark.parametrize(("query", "data"), [("", BOB), ("?dry=1", ADA)])
async def test_a_key_is_for_one_request(
    client: AsyncClient, query: str, data: dict[str, Any]
) -> None:
    await post(client, ADA)
    headers = {"Idempotency-Key": "8e03978e"}
    response = await client.post(f"{USERS}{query}", json=data, headers=headers)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("This Idempotency-Key came with another request")
    assert count(User) == 1


@pytest.mark.parametrize("refusal", [409, 422])
async def test_a_retry_after_an_error_does_the_work(client: AsyncClient, refusal: int) -> None:
    other = await client.post(USERS, json=ADA)
    wrong = ADA if refusal == 409 else ADA | {"full_name": ""}
    assert (await post(client, wrong)).status_code == refusal
    await client.delete(other.headers["Location"])
    assert (await post(client, ADA)).status_code == 201
    assert count(User) == 1


async def test_a_key_counts_for_a_day(client: AsyncClient) -> None:
    await post(client, ADA)
    expire()
    again = await post(client, BOB)
    assert (again.status_code, again.json()["email"]) == (201, BOB["email"])
    assert seen(await post(client, BOB)) == seen(again)


async def test_old_keys_go_and_hold_nobody_up(client: AsyncClient) -> None:
    with SessionLocal.begin() as session:
        old = [f"old {number}" for number in range(FORGOTTEN_AT_ONCE + 2)]
        keys = [IdempotencyKey(scope="POST /", key=key, fingerprint="") for key in old]
        session.add_all(keys)
    expire()
    with SessionLocal() as session:
        session.scalars(select(IdempotencyKey).limit(1).with_for_update()).one()
        await post(client, ADA)
        assert count(IdempotencyKey) == 2 + 1
        await post(client, BOB, "another")
        assert count(IdempotencyKey) == 1 + 2
    await post(client, ADA | {"email": "eve@example.com"}, "a third")
    assert count(IdempotencyKey) == 3


@pytest.mark.parametrize("key", ["!", "~", '"8e03978e"', "x" * 255])
async def test_a_key_is_visible_ascii(client: AsyncClient, key: str) -> None:
    assert (await post(client, ADA, key)).status_code == 201


@pytest.mark.parametrize("key", [b"", b"a b", b"\xe9", b"\x00", b"a\n", b"x" * 256], ids=repr)
async def test_another_key_is_pointed_at(client: AsyncClient, key: bytes) -> None:
    headers = [(b"Idempotency-Key", key)]
    response = await client.post(USERS, json=ADA, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error == {"pointer": "/header/Idempotency-Key", "detail": INVALID}


async def test_a_key_costs_so_many_statements(client: AsyncClient, counting: Counting) -> None:
    for statements in (4, 2):
        with counting() as executed:
            assert (await post(client, ADA)).status_code == 201
        assert len(executed) == statements, executed


def test_the_key_is_documented(app: FastAPI) -> None:
    (header,) = app.openapi()["paths"][USERS]["post"]["parameters"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", False)
