"""The service, with a read and a write in either colour beside it: for the tests of bad days."""

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import (
    AsyncReadSessionDep,
    AsyncSessionDep,
    ReadSessionDep,
    SessionDep,
    engines,
)
from app.main import create_app
from app.users.models import User

app = create_app()


def list_names(session: Session) -> list[str]:
    return [user.full_name for user in session.scalars(select(User).limit(10))]


def add_two_users(session: Session, pause: float) -> None:
    for _ in range(2):
        session.add(User(email=f"{uuid7()}@example.com", full_name="Ada"))
        session.execute(text("SELECT pg_sleep(:pause)"), {"pause": pause})


def get_port(session: Session) -> int:
    """Which PostgreSQL it is that answers."""
    port: int = session.scalars(select(func.inet_server_port())).one()
    return port


@app.get("/sync")
def read(session: ReadSessionDep) -> list[str]:
    return list_names(session)


@app.post("/sync", status_code=201)
def write(session: SessionDep, pause: float = 0) -> None:
    add_two_users(session, pause)


@app.get("/async")
async def async_read(session: AsyncReadSessionDep) -> list[str]:
    return await session.run_sync(list_names)


@app.post("/async", status_code=201)
async def async_write(session: AsyncSessionDep, pause: float = 0) -> None:
    await session.run_sync(add_two_users, pause)


@app.get("/sync/port")
def read_port(session: ReadSessionDep) -> int:
    return get_port(session)


@app.post("/sync/port")
def write_port(session: SessionDep) -> int:
    return get_port(session)


@app.get("/async/port")
async def async_read_port(session: AsyncReadSessionDep) -> int:
    return await session.run_sync(get_port)


@app.post("/async/port")
async def async_write_port(session: AsyncSessionDep) -> int:
    return await session.run_sync(get_port)


@app.get("/taken")
async def taken() -> int:
    """How many connections requests hold."""
    pools = [each.pool for sync, other in engines for each in (sync, other.sync_engine)]
    return sum(pool.checkedout() for pool in pools)  # type: ignore[attr-defined]
