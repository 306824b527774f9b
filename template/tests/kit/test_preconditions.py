"""Two who edit one row: the second one hears of the first, and overwrites nothing."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.database import SessionLocal
from app.kit.http.middleware import add_middleware
from app.users.models import User
from tests.conftest import Counting, connect, wait_for_waiting

USERS = "/api/v1/users"
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}
KING = {"full_name": "Ada King"}

both_methods = pytest.mark.parametrize("method", ["PATCH", "DELETE"])


@pytest.fixture
async def user(client: AsyncClient) -> dict[str, Any]:
    created: dict[str, Any] = (await client.post(USERS, json=ADA)).json()
    return created


async def edit(client: AsyncClient, user: dict[str, Any], method: str, *if_match: str) -> int:
    headers = [(b"If-Match", each.encode("latin-1")) for each in if_match]
    url = f"{USERS}/{user['id']}"
    return (await client.request(method, url, json=KING, headers=headers)).status_code


async def test_the_etag_grows_with_each_change(client: AsyncClient) -> None:
    created = await client.post(USERS, json=ADA)
    url = created.headers["Location"]
    assert created.headers["ETag"] == '"1"'
    assert (await client.patch(url, json={})).headers["ETag"] == '"1"'
    assert (await client.patch(url, json=KING)).headers["ETag"] == '"2"'
    assert (await client.get(url)).headers["ETag"] == '"2"'


@both_methods
@pytest.mark.parametrize(
    "if_match",
    [
        ['"1"'],
        ["*"],
        ['"7","1"'],
        [' ,"7"\t,, "1" ,'],
        ['W/"7", "a,b", "1"'],
        ['"7"', '"1"'],
        [],
    ],
    ids=str,
)
async def test_an_edit_of_the_version_that_was_read_succeeds(
    client: AsyncClient, user: dict[str, Any], method: str, if_match: list[str]
) -> None:
    assert await edit(client, user, method, *if_match) in {200, 204}


@both_methods
@pytest.mark.parametrize(
    "if_match",
    ['"2"', 'W/"1"', '"01"', '"*"', '""', '"é"', '"a,1"', '"99999999999999999999"', '"2", "3"'],
)
async def test_an_edit_of_another_version_is_refused(
    client: AsyncClient, user: dict[str, Any], method: str, if_match: str
) -> None:
    assert await edit(client, user, method, if_match) == 412
    assert (await client.get(f"{USERS}/{user['id']}")).json() == user


@both_methods
@pytest.mark.parametrize(
    "if_match",
    ["", "1", '"1', '1"', '"1" "2"', '"1""2"', '*, "1"', 'w/"1"', '"\x00"', '"a b"', ","],
)
async def test_a_malformed_if_match_is_pointed_at(
    client: AsyncClient, user: dict[str, Any], method: str, if_match: str
) -> None:
    headers = [(b"If-Match", if_match.encode())]
    response = await client.request(method, f"{USERS}/{user['id']}", json=KING, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/header/If-Match"
    assert error["detail"] == 'If-Match is neither * nor a list of ETags, such as "1"'


@both_methods
@pytest.mark.parametrize("if_match", ['"1"', "*"])
async def test_there_is_no_version_of_an_unknown_user(
    client: AsyncClient, method: str, if_match: str
) -> None:
    assert await edit(client, {"id": uuid4()}, method, if_match) == 404


@pytest.mark.parametrize(("if_match", "refusal"), [(['"1"'], 412), (["*"], 409), ([], 409)])
async def test_of_two_edits_at_once_one_succeeds(
    client: AsyncClient, user: dict[str, Any], if_match: list[str], refusal: int
) -> None:
    with SessionLocal.begin() as session:
        session.get_one(User, user["id"], with_for_update=True)
        edits = [asyncio.create_task(edit(client, user, "PATCH", *if_match)) for _ in range(2)]
        await wait_for_waiting(2)
    assert sorted(await asyncio.gather(*edits)) == [200, refusal]
    assert (await client.get(f"{USERS}/{user['id']}")).json()["version"] == 2


@both_methods
@pytest.mark.parametrize("meanwhile", ["changed", "deleted"])
async def test_an_edit_is_held_to_its_version_until_the_end(
    client: AsyncClient, user: dict[str, Any], method: str, meanwhile: str
) -> None:
    with SessionLocal.begin() as session:
        found = session.get_one(User, user["id"])
        if meanwhile == "changed":
            found.full_name = "Ada Byron"
        else:
            session.delete(found)
        session.flush()
        editing = asyncio.create_task(edit(client, user, method, '"1"'))
        await wait_for_waiting(1)
    assert await editing == (404 if (method, meanwhile) == ("DELETE", "deleted") else 412)
    with SessionLocal() as session:
        left = session.get(User, user["id"])
        assert (left and left.full_name) == ("Ada Byron" if meanwhile == "changed" else None)


@pytest.mark.parametrize(("method", "statements"), [("PATCH", 2), ("DELETE", 1)])
async def test_a_condition_costs_no_statement(
    client: AsyncClient, user: dict[str, Any], counting: Counting, method: str, statements: int
) -> None:
    with counting() as executed:
        assert await edit(client, user, method, '"1"') in {200, 204}
    assert len(executed) == statements, executed


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_the_condition_is_documented(app: FastAPI, method: str) -> None:
    operation = app.openapi()["paths"][USERS + "/{user_id}"][method]
    (header,) = [each for each in operation["parameters"] if each["in"] == "header"]
    assert (header["name"], header["required"]) == ("If-Match", False)
    assert "412" in operation["responses"]


async def test_a_script_of_another_origin_reads_the_etag() -> None:
    service, origin = FastAPI(), "https://front.example.com"
    add_middleware(service, cors_origins=[origin])
    async with connect(service) as client:
        response = await client.get("/", headers={"Origin": origin})
    assert "ETag" in response.headers["Access-Control-Expose-Headers"]
