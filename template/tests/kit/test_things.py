"""What the kit's functions do for a feature: pages, statements, inserts that meet each other."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from tests.conftest import Counting
from tests.kit.problems import check
from tests.kit.things import DESK, LAMP, NAME_TAKEN


@pytest.fixture
async def url(client: AsyncClient, path: str) -> str:
    location: str = (await client.post(path, json=LAMP)).headers["Location"]
    return location


async def test_a_new_row_is_found_at_its_location(client: AsyncClient, path: str) -> None:
    created = await client.post(path, json=LAMP)
    assert created.status_code == 201
    found = await client.get(created.headers["Location"])
    assert found.json() == created.json()
    assert found.json() | LAMP == found.json()
    assert found.headers["ETag"] == created.headers["ETag"]


async def test_a_duplicate_is_a_conflict_in_the_services_words(
    client: AsyncClient, path: str
) -> None:
    answers = await asyncio.gather(*(client.post(path, json=LAMP) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 49
    assert check(await client.post(path, json=LAMP), 409)["detail"] == NAME_TAKEN


async def test_a_change_is_dated_and_a_conflict_changes_nothing(
    client: AsyncClient, path: str, url: str
) -> None:
    created = (await client.get(url)).json()
    changed = (await client.patch(url, json={"text": "It is green."})).json()
    assert changed["updated_at"] > created["updated_at"]
    assert changed["created_at"] == created["created_at"]
    await client.post(path, json=DESK)
    check(await client.patch(url, json=DESK), 409)
    check(await client.patch(url, json={"name": None}), 422)
    assert (await client.get(url)).json() == changed


@pytest.mark.parametrize(
    ("method", "below"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/note"), ("GET", "/parts")],
)
async def test_an_unknown_row_is_not_found(
    client: AsyncClient, path: str, method: str, below: str
) -> None:
    body = {"text": ""} if below == "/note" else {}
    check(await client.request(method, f"{path}/{uuid4()}{below}", json=body), 404)


async def test_the_pages_hold_every_row_once_in_order(client: AsyncClient, path: str) -> None:
    names = [f"thing {number}" for number in range(5)]
    for name in names:
        await client.post(path, json={"name": name})
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get(path, params=params)).json()
        seen += [thing["name"] for thing in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 2
        params["cursor"] = page["next_cursor"]
    assert seen == names


@pytest.mark.parametrize("query", ["cursor=x", "cursor=%00", "cursor=é", "limit=0", "limit=101"])
async def test_a_broken_page_is_refused(client: AsyncClient, path: str, query: str) -> None:
    check(await client.get(f"{path}?{query}"), 422)


async def test_an_upsert_inserts_and_updates(client: AsyncClient, url: str) -> None:
    for text in ["It is green.", ""]:
        assert (await client.put(f"{url}/note", json={"text": text})).json() == {"text": text}


async def test_upserts_at_once_all_succeed(client: AsyncClient, url: str) -> None:
    puts = [client.put(f"{url}/note", json={"text": "It is green."}) for _ in range(10)]
    assert {response.status_code for response in await asyncio.gather(*puts)} == {200}


async def test_what_is_inserted_if_absent_is_there_once(client: AsyncClient, url: str) -> None:
    names = ["shade", "foot", "shade"]
    puts = [client.put(f"{url}/parts/{name}") for name in names * 3]
    assert {response.status_code for response in await asyncio.gather(*puts)} == {200}
    parts = (await client.get(f"{url}/parts")).json()
    assert [part["name"] for part in parts] == ["foot", "shade"]


@pytest.mark.parametrize(
    ("method", "below", "body", "statements"),
    [
        ("GET", "", None, 1),
        ("PATCH", "", DESK, 2),
        ("DELETE", "", None, 1),
        ("PUT", "/note", {"text": "It is green."}, 2),
        ("GET", "/parts", None, 2),
    ],
)
async def test_a_request_issues_so_many_statements(
    client: AsyncClient,
    counting: Counting,
    url: str,
    method: str,
    below: str,
    body: dict[str, Any] | None,
    statements: int,
) -> None:
    with counting() as executed:
        assert (await client.request(method, f"{url}{below}", json=body)).is_success
    assert len(executed) == statements, executed


async def test_a_list_and_a_new_row_are_one_statement_each(
    client: AsyncClient, counting: Counting, path: str
) -> None:
    for response in (client.post(path, json=LAMP), client.get(path)):
        with counting() as executed:
            assert (await response).is_success
        assert len(executed) == 1, executed
