from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import event, insert, text
from uuid_utils.compat import uuid7

from app.database import SessionLocal, engine
from app.items import service
from app.items.models import Item
from app.items.schemas import ItemQuery
from tests.conftest import Counting
from tests.users.factories import create_user, make_user, user_data


@pytest.fixture
async def owner(client: AsyncClient) -> dict[str, Any]:
    return await create_user(client)


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
    headers = {"If-Match": '"1"'}
    changed = await client.patch(url, json={"title": "desk"}, headers=headers)
    assert changed.json() == item | {"title": "desk", "version": 2}
    headers = {"If-Match": changed.headers["ETag"]}
    assert (await client.delete(url, headers=headers)).status_code == 204
    assert (await client.get(url)).status_code == 404
    assert (await client.patch(url, json={}, headers=headers)).status_code == 404
    assert (await client.delete(url, headers=headers)).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_an_item_is_only_changed_by_who_read_it(
    client: AsyncClient, owner: dict[str, Any], method: str
) -> None:
    item = await create(client, owner, "lamp")
    url, body = f"/api/v1/items/{item['id']}", {"title": "desk"}
    codes = {"": 428, '"2"': 412, 'W/"1"': 412, '"1': 422}
    for if_match, code in codes.items():
        headers = {"If-Match": if_match} if if_match else {}
        refused = await client.request(method, url, json=body, headers=headers)
        assert refused.status_code == code
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert (await client.get(url)).json() == item
    accepted = await client.request(method, url, json=body, headers={"If-Match": "*"})
    assert accepted.is_success


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_what_an_item_requires_is_documented(app: FastAPI, method: str) -> None:
    operation = app.openapi()["paths"]["/api/v1/items/{item_id}"][method]
    assert {"412", "428"} <= operation["responses"].keys()


async def test_a_retried_create_is_one_item_and_its_key_is_free_elsewhere(
    client: AsyncClient, owner: dict[str, Any]
) -> None:
    headers = {"Idempotency-Key": "1"}
    body = {"owner_id": owner["id"], "title": "lamp"}
    first = await client.post("/api/v1/items", json=body, headers=headers)
    second = await client.post("/api/v1/items", json=body, headers=headers)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["Location"] == first.headers["Location"]
    assert len((await client.get("/api/v1/items")).json()["items"]) == 1
    bob = user_data(email="bob@example.com")
    assert (await client.post("/api/v1/users", json=bob, headers=headers)).status_code == 201


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


async def test_an_owners_items_are_searched_newest_first(
    client: AsyncClient, owner: dict[str, Any]
) -> None:
    titles = ["Red lamp", "Desk", "Blue LAMP", "50% off", "lamp"]
    for title in titles:
        await create(client, owner, title)
    stranger = await create_user(client, email="bob@example.com")
    await create(client, stranger, "Bob's lamp")
    found: list[str] = []
    params = {"owner_id": owner["id"], "order": "newest", "title": "Lamp", "limit": 2}
    while True:
        page = (await client.get("/api/v1/items", params=params)).json()
        found += [item["title"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert found == ["lamp", "Blue LAMP", "Red lamp"]
    for title, expected in {"0% o": ["50% off"], "e_l": [], "%": ["50% off"]}.items():
        page = (await client.get("/api/v1/items", params={"title": title})).json()
        assert [item["title"] for item in page["items"]] == expected


async def test_a_cursor_is_for_one_order(client: AsyncClient, owner: dict[str, Any]) -> None:
    for title in ("lamp", "desk"):
        await create(client, owner, title)
    page = (await client.get("/api/v1/items", params={"limit": 1})).json()
    params = {"cursor": page["next_cursor"], "order": "newest"}
    refused = await client.get("/api/v1/items", params=params)
    assert refused.status_code == 422
    assert "not a cursor of this list" in refused.json()["detail"]


@contextmanager
def plans_of_items() -> Iterator[list[str]]:
    """What PostgreSQL plans for each SELECT of items inside the block."""
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if statement.startswith("SELECT items."):
            cursor.execute(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

    event.listen(engine, "before_cursor_execute", explain)
    yield plans
    event.remove(engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_page_of_an_owners_items_is_read_by_its_index(
    order: Literal["oldest", "newest"],
) -> None:
    owners = [make_user(email=f"{number}@example.com") for number in range(100)]
    rows = [
        {"id": uuid7(), "title": "item", "description": "", "owner_id": owner.id}
        for owner in owners * 50
    ]
    with SessionLocal.begin() as session:
        session.add_all(owners)
        session.flush()
        session.execute(insert(Item), rows)
        session.execute(text("ANALYZE items"))
    query = ItemQuery(owner_id=owners[0].id, title="item", order=order)
    with SessionLocal() as session, plans_of_items() as plans:
        # So few rows are as cheap to read and sort: what would many do?
        for way in ("seqscan", "bitmapscan", "sort"):
            session.execute(text(f"SET LOCAL enable_{way} = off"))
        page = service.list_items(session, query)
        service.list_items(session, query.model_copy(update={"cursor": page.next_cursor}))
    assert len(plans) == 2
    for plan in plans:
        assert "using ix_items_owner_id_id" in plan
        assert "Sort" not in plan


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
