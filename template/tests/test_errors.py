"""Every error is an application/problem+json; bad input is the client's, never a 500."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import delete

from app.database import SessionDep
from app.errors import add_error_handlers
from app.users.models import User
from tests.conftest import connect

SECRET = "correct horse battery staple"
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}


def check(response: Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == "about:blank"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


async def test_an_unknown_path_is_a_problem(client: AsyncClient) -> None:
    check(await client.get("/nowhere"), 404)


async def test_a_wrong_method_is_a_problem_and_names_the_right_ones(client: AsyncClient) -> None:
    response = await client.put("/health/live")
    check(response, 405)
    assert response.headers["Allow"] == "GET"


async def test_an_invalid_field_is_pointed_at(client: AsyncClient) -> None:
    response = await client.post("/api/v1/users", json={"email": "x", "full_name": "Ada"})
    problem = check(response, 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/body/email"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (ADA | {SECRET: 1}, "/body"),
        ('{"' + SECRET, "/body"),
        (ADA | {"email": f"{SECRET}@"}, "/body/email"),
    ],
)
async def test_an_error_repeats_no_key_and_no_part_of_a_value(
    client: AsyncClient, body: Any, pointer: str
) -> None:
    sent = {"json": body} if isinstance(body, dict) else {"content": body}
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/v1/users", headers=headers, **sent)
    (error,) = check(response, 422)["errors"]
    assert error["pointer"] == pointer
    assert SECRET not in response.text
    listed = await client.get("/api/v1/users", params={"cursor": SECRET})
    assert SECRET not in listed.text


async def test_a_broken_id_is_pointed_at_and_not_repeated(client: AsyncClient) -> None:
    (error,) = check(await client.get("/api/v1/users/hunter2"), 422)["errors"]
    assert error == {"pointer": "/path/user_id", "detail": "Input should be a valid UUID"}


async def test_a_row_that_is_gone_before_its_update_is_a_conflict() -> None:
    service = FastAPI()
    add_error_handlers(service)

    @service.post("/race")
    def race(session: SessionDep) -> None:
        user = User(email="ada@example.com", full_name="Ada")
        session.add(user)
        session.flush()
        session.execute(delete(User), execution_options={"synchronize_session": False})
        user.full_name = "Ada King"

    async with connect(service) as client:
        check(await client.post("/race"), 409)


async def test_a_number_is_no_boolean(client: AsyncClient) -> None:
    check(await client.post("/api/v1/users", json=ADA | {"is_active": 0}), 422)


@pytest.mark.parametrize("field", ["email", "full_name", "is_active", "unknown"])
async def test_an_error_never_repeats_the_input(client: AsyncClient, field: str) -> None:
    body = ADA | {field: f"{SECRET}\x00"}
    response = await client.post("/api/v1/users", json=body)
    check(response, 422)
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "content",
    [
        b'{"email": "ada@example.com", "full_name": "a\\u0000b"}',
        b'{"email": "ada@example.com", "full_name": "\\ud800"}',
        b'{"email": "ada@example.com", "full_name": "\xff"}',
        b'{"email": "ada@example.com", "full_name": "x", "\\ud800": 1}',
        b'{"email": "\\ud800@example.com", "full_name": "x"}',
        b'{"email": "ada@example.com", "full_name": NaN}',
        b'{"email": "ada@example.com", "full_name": 1e999}',
        b'{"email": "ada@example.com", "full_name": 9223372036854775808}',
        b'{"email": "ada@example.com", "full_name": "' + b"x" * 100_000 + b'"}',
        b'{"email": "' + b"x" * 100_000 + b'@example.com", "full_name": "x"}',
        b"[" * 100_000,
        b"[]",
        b"null",
        b"{",
        b"",
        b"\xff\xfe",
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
async def test_hostile_json_is_refused(client: AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/v1/users", content=content, headers=headers)
    assert response.status_code in {400, 422}, response.text
    check(response, response.status_code)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/users/1",
        "/api/v1/users/9223372036854775808",
        "/api/v1/users/%00",
        "/api/v1/users/%FF",
        "/api/v1/users/" + "x" * 10_000,
        "/api/v1/users?limit=99999999999999999999",
        "/api/v1/users?cursor=" + "A" * 10_000,
    ],
    ids=lambda path: path[:40],
)
async def test_hostile_paths_and_queries_are_refused(client: AsyncClient, path: str) -> None:
    check(await client.get(path), 422)


async def test_a_group_with_a_nul_in_its_name_is_refused(client: AsyncClient) -> None:
    user = (await client.post("/api/v1/users", json=ADA)).json()
    check(await client.put(f"/api/v1/users/{user['id']}/groups/a%00b"), 422)


@pytest.mark.parametrize(
    ("headers", "most"), [({"Content-Length": "20000000"}, 0), ({}, 2)], ids=["length", "chunks"]
)
async def test_a_large_body_is_refused_before_its_end(
    client: AsyncClient, headers: dict[str, str], most: int
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(20):
            sent += 1
            yield b"x" * 1_000_000

    headers |= {"Content-Type": "application/json"}
    check(await client.post("/api/v1/users", content=body(), headers=headers), 413)
    assert sent <= most


@pytest.mark.parametrize("character", ["\x00", "\x07", "\n", "\x7f"])
async def test_a_control_character_in_a_name_is_pointed_at(
    client: AsyncClient, character: str
) -> None:
    response = await client.post("/api/v1/users", json=ADA | {"full_name": f"A{character}a"})
    (error,) = check(response, 422)["errors"]
    assert error["pointer"] == "/body/full_name"


async def test_every_documented_error_is_a_problem(app: FastAPI) -> None:
    for path in app.openapi()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
