import asyncio
from typing import Any
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from sqlalchemy.exc import IntegrityError

from app.database import SessionLocal
from tests.conftest import Counting
from tests.users.factories import FIELDS, create_user, make_user, user_data


async def test_a_user_is_created_and_found_at_its_location(client: AsyncClient) -> None:
    created = await client.post("/api/v1/users", json=user_data())
    assert created.status_code == 201
    found = await client.get(created.headers["Location"])
    assert found.status_code == 200
    assert found.json() == created.json()
    assert found.json() | FIELDS == found.json()


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@Example.COM"])
async def test_an_email_is_taken_once(client: AsyncClient, email: str) -> None:
    await create_user(client)
    again = await client.post("/api/v1/users", json=user_data(email=email))
    assert again.status_code == 409
    assert again.json()["detail"] == "A user with this e-mail address exists already."


def test_the_database_refuses_an_email_with_a_capital() -> None:
    with SessionLocal() as session:
        session.add(make_user(email="Ada@example.com"))
        with pytest.raises(IntegrityError, match="ck_users_email_lower"):
            session.flush()


async def test_of_fifty_equal_creates_one_succeeds(client: AsyncClient) -> None:
    posts = [client.post("/api/v1/users", json=user_data()) for _ in range(50)]
    codes = [response.status_code for response in await asyncio.gather(*posts)]
    assert sorted(codes) == [201] + [409] * 49


async def test_a_patch_changes_what_it_names(client: AsyncClient) -> None:
    user = await create_user(client)
    response = await client.patch(f"/api/v1/users/{user['id']}", json={"is_active": False})
    assert response.status_code == 200
    assert response.json()["updated_at"] > user["updated_at"]
    changed = {"is_active": False, "updated_at": response.json()["updated_at"]}
    assert response.json() == user | changed | {"version": 2}
    assert (await client.get(f"/api/v1/users/{user['id']}")).json() == response.json()


async def test_a_patch_cannot_take_an_email_or_erase_a_field(client: AsyncClient) -> None:
    await create_user(client)
    other = await create_user(client, email="bob@example.com")
    url = f"/api/v1/users/{other['id']}"
    assert (await client.patch(url, json={"email": "ada@example.com"})).status_code == 409
    assert (await client.patch(url, json={"email": None})).status_code == 422
    assert (await client.get(url)).json() == other


async def test_a_retried_create_is_one_user(client: AsyncClient) -> None:
    headers = {"Idempotency-Key": "8e03978e"}
    first = await client.post("/api/v1/users", json=user_data(), headers=headers)
    again = await client.post("/api/v1/users", json=user_data(), headers=headers)
    assert (first.status_code, first.headers["ETag"]) == (201, '"1"')
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("ETag", "Location"):
        assert again.headers[name] == first.headers[name]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_an_edit_may_name_the_version_that_it_changes(
    client: AsyncClient, method: str
) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}"
    for etag, accepted in {'"2"': False, '"1"': True}.items():
        headers = {"If-Match": etag}
        response = await client.request(method, url, json={"is_active": False}, headers=headers)
        assert response.is_success if accepted else response.status_code == 412


@pytest.mark.parametrize("character", ["x", "🎉"])
async def test_a_name_may_be_as_long_as_its_column(client: AsyncClient, character: str) -> None:
    url = f"/api/v1/users/{(await create_user(client))['id']}"
    stored = await client.patch(url, json={"full_name": character * 200})
    assert stored.json()["full_name"] == character * 200
    assert (await client.patch(url, json={"full_name": character * 201})).status_code == 422


@pytest.mark.parametrize("name", ["", " Ada", "Ada\nLovelace", "A\x00a"], ids=ascii)
async def test_a_name_is_one_line(client: AsyncClient, name: str) -> None:
    response = await client.post("/api/v1/users", json=user_data(full_name=name))
    (error,) = response.json()["errors"]
    assert (response.status_code, error["pointer"]) == (422, "/body/full_name")


async def test_an_email_address_is_one(client: AsyncClient) -> None:
    response = await client.post("/api/v1/users", json=user_data(email="x"))
    (error,) = response.json()["errors"]
    assert error == {"pointer": "/body/email", "detail": "This is not an e-mail address"}


async def test_a_number_is_no_boolean(client: AsyncClient) -> None:
    response = await client.post("/api/v1/users", json=user_data(is_active=0))
    assert response.status_code == 422


async def test_a_deleted_user_is_gone(client: AsyncClient) -> None:
    user = await create_user(client)
    url = f"/api/v1/users/{user['id']}"
    assert (await client.delete(url)).status_code == 204
    assert (await client.get(url)).status_code == 404
    assert (await client.delete(url)).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
async def test_an_unknown_user_is_not_found(client: AsyncClient, method: str) -> None:
    response = await client.request(method, f"/api/v1/users/{uuid4()}", json={})
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_the_pages_hold_every_user_once_in_order(client: AsyncClient) -> None:
    emails = [f"user{number}@example.com" for number in range(5)]
    for email in emails:
        await create_user(client, email=email)
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


@pytest.mark.parametrize(
    ("method", "path", "body", "statements"),
    [
        ("POST", "", user_data(email="bob@example.com"), 1),
        ("GET", "", None, 1),
        ("GET", "/{id}", None, 1),
        ("PATCH", "/{id}", {"is_active": False}, 2),
        ("DELETE", "/{id}", None, 1),
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
    user = await create_user(client)
    with counting() as executed:
        url = f"/api/v1/users{path.format(id=user['id'])}"
        response = await client.request(method, url, json=body)
    assert response.is_success
    assert len(executed) == statements, executed
