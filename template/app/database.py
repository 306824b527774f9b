"""Two engines over one database: psycopg2 for `def`, asyncpg for `async def`."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, sessionmaker

from app.kit.db import dialect
from app.kit.db.base import Base as Base
from app.kit.db.base import model_registry as model_registry
from app.kit.db.connections import Engines
from app.kit.db.units import SESSION_OPTIONS, AsyncUnits, Units
from app.settings import settings

SQLALCHEMY_DATABASE_URL = dialect.url(settings)
ASYNC_SQLALCHEMY_DATABASE_URL = dialect.async_url(settings)
DIRECT_DATABASE_URL = dialect.direct_url(settings)

# dialect.options: pool size, timeouts, TLS, as DB_* says.
engine = create_engine(SQLALCHEMY_DATABASE_URL, **dialect.options(settings))
async_engine = create_async_engine(ASYNC_SQLALCHEMY_DATABASE_URL, **dialect.async_options(settings))
# What only reads needs no BEGIN and no ROLLBACK around its SELECT, and may ask a replica.
read_engine = create_engine(SQLALCHEMY_DATABASE_URL, **dialect.options(settings, read_only=True))
async_read_engine = create_async_engine(
    ASYNC_SQLALCHEMY_DATABASE_URL, **dialect.async_options(settings, read_only=True)
)
engines = Engines(settings)
engines.watch(engine, async_engine)
engines.watch(read_engine, async_read_engine, reads_replica=True)

SessionLocal: sessionmaker[Session] = sessionmaker(engine, **SESSION_OPTIONS)
AsyncSessionLocal = async_sessionmaker(async_engine, **SESSION_OPTIONS)
ReadSessionLocal: sessionmaker[Session] = sessionmaker(read_engine, **SESSION_OPTIONS)
AsyncReadSessionLocal = async_sessionmaker(async_read_engine, **SESSION_OPTIONS)


def get_db() -> Iterator[Session]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    with SessionLocal() as session:
        yield session
        session.commit()


async def async_get_db() -> AsyncIterator[AsyncSession]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    async with AsyncSessionLocal() as session:
        yield session
        await session.commit()


def get_read_db() -> Iterator[Session]:
    """For what only reads: the database refuses to write through it."""
    with ReadSessionLocal() as session:
        yield session


async def async_get_read_db() -> AsyncIterator[AsyncSession]:
    """For what only reads: the database refuses to write through it."""
    async with AsyncReadSessionLocal() as session:
        yield session


# scope="function" commits before the response leaves; FastAPI's default commits after the client
# has its answer. max_concurrency: a request that waits for a connection occupies no thread.
SCOPE: dict[str, Any] = {"scope": "function", "max_concurrency": settings.db_pool_size}
SessionDep = Annotated[Session, Depends(get_db, **SCOPE)]
AsyncSessionDep = Annotated[AsyncSession, Depends(async_get_db, **SCOPE)]
ReadSessionDep = Annotated[Session, Depends(get_read_db, **SCOPE)]
AsyncReadSessionDep = Annotated[AsyncSession, Depends(async_get_read_db, **SCOPE)]

# How an endpoint calls a service function: `write(service.create_user, data)`.
units = Units(SessionLocal, ReadSessionLocal, read_engine)
write, read, read_rows, write_once = units.write, units.read, units.read_rows, units.write_once

async_units = AsyncUnits(async_engine, async_read_engine, settings.db_pool_size)
async_write, async_read = async_units.write, async_units.read
async_read_rows, async_write_once = async_units.read_rows, async_units.write_once
