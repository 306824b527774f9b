"""Every error is an application/problem+json; bad input is the client's, never a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import InternalError

from app.database import SessionDep
from app.kit.http.handlers import add_error_handlers
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
    problem = check(await client.get("/nowhere"), 404)
    assert problem["detail"] == "There is nothing at this path."


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/health/live", "GET"),
        ("/api/v1/users", "GET, POST"),
        ("/api/v1/users/1/profile", "GET, PUT"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "SPIN"])
async def test_a_wrong_method_is_told_every_right_one(
    client: AsyncClient, method: str, path: str, allowed: str
) -> None:
    response = await client.request(method, path)
    assert allowed in check(response, 405)["detail"]
    assert response.headers["Allow"] == allowed


async def test_an_invalid_field_is_pointed_at(client: AsyncClient) -> None:
    response = await client.post("/api/v1/users", json={"email": "x", "full_name": "Ada"})
    (error,) = check(response, 422)["errors"]
    assert error == {"pointer": "/body/email", "detail": "This is not an e-mail address"}


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


async def test_a_connection_that_is_about_to_close_is_a_503() -> None:
    service = FastAPI()
    add_error_handlers(service)
    driver: Any = AsyncAdapt_asyncpg_dbapi

    @service.get("/farewell")
    async def farewell() -> None:
        reason = "cannot switch to state 11; another operation (2) is in progress"
        raise InternalError("SELECT 1", {}, driver.InternalClientError(reason))

    async with connect(service) as client:
        check(await client.get("/farewell"), 503)


async def test_a_number_is_no_boolean(client: AsyncClient) -> None:
    check(await client.post("/api/v1/users", json=ADA | {"is_active": 0}), 422)


async def test_no_error_repeats_what_was_sent(app: FastAPI, client: AsyncClient) -> None:
    """Everywhere at once: in each part of the path, each parameter and each field of the body."""
    document, secret, pointers = app.openapi(), f"{SECRET}\x00", set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sent: dict[str, dict[str, str]] = {"path": {}, "query": {}, "header": {}, "cookie": {}}
            for each in operation.get("parameters", []):
                sent[each["in"]][each["name"]] = secret
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            name = schema.get("$ref", "").removeprefix("#/components/schemas/")
            fields = document["components"]["schemas"].get(name, {}).get("properties", {})
            response = await client.request(
                method,
                path.format_map({key: quote(value) for key, value in sent["path"].items()}),
                params=sent["query"],
                headers=sent["header"],
                json=dict.fromkeys([*fields, SECRET], secret),
            )
            if response.is_error:
                problem = check(response, response.status_code)
                pointers |= {error["pointer"] for error in problem.get("errors", [])}
                assert SECRET not in response.text, f"{method} {path}"
    assert pointers >= {
        "/path/user_id",
        "/path/name",
        "/query/cursor",
        "/header/If-Match",
        "/header/Idempotency-Key",
        "/body/full_name",
        "/body/bio",
    }


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
        b'{"email": "ada@example.com", "full_name": ' + b"1" * 5000 + b"}",
        b'{"email": "ada@example.com", "full_name": "x", "is_active": NaN}',
        b'{"email": "ada@example.com", "full_name": "x", "is_active": -Infinity}',
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
async def test_hostile_json_is_refused(client: AsyncClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post("/api/v1/users", content=content, headers=headers)
    assert response.status_code in {400, 422}, response.text
    unparsed = check(response, response.status_code)["detail"].startswith("The body cannot be")
    assert unparsed is (response.status_code == 400)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": ""},
        {"Content-Type": ";"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_body_that_is_no_json_is_told_so(
    client: AsyncClient, headers: dict[str, str]
) -> None:
    response = await client.post("/api/v1/users", content=json.dumps(ADA), headers=headers)
    assert "Content-" in check(response, 415)["detail"]


@pytest.mark.parametrize(
    ("charset", "encoding", "status"),
    [
        ("utf-8", "utf-8", 201),
        ("utf-8", "utf-8-sig", 201),
        ("latin-1", "utf-8", 201),
        ("latin-1", "latin-1", 400),
    ],
)
async def test_json_is_unicode_whatever_its_content_type_says(
    client: AsyncClient, charset: str, encoding: str, status: int
) -> None:
    content = json.dumps(ADA | {"full_name": "Ädä"}, ensure_ascii=False).encode(encoding)
    headers = {"Content-Type": f"application/json; charset={charset}"}
    response = await client.post("/api/v1/users", content=content, headers=headers)
    assert response.status_code == status
    if status == 201:
        assert response.json()["full_name"] == "Ädä"


async def test_an_answer_lists_a_hundred_errors_at_most(client: AsyncClient) -> None:
    response = await client.post("/api/v1/users", json=dict.fromkeys(map(str, range(1000)), 1))
    assert len(check(response, 422)["errors"]) == 100


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
        "/api/v1/users?cursor=",
        "/api/v1/users?cursor=" + "A" * 22 + "!",
        "/api/v1/users?cursor=" + "A" * 22 + "%00",
    ],
    ids=lambda path: path[:40],
)
async def test_hostile_paths_and_queries_are_refused(client: AsyncClient, path: str) -> None:
    check(await client.get(path), 422)


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


async def test_every_documented_error_is_a_problem(app: FastAPI) -> None:
    for path in app.openapi()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
