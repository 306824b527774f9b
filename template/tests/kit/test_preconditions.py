"""Of two clients that edit one row, the second is told, and overwrites nothing."""

import asyncio
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.database import SessionLocal
from app.kit.http.middleware import add_middleware
from tests.conftest import Counting, connect
from tests.kit.things import DESK, LAMP, Thing
from tests.kit.waiting import wait_for_waiting

both_methods = pytest.mark.parametrize("method", ["PATCH", "DELETE"])


@pytest.fixture
async def url(client: AsyncClient, path: str) -> str:
    """Of a thing that has been created, and not been changed since."""
    location: str = (await client.post(path, json=LAMP)).headers["Location"]
    return location


def key_of(url: str) -> UUID:
    return UUID(url.rpartition("/")[2])


async def edit(client: AsyncClient, url: str, method: str, *if_match: str) -> int:
    headers = [(b"If-Match", sent.encode("latin-1")) for sent in if_match]
    return (await client.request(method, url, json=DESK, headers=headers)).status_code


async def test_the_etag_grows_with_each_change(client: AsyncClient, path: str) -> None:
    created = await client.post(path, json=LAMP)
    url = created.headers["Location"]
    assert created.headers["ETag"] == '"1"'
    assert (await client.patch(url, json={})).headers["ETag"] == '"1"'
    assert (await client.patch(url, json=DESK)).headers["ETag"] == '"2"'
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
    client: AsyncClient, url: str, method: str, if_match: list[str]
) -> None:
    assert await edit(client, url, method, *if_match) in {200, 204}


@both_methods
@pytest.mark.parametrize(
    "if_match",
    ['"2"', 'W/"1"', '"01"', '"*"', '""', '"é"', '"a,1"', '"99999999999999999999"', '"2", "3"'],
)
async def test_an_edit_of_another_version_is_refused(
    client: AsyncClient, url: str, method: str, if_match: str
) -> None:
    created = (await client.get(url)).json()
    assert await edit(client, url, method, if_match) == 412
    assert (await client.get(url)).json() == created


@both_methods
@pytest.mark.parametrize(
    "if_match",
    ["", "1", '"1', '1"', '"1" "2"', '"1""2"', '*, "1"', 'w/"1"', '"\x00"', '"a b"', ","],
)
async def test_a_malformed_if_match_is_pointed_at(
    client: AsyncClient, url: str, method: str, if_match: str
) -> None:
    headers = [(b"If-Match", if_match.encode())]
    response = await client.request(method, url, json=DESK, headers=headers)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["pointer"] == "/header/If-Match"
    assert error["detail"] == 'If-Match is neither * nor a list of ETags, such as "1"'


@both_methods
@pytest.mark.parametrize("if_match", ['"1"', "*"])
async def test_there_is_no_version_of_an_unknown_thing(
    client: AsyncClient, path: str, method: str, if_match: str
) -> None:
    assert await edit(client, f"{path}/{uuid4()}", method, if_match) == 404


@pytest.mark.parametrize(("if_match", "refusal"), [(['"1"'], 412), (["*"], 409), ([], 409)])
async def test_of_two_edits_at_once_one_succeeds(
    client: AsyncClient, url: str, if_match: list[str], refusal: int
) -> None:
    with SessionLocal.begin() as session:
        session.get_one(Thing, key_of(url), with_for_update=True)
        edits = [asyncio.create_task(edit(client, url, "PATCH", *if_match)) for _ in range(2)]
        await wait_for_waiting(2)
    assert sorted(await asyncio.gather(*edits)) == [200, refusal]
    assert (await client.get(url)).json()["version"] == 2


@both_methods
@pytest.mark.parametrize("meanwhile", ["changed", "deleted"])
async def test_an_edit_is_held_to_its_version_until_the_end(
    client: AsyncClient, url: str, method: str, meanwhile: str
) -> None:
    with SessionLocal.begin() as session:
        found = session.get_one(Thing, key_of(url))
        if meanwhile == "changed":
            found.name = "a chair"
        else:
            session.delete(found)
        session.flush()
        editing = asyncio.create_task(edit(client, url, method, '"1"'))
        await wait_for_waiting(1)
    assert await editing == (404 if (method, meanwhile) == ("DELETE", "deleted") else 412)
    with SessionLocal() as session:
        left = session.get(Thing, key_of(url))
        assert (left and left.name) == ("a chair" if meanwhile == "changed" else None)


@pytest.mark.parametrize(("method", "statements"), [("PATCH", 2), ("DELETE", 1)])
async def test_a_condition_costs_no_statement(
    client: AsyncClient, url: str, counting: Counting, method: str, statements: int
) -> None:
    with counting() as executed:
        assert await edit(client, url, method, '"1"') in {200, 204}
    assert len(executed) == statements, executed


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_the_condition_is_documented(app: FastAPI, path: str, method: str) -> None:
    operation = app.openapi()["paths"][path + "/{thing_id}"][method]
    (header,) = [found for found in operation["parameters"] if found["in"] == "header"]
    assert (header["name"], header["required"]) == ("If-Match", False)
    assert "412" in operation["responses"]


@pytest.mark.parametrize(
    ("if_match", "code"),
    [("", 428), ('"2"', 412), ('W/"1"', 412), ('"1', 422), ('"1"', 200), ("*", 200)],
)
async def test_where_a_condition_is_required_an_edit_has_one(
    client: AsyncClient, url: str, if_match: str, code: int
) -> None:
    headers = {"If-Match": if_match} if if_match else {}
    response = await client.put(url, json=DESK, headers=headers)
    assert response.status_code == code
    if code != 200:
        assert response.headers["Content-Type"] == "application/problem+json"
    assert (await client.get(url)).json()["version"] == (2 if code == 200 else 1)


def test_a_required_condition_is_documented(app: FastAPI, path: str) -> None:
    operation = app.openapi()["paths"][path + "/{thing_id}"]["put"]
    assert {"412", "428"} <= operation["responses"].keys()


async def test_a_script_of_another_origin_reads_the_etag() -> None:
    service, origin = FastAPI(), "https://front.example.com"
    add_middleware(service, cors_origins=[origin])
    async with connect(service) as client:
        response = await client.get("/", headers={"Origin": origin})
    assert "ETag" in response.headers["Access-Control-Expose-Headers"]
