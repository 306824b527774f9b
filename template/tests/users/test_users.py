import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from app.database import SessionLocal
from app.users.models import User
from tests.conftest import Counting

ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}


async def create(client: AsyncClient, **changes: Any) -> dict[str, Any]:
    response = await client.post("/api/v1/users", json=ADA | changes)
    assert response.status_code == 201, response.text
    user: dict[str, Any] = response.json()
    return user


async def test_a_user_is_created_and_found_at_its_location(client: AsyncClient) -> None:
    created = await client.post("/api/v1/users", json=ADA)
    assert created.status_code == 201
    found = await client.get(created.headers["Location"])
    assert found.status_code == 200
    assert found.json() == created.json()
    assert found.json() | ADA == found.json()


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.COM"])
async def test_an_email_is_taken_once(client: AsyncClient, email: str) -> None:
    await create(client)
    again = await client.post("/api/v1/users", json=ADA | {"email": email})
    assert again.status_code == 409
    assert again.json()["detail"] == "A user with this e-mail address exists already."


def test_the_database_refuses_an_email_with_a_capital() -> None:
    with SessionLocal() as session, pytest.raises(IntegrityError, match="ck_users_email_lower"):
        session.execute(insert(User).values(id=uuid4(), email="Ada@example.com", full_name="Ada"))


async def test_of_fifty_equal_creates_one_succeeds(client: AsyncClient) -> None:
    posts = [client.post("/api/v1/users", json=ADA) for _ in range(50)]
    codes = [response.status_code for response in await asyncio.gather(*posts)]
    assert sorted(codes) == [201] + [409] * 49


async def test_a_patch_changes_what_it_names(client: AsyncClient) -> None:
    user = await create(client)
    response = await client.patch(f"/api/v1/users/{user['id']}", json={"full_name": "Ada King"})
    assert response.status_code == 200
    assert response.json()["updated_at"] > user["updated_at"]
    changed = {"full_name": "Ada King", "updated_at": response.json()["updated_at"]}
    assert response.json() == user | changed | {"version": 2}
    assert (await client.get(f"/api/v1/users/{user['id']}")).json() == response.json()


async def test_a_patch_cannot_take_an_email_or_erase_a_field(client: AsyncClient) -> None:
    await create(client)
    other = await create(client, email="bob@example.com")
    url = f"/api/v1/users/{other['id']}"
    assert (await client.patch(url, json={"email": "ada@example.com"})).status_code == 409
    assert (await client.patch(url, json={"email": None})).status_code == 422
    assert (await client.get(url)).json() == other


async def test_a_deleted_user_is_gone(client: AsyncClient) -> None:
    user = await create(client)
    url = f"/api/v1/users/{user['id']}"
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 404
    assert (await client.delete(url)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("GET", "/profile"),
        ("PUT", "/profile"),
        ("GET", "/groups"),
        ("PUT", "/groups/staff"),
        ("DELETE", "/groups/staff"),
    ],
)
async def test_an_unknown_user_is_not_found(client: AsyncClient, method: str, path: str) -> None:
    body = {"bio": ""} if path == "/profile" else {}
    response = await client.request(method, f"/api/v1/users/{uuid4()}{path}", json=body)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_the_pages_hold_every_user_once_in_order(client: AsyncClient) -> None:
    emails = [f"user{number}@example.com" for number in range(5)]
    for email in emails:
        await create(client, email=email)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 2}
    while True:
        page = (await client.get("/api/v1/users", params=params)).json()
        seen += [user["email"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        assert len(page["items"]) == 2
        params["cursor"] = page["next_cursor"]
    assert seen == emails


@pytest.mark.parametrize("query", ["cursor=x", "cursor=%00", "cursor=é", "limit=0", "limit=101"])
async def test_a_broken_page_is_refused(client: AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/v1/users?{query}")).status_code == 422


async def test_a_profile_is_written_and_rewritten(client: AsyncClient) -> None:
    user = await create(client)
    url = f"/api/v1/users/{user['id']}/profile"
    assert (await client.get(url)).status_code == 404
    for bio in ["Countess", ""]:
        expected = {"user_id": user["id"], "bio": bio}
        assert (await client.put(url, json={"bio": bio})).json() == expected
        assert (await client.get(url)).json() == expected


async def test_a_profile_that_is_put_twice_at_once_is_put(client: AsyncClient) -> None:
    url = f"/api/v1/users/{(await create(client))['id']}/profile"
    puts = [client.put(url, json={"bio": "Countess"}) for _ in range(10)]
    assert {response.status_code for response in await asyncio.gather(*puts)} == {200}


async def test_a_user_joins_and_leaves_groups(client: AsyncClient) -> None:
    url = f"/api/v1/users/{(await create(client))['id']}/groups"
    for name in ["staff", "poets", "staff"]:
        assert (await client.put(f"{url}/{name}")).json()["name"] == name
    assert [group["name"] for group in (await client.get(url)).json()] == ["poets", "staff"]
    assert (await client.delete(f"{url}/staff")).status_code == 204
    assert (await client.delete(f"{url}/staff")).status_code == 404
    assert [group["name"] for group in (await client.get(url)).json()] == ["poets"]


@pytest.mark.parametrize(
    ("method", "path", "body", "statements"),
    [
        ("POST", "", ADA | {"email": "bob@example.com"}, 1),
        ("GET", "", None, 1),
        ("GET", "/{id}", None, 1),
        ("PATCH", "/{id}", {"full_name": "Ada King"}, 2),
        ("DELETE", "/{id}", None, 1),
        ("PUT", "/{id}/profile", {"bio": "Countess"}, 2),
        ("GET", "/{id}/groups", None, 2),
    ],
)
async def test_a_request_issues_so_many_statements(
    client: AsyncClient,
    counting: Counting,
    method: str,
    path: str,
    body: dict[str, Any] | None,
    statements: int,
) -> None:
    user = await create(client)
    with counting() as executed:
        url = f"/api/v1/users{path.format(id=user['id'])}"
        response = await client.request(method, url, json=body)
    assert response.is_success
    assert len(executed) == statements, executed
