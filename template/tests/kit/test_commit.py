"""A 2xx means committed. An in-process client sees only the end, so these tests watch `send`."""

from collections.abc import Callable, MutableMapping
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from app import database
from app.database import (
    AsyncSessionDep,
    AsyncSessionLocal,
    SessionDep,
    SessionLocal,
    async_engine,
    engine,
)
from app.errors import Conflict
from app.kit.http.handlers import add_error_handlers
from tests.conftest import connect
from tests.kit.things import Thing

service = FastAPI()
add_error_handlers(service)


def add_thing(session: Session, name: str = "a lamp") -> UUID:
    thing = Thing(name=name)
    session.add(thing)
    session.flush()
    return thing.id


def add_and_raise(session: Session) -> None:
    add_thing(session)
    raise Conflict("no")


def break_at_commit(session: Session) -> None:
    add_thing(session)
    unique = "id int UNIQUE DEFERRABLE INITIALLY DEFERRED"
    session.execute(text(f"CREATE TEMPORARY TABLE once ({unique}) ON COMMIT DROP"))
    session.execute(text("INSERT INTO once VALUES (1), (1)"))


def lose_the_connection(session: Session) -> None:
    add_thing(session)
    backend = session.scalars(select(func.pg_backend_pid())).one()
    with engine.connect() as connection:
        connection.execute(select(func.pg_terminate_backend(backend, 5000)))


def write_skew(session: Session) -> None:
    """Two transactions that each write what the other has read."""
    serializable = {"isolation_level": "SERIALIZABLE"}
    session.connection(execution_options=serializable)
    with Session(engine.execution_options(**serializable)) as other:
        for db, name in ((session, "a lamp"), (other, "a desk")):
            db.scalars(select(Thing)).all()
            db.add(Thing(name=name))
            db.flush()
        other.commit()


@service.post("/sync", status_code=201)
def create(name: str) -> UUID:
    return database.write(add_thing, name)


@service.post("/async", status_code=201)
async def async_create(name: str) -> UUID:
    return await database.async_write(add_thing, name)


@service.post("/sync/{case}", status_code=201)
def write(case: str) -> None:
    database.write(CASES[case])


@service.post("/async/{case}", status_code=201)
async def async_write(case: str) -> None:
    await database.async_write(CASES[case])


@service.post("/sync-session/{case}", status_code=201)
def write_by_session(session: SessionDep, case: str) -> None:
    CASES[case](session)


@service.post("/async-session/{case}", status_code=201)
async def async_write_by_session(session: AsyncSessionDep, case: str) -> None:
    await session.run_sync(CASES[case])


WAYS = ("sync", "async", "sync-session", "async-session")

CASES: dict[str, Callable[[Session], Any]] = {
    "commit": add_thing,
    "raise": add_and_raise,
    "break": break_at_commit,
    "kill": lose_the_connection,
    "skew": write_skew,
}


async def watch(path: str) -> tuple[list[str], int]:
    """The order of commits and sends of one request, and its status."""
    events: list[str] = []
    status = 0

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        events.append(message["type"])
        status = message.get("status", status)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    def note(_: Any) -> None:
        events.append("commit")

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    engines = engine, async_engine.sync_engine
    for watched in engines:
        event.listen(watched, "commit", note)
    try:
        await service(scope, receive, send)
    finally:
        for watched in engines:
            event.remove(watched, "commit", note)
    return events, status


def count_things() -> int:
    with SessionLocal() as session:
        return session.scalars(select(func.count()).select_from(Thing)).one()


@pytest.mark.parametrize("way", WAYS)
async def test_the_commit_precedes_the_response(way: str) -> None:
    events, status = await watch(f"/{way}/commit")
    assert events == ["commit", "http.response.start", "http.response.body"]
    assert (status, count_things()) == (201, 1)


@pytest.mark.parametrize("way", WAYS)
async def test_an_error_rolls_back(way: str) -> None:
    events, status = await watch(f"/{way}/raise")
    assert "commit" not in events
    assert (status, count_things()) == (409, 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("case", "code", "things"), [("break", 409, 0), ("kill", 503, 0), ("skew", 409, 1)]
)
async def test_a_commit_that_fails_is_no_success(
    way: str, case: str, code: int, things: int
) -> None:
    _, status = await watch(f"/{way}/{case}")
    assert (status, count_things()) == (code, things)


@pytest.mark.slow
async def test_what_was_written_is_read_at_once_on_the_other_engine() -> None:
    async def found(thing_id: UUID, way: str) -> bool:
        if way == "async":
            with SessionLocal() as session:
                return session.get(Thing, thing_id) is not None
        async with AsyncSessionLocal() as async_session:
            return await async_session.get(Thing, thing_id) is not None

    async with connect(service) as client:
        for number in range(1000):
            way = ("sync", "async")[number % 2]
            created = await client.post(f"/{way}", params={"name": f"thing {number}"})
            assert created.status_code == 201
            assert await found(UUID(created.json()), way), number


def test_a_session_that_ended_does_not_open_again() -> None:
    with SessionLocal.begin() as session:
        pass
    with pytest.raises(InvalidRequestError, match="permanently closed"):
        session.execute(text("SELECT 1"))


async def test_an_async_session_that_ended_does_not_open_again() -> None:
    async with AsyncSessionLocal.begin() as session:
        pass
    with pytest.raises(InvalidRequestError, match="permanently closed"):
        await session.execute(text("SELECT 1"))
