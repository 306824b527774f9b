"""Two engines over one database: psycopg2 for `def`, asyncpg for `async def`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Annotated, Any, TypeVar, TypeVarTuple

import anyio
from fastapi import Depends
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, Session, registry, sessionmaker
from sqlalchemy.util import greenlet_spawn

from app import connections
from app.connections import AsyncpgConnection, Psycopg2Connection
from app.replica import Replica
from app.settings import PROJECT, settings

# Migrations can only drop or rename what has a name that both sides know.
model_registry = registry(
    metadata=MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
)


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True, eq=False):
    registry = model_registry


def database_url(driver: str, ssl_mode: str) -> URL:
    return URL.create(
        f"postgresql+{driver}",
        username=settings.db_username,
        password=settings.db_password.get_secret_value(),
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_name,
        query={ssl_mode: settings.db_ssl_mode} if settings.db_ssl_mode else {},
    )


SQLALCHEMY_DATABASE_URL = database_url("psycopg2", "sslmode")
ASYNC_SQLALCHEMY_DATABASE_URL = database_url("asyncpg", "ssl")
# Past a pooler, which gives no session a connection of its own.
DIRECT_DATABASE_URL = SQLALCHEMY_DATABASE_URL.set(
    host=settings.db_direct_host or settings.db_host,
    port=settings.db_direct_port or settings.db_port,
)

pool: dict[str, Any] = {
    "max_overflow": 0,
    "pool_timeout": settings.db_connect_timeout,
    "pool_recycle": settings.db_pool_recycle,
    # A statement's parameters are people's data: they belong in no log.
    "hide_parameters": True,
}
engines: list[tuple[Engine, AsyncEngine]] = []
replica = Replica()


def create_engines(
    *, read_only: bool = False, pool_size: int = settings.db_pool_size
) -> tuple[Engine, AsyncEngine]:
    """One for each driver, with the same limits. Neither connects before it is asked to."""
    startup = {
        "statement_timeout": f"{settings.db_statement_timeout}s",
        "lock_timeout": f"{settings.db_lock_timeout}s",
        "idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}s",
        "timezone": "UTC",
    }
    options = pool | {"pool_size": pool_size}
    caches: dict[str, int] = {}
    if settings.db_pooler:
        # PgBouncer refuses such parameters (ALTER ROLE sets them), and its next transaction may be
        # on a connection that has not prepared what this one has.
        startup = {}
        caches = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    if read_only and settings.db_pooler:
        options["execution_options"] = {"postgresql_readonly": True}
    elif read_only:
        startup["default_transaction_read_only"] = "on"
        # A SELECT is then one round trip: no BEGIN before it, no ROLLBACK after it.
        options |= {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    name, timeout = PROJECT["name"], settings.db_connect_timeout
    engine = create_engine(
        SQLALCHEMY_DATABASE_URL,
        connect_args={
            "application_name": name,
            "connect_timeout": timeout,
            "connection_factory": Psycopg2Connection,
            "options": " ".join(f"-c {each}={value}" for each, value in startup.items()),
        },
        **options,
    )
    async_engine = create_async_engine(
        ASYNC_SQLALCHEMY_DATABASE_URL,
        connect_args={
            "timeout": timeout,
            "connection_class": AsyncpgConnection,
            "server_settings": {"application_name": name, **startup},
            **caches,
        },
        **options,
    )
    for each in (engine, async_engine.sync_engine):
        if read_only and settings.db_replica_host:
            event.listen(each, "do_connect", replica.connect)
        connections.watch(each)
    engines.append((engine, async_engine))
    return engine, async_engine


async def dispose() -> None:
    """Close every connection, also where PostgreSQL does not answer."""
    with anyio.move_on_after(settings.db_connect_timeout):
        for engine, async_engine in engines:
            engine.dispose()
            await async_engine.dispose()


engine, async_engine = create_engines()
read_engine, async_read_engine = create_engines(read_only=True)

# `close_resets_only=False`: a background task that still holds the request's session fails loudly
# instead of opening a second, leaked connection.
sessions: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}
SessionLocal: sessionmaker[Session] = sessionmaker(engine, **sessions)
AsyncSessionLocal = async_sessionmaker(async_engine, **sessions)
ReadSessionLocal: sessionmaker[Session] = sessionmaker(read_engine, **sessions)
AsyncReadSessionLocal = async_sessionmaker(async_read_engine, **sessions)


def get_db() -> Iterator[Session]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    with SessionLocal.begin() as session:
        yield session


async def async_get_db() -> AsyncIterator[AsyncSession]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    async with AsyncSessionLocal.begin() as session:
        yield session


def get_read_db() -> Iterator[Session]:
    """For what only reads: PostgreSQL refuses to write through it."""
    with ReadSessionLocal.begin() as session:
        yield session


async def async_get_read_db() -> AsyncIterator[AsyncSession]:
    """For what only reads: PostgreSQL refuses to write through it."""
    async with AsyncReadSessionLocal.begin() as session:
        yield session


# scope="function" commits before the response leaves; FastAPI's default commits after the client
# has its answer. max_concurrency lets no more requests in than the pool has connections, so that
# none of them occupies a thread while it waits for one.
unit: dict[str, Any] = {"scope": "function", "max_concurrency": settings.db_pool_size}
SessionDep = Annotated[Session, Depends(get_db, **unit)]
AsyncSessionDep = Annotated[AsyncSession, Depends(async_get_db, **unit)]
ReadSessionDep = Annotated[Session, Depends(get_read_db, **unit)]
AsyncReadSessionDep = Annotated[AsyncSession, Depends(async_get_read_db, **unit)]


Db = TypeVar("Db", Session, Connection)
Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


def within(
    opened: Callable[[], AbstractContextManager[Db]],
    work: Callable[[Db, *Arguments], Result],
    *args: *Arguments,
) -> Result:
    with opened() as db:
        return work(db, *args)


def write(work: Callable[[Session, *Arguments], Result], *args: *Arguments) -> Result:
    """`work(session, *args)` as one unit of work: committed when it returns, or rolled back."""
    return within(SessionLocal.begin, work, *args)


def read(work: Callable[[Session, *Arguments], Result], *args: *Arguments) -> Result:
    """`work(session, *args)`, and PostgreSQL refuses to write."""
    return within(ReadSessionLocal, work, *args)


def read_rows(work: Callable[[Connection, *Arguments], Result], *args: *Arguments) -> Result:
    """`work(connection, *args)`: rows, without what a Session does to keep track of entities."""
    return within(read_engine.connect, work, *args)


# The same for `async def`, each in one greenlet, where an AsyncSession takes one for each step.
# As max_concurrency does, these let no more in than the pool has connections.
async_writes = asyncio.Semaphore(settings.db_pool_size)
async_reads = asyncio.Semaphore(settings.db_pool_size)
GreenletSessionLocal: sessionmaker[Session] = sessionmaker(async_engine.sync_engine, **sessions)
GreenletReadSessionLocal: sessionmaker[Session] = sessionmaker(
    async_read_engine.sync_engine, **sessions
)


async def in_greenlet(
    limit: asyncio.Semaphore,
    opened: Callable[[], AbstractContextManager[Db]],
    work: Callable[[Db, *Arguments], Result],
    *args: *Arguments,
) -> Result:
    async with limit:
        result: Result = await greenlet_spawn(within, opened, work, *args)
        return result


async def async_write(work: Callable[[Session, *Arguments], Result], *args: *Arguments) -> Result:
    return await in_greenlet(async_writes, GreenletSessionLocal.begin, work, *args)


async def async_read(work: Callable[[Session, *Arguments], Result], *args: *Arguments) -> Result:
    return await in_greenlet(async_reads, GreenletReadSessionLocal, work, *args)


async def async_read_rows(
    work: Callable[[Connection, *Arguments], Result], *args: *Arguments
) -> Result:
    connect = async_read_engine.sync_engine.connect
    return await in_greenlet(async_reads, connect, work, *args)
