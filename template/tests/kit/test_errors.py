"""Every error is an application/problem+json; bad input is the client's, never a 500."""

from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import delete
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from app.database import AsyncSessionDep, SessionDep
from app.kit.http.handlers import add_error_handlers
from tests.conftest import connect
from tests.kit.problems import check
from tests.kit.things import LAMP, Thing

SECRET = "correct horse battery staple"


async def test_an_unknown_path_is_a_problem(client: AsyncClient) -> None:
    problem = check(await client.get("/nowhere"), 404)
    assert problem["detail"] == "There is nothing at this path."


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/health/live", "GET"),
        ("/sync/things", "GET, POST"),
        ("/async/things/1", "DELETE, GET, PATCH, PUT"),
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


async def test_an_invalid_field_is_pointed_at(client: AsyncClient, path: str) -> None:
    response = await client.post(path, json=LAMP | {"contact": "x"})
    (error,) = check(response, 422)["errors"]
    assert error == {"pointer": "/body/contact", "detail": "This is not an e-mail address"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (LAMP | {SECRET: 1}, "/body"),
        ('{"' + SECRET, "/body"),
        (LAMP | {"contact": f"{SECRET}@"}, "/body/contact"),
    ],
)
async def test_an_error_repeats_no_key_and_no_part_of_a_value(
    client: AsyncClient, path: str, body: Any, pointer: str
) -> None:
    sent = {"json": body} if isinstance(body, dict) else {"content": body}
    headers = {"Content-Type": "application/json"}
    response = await client.post(path, headers=headers, **sent)
    (error,) = check(response, 422)["errors"]
    assert error["pointer"] == pointer
    assert SECRET not in response.text
    listed = await client.get(path, params={"cursor": SECRET})
    assert SECRET not in listed.text


async def test_a_broken_id_is_pointed_at_and_not_repeated(client: AsyncClient, path: str) -> None:
    response = await client.get(f"{path}/hunter2")
    (error,) = check(response, 422)["errors"]
    assert error == {"pointer": "/path/thing_id", "detail": "Input should be a valid UUID"}
    assert "hunter2" not in response.text


async def test_a_row_that_is_gone_before_its_update_is_a_conflict() -> None:
    service = FastAPI()
    add_error_handlers(service)

    def change_what_is_gone(session: Session) -> None:
        thing = Thing(name="a lamp")
        session.add(thing)
        session.flush()
        session.execute(delete(Thing), execution_options={"synchronize_session": False})
        thing.name = "a desk"

    @service.post("/sync")
    def write(session: SessionDep) -> None:
        change_what_is_gone(session)

    @service.post("/async")
    async def async_write(session: AsyncSessionDep) -> None:
        await session.run_sync(change_what_is_gone)

    async with connect(service) as client:
        check(await client.post("/sync"), 409)
        check(await client.post("/async"), 409)


async def test_a_connection_that_is_about_to_close_is_a_503() -> None:
    service = FastAPI()
    add_error_handlers(service)
    driver: Any = AsyncAdapt_asyncpg_dbapi

    @service.get("/closing")
    async def closing() -> None:
        reason = "cannot switch to state 11; another operation (2) is in progress"
        raise InternalError("SELECT 1", {}, driver.InternalClientError(reason))

    async with connect(service) as client:
        check(await client.get("/closing"), 503)


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
        "/path/thing_id",
        "/path/name",
        "/query/cursor",
        "/header/If-Match",
        "/header/Idempotency-Key",
        "/body/name",
        "/body/text",
    }


async def test_every_documented_error_is_a_problem(app: FastAPI) -> None:
    for path in app.openapi()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]
