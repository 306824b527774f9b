"""A service with a read and a write, in `def` and in `async def`, for the tests of faults.

The paths that end in /session take a session as dependency, the others do not.
"""

from fastapi import APIRouter
from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app import database
from app.database import (
    AsyncReadSessionDep,
    AsyncSessionDep,
    ReadSessionDep,
    SessionDep,
    engines,
)
from app.settings import settings
from tests.kit.service import create_service
from tests.kit.things import Thing

router = APIRouter()


def list_names(session: Session) -> list[str]:
    return [thing.name for thing in session.scalars(select(Thing).limit(10))]


def add_two_things(session: Session, pause: float) -> None:
    for _ in range(2):
        session.add(Thing(name=str(uuid7()), text="a lamp"))
        session.execute(text("SELECT pg_sleep(:pause)"), {"pause": pause})


def get_port(db: Session | Connection) -> int:
    """Which PostgreSQL it is that answers."""
    port: int = db.execute(select(func.inet_server_port())).scalar_one()
    return port


@router.get("/sync")
def read() -> list[str]:
    return database.read(list_names)


@router.post("/sync", status_code=201)
def write(pause: float = 0) -> None:
    database.write(add_two_things, pause)


@router.get("/async")
async def async_read() -> list[str]:
    return await database.async_read(list_names)


@router.post("/async", status_code=201)
async def async_write(pause: float = 0) -> None:
    await database.async_write(add_two_things, pause)


@router.get("/sync/session")
def read_by_session(session: ReadSessionDep) -> list[str]:
    return list_names(session)


@router.post("/sync/session", status_code=201)
def write_by_session(session: SessionDep, pause: float = 0) -> None:
    add_two_things(session, pause)


@router.get("/async/session")
async def async_read_by_session(session: AsyncReadSessionDep) -> list[str]:
    return await session.run_sync(list_names)


@router.post("/async/session", status_code=201)
async def async_write_by_session(session: AsyncSessionDep, pause: float = 0) -> None:
    await session.run_sync(add_two_things, pause)


@router.get("/sync/port")
def read_port() -> int:
    return database.read_rows(get_port)


@router.post("/sync/port")
def write_port() -> int:
    return database.write(get_port)


@router.get("/async/port")
async def async_read_port() -> int:
    return await database.async_read_rows(get_port)


@router.post("/async/port")
async def async_write_port() -> int:
    return await database.async_write(get_port)


@router.get("/sync/session/port")
def read_port_by_session(session: ReadSessionDep) -> int:
    return get_port(session)


@router.post("/sync/session/port")
def write_port_by_session(session: SessionDep) -> int:
    return get_port(session)


@router.get("/async/session/port")
async def async_read_port_by_session(session: AsyncReadSessionDep) -> int:
    return await session.run_sync(get_port)


@router.post("/async/session/port")
async def async_write_port_by_session(session: AsyncSessionDep) -> int:
    return await session.run_sync(get_port)


@router.get("/taken")
async def taken() -> int:
    """How many connections requests hold."""
    return engines.taken()


app = create_service(router, request_timeout=settings.request_timeout, log_json=settings.log_json)
