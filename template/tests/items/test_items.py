from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient

from tests.conftest import Counting


@pytest.fixture
async def owner(client: AsyncClient) -> dict[str, Any]:
    ada = {"email": "ada@example.com", "full_name": "Ada Lovelace"}
    user: dict[str, Any] = (await client.post("/api/v1/users", json=ada)).json()
    return user


async def create(client: AsyncClient, owner: dict[str, Any], title: str) -> dict[str, Any]:
    response = await client.post("/api/v1/items", json={"owner_id": owner["id"], "title": title})
    assert response.status_code == 201, response.text
    item: dict[str, Any] = response.json()
    assert response.headers["Location"] == f"/api/v1/items/{item['id']}"
    return item


async def test_an_item_lives(client: AsyncClient, owner: dict[str, Any]) -> None:
    item = await create(client, owner, "lamp")
    url = f"/api/v1/items/{item['id']}"
    assert item["owner"] == owner
    assert (await client.get(url)).json() == item
    assert (await client.patch(url, json={"title": "desk"})).json() == item | {"title": "desk"}
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 404
    assert (await client.patch(url, json={})).status_code == 404
    assert (await client.delete(url)).status_code == 404


async def test_an_item_needs_an_owner(client: AsyncClient) -> None:
    orphan = {"owner_id": str(uuid4()), "title": "lamp"}
    assert (await client.post("/api/v1/items", json=orphan)).status_code == 404


async def test_a_broken_owner_is_refused(client: AsyncClient) -> None:
    assert (await client.get("/api/v1/items?owner_id=1")).status_code == 422


async def test_an_item_goes_with_its_owner(client: AsyncClient, owner: dict[str, Any]) -> None:
    item = await create(client, owner, "lamp")
    assert (await client.delete(f"/api/v1/users/{owner['id']}")).status_code == 204
    assert (await client.get(f"/api/v1/items/{item['id']}")).status_code == 404


async def test_items_are_listed_by_owner(client: AsyncClient, owner: dict[str, Any]) -> None:
    titles = ["lamp", "desk", "chair"]
    for title in titles:
        await create(client, owner, title)
    mine = (await client.get("/api/v1/items", params={"owner_id": owner["id"]})).json()
    assert [item["title"] for item in mine["items"]] == titles
    others = (await client.get("/api/v1/items", params={"owner_id": str(uuid4())})).json()
    assert others == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("length", [1, 5])
async def test_a_page_with_its_owners_is_two_statements(
    client: AsyncClient,
    owner: dict[str, Any],
    counting: Counting,
    length: int,
) -> None:
    for number in range(length):
        await create(client, owner, f"item {number}")
    with counting() as executed:
        page = (await client.get("/api/v1/items")).json()
    assert len(page["items"]) == length
    assert len(executed) == 2, executed
