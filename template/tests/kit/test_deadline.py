"""A request that does not begin its answer in time is a 503, in `def` and in `async def`."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from httpx2 import AsyncClient
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import database
from app.database import (
    AsyncSessionDep,
    SessionDep,
    SessionLocal,
    async_engine,
    async_read_engine,
    engine,
    engines,
    read_engine,
)
from app.kit.http.handlers import add_error_handlers
from app.kit.http.middleware import add_middleware
from app.settings import settings
from tests.conftest import connect
from tests.kit.problems import check
from tests.kit.things import Thing

SECONDS = 0.3
LONGER = 2 * SECONDS

service = FastAPI()
add_error_handlers(service)
add_middleware(service, request_timeout=SECONDS, body_timeout=SECONDS)
ended: list[int] = []


def write_slowly(session: Session) -> None:
    session.add(Thing(name="a lamp"))
    session.flush()
    session.execute(text("SELECT pg_sleep(2)"))


def sleep(connection: Connection) -> None:
    connection.execute(text("SELECT pg_sleep(2)"))


def query() -> None:
    """And note by which backend."""
    with SessionLocal() as session:
        ended.append(session.scalars(select(func.pg_backend_pid())).one())


@service.post("/sync")
def write() -> None:
    database.write(write_slowly)


@service.post("/async")
async def async_write() -> None:
    await database.async_write(write_slowly)


@service.post("/sync/session")
def write_by_session(session: SessionDep) -> None:
    write_slowly(session)


@service.post("/async/session")
async def async_write_by_session(session: AsyncSessionDep) -> None:
    await session.run_sync(write_slowly)


@service.post("/rows")
async def wait_for_rows() -> None:
    await database.async_read_rows(sleep)


@service.post("/wrapped")
def hide_the_reason(session: SessionDep) -> None:
    try:
        write_slowly(session)
    except DBAPIError as error:
        raise RuntimeError from error


@service.post("/given-back")
async def give_back_and_wait() -> None:
    await anyio.to_thread.run_sync(query)
    await anyio.sleep_forever()


@service.post("/nothing")
async def wait_for_nothing() -> None:
    await anyio.sleep_forever()


@service.post("/echo")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@service.post("/stream")
async def stream() -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4):
            await anyio.sleep(LONGER / 4)
            yield b"."

    return StreamingResponse(chunks())


@service.post("/task")
async def start_task(tasks: BackgroundTasks) -> None:
    tasks.add_task(anyio.sleep, LONGER)
    tasks.add_task(query)


@pytest.fixture
async def impatient(database: None) -> AsyncIterator[AsyncClient]:
    # With so little time, a request would not begin to connect.
    for sync_engine in (engine, read_engine):
        sync_engine.connect().close()
    for other_engine in (async_engine, async_read_engine):
        await (await other_engine.connect()).close()
    async with connect(service) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/sync", "/async", "/sync/session", "/async/session", "/rows", "/wrapped", "/nothing"]
)
async def test_what_takes_too_long_is_a_503_and_leaves_nothing(
    impatient: AsyncClient, path: str
) -> None:
    started = time.monotonic()
    response = await impatient.post(path)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Content-Type"] == "application/problem+json"
    assert time.monotonic() - started < 1.5
    assert engines.taken() == 0
    with SessionLocal() as session:
        assert session.scalars(select(func.count()).select_from(Thing)).one() == 0


async def test_a_connection_that_was_given_back_is_left_alone(impatient: AsyncClient) -> None:
    ended.clear()
    while not ended:  # a busy machine may not have begun the query in time
        assert (await impatient.post("/given-back")).status_code == 503
    before = ended.copy()
    for _ in range(settings.db_pool_size):
        query()
    assert before[0] in ended[1:]


async def send(*, pause: float) -> AsyncIterator[bytes]:
    for chunk in (b'{"a"', b":", b" 1", b"}"):
        yield chunk
        await anyio.sleep(pause)


async def test_a_body_that_keeps_coming_may_take_longer(impatient: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await impatient.post("/echo", content=send(pause=LONGER / 4), headers=headers)
    assert response.json() == {"a": 1}


async def test_a_body_that_stops_coming_is_the_clients_fault(impatient: AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}
    response = await impatient.post("/echo", content=send(pause=LONGER), headers=headers)
    assert check(response, 408)["detail"] == "No more of the body came within 0.3 seconds."


async def test_a_body_that_nobody_reads_does_not_end_the_answer(impatient: AsyncClient) -> None:
    response = await impatient.post("/stream", content=send(pause=LONGER))
    assert (response.status_code, response.text) == (200, "....")


async def test_an_answer_that_has_begun_may_take_longer(impatient: AsyncClient) -> None:
    response = await impatient.post("/stream")
    assert (response.status_code, response.text) == (200, "....")


async def test_a_background_task_may_take_longer(impatient: AsyncClient) -> None:
    ended.clear()
    assert (await impatient.post("/task")).status_code == 200
    assert len(ended) == 1
