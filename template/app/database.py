"""Two engines over one database: psycopg2 for `def`, asyncpg for `async def`."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import URL, Dialect, MetaData, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, Session, registry, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

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


def database_url(driver: str) -> URL:
    return URL.create(
        f"postgresql+{driver}",
        username=settings.db_username,
        password=settings.db_password.get_secret_value(),
        host=settings.db_host,
        port=settings.db_port,
        database=settings.db_name,
    )


SQLALCHEMY_DATABASE_URL = database_url("psycopg2")
ASYNC_SQLALCHEMY_DATABASE_URL = database_url("asyncpg")

server_settings = {
    "statement_timeout": f"{settings.db_statement_timeout}s",
    "lock_timeout": f"{settings.db_lock_timeout}s",
    "idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}s",
    "timezone": "UTC",
}
pool: dict[str, Any] = {
    "pool_size": settings.db_pool_size,
    "max_overflow": 0,
    "pool_timeout": settings.db_connect_timeout,
    "pool_pre_ping": True,
    # A statement's parameters are people's data: they belong in no log.
    "hide_parameters": True,
}

engine = create_engine(
    SQLALCHEMY_DATABASE_URL,
    connect_args={
        "application_name": PROJECT["name"],
        "connect_timeout": settings.db_connect_timeout,
        "options": " ".join(f"-c {name}={value}" for name, value in server_settings.items()),
    },
    **pool,
)
async_engine = create_async_engine(
    ASYNC_SQLALCHEMY_DATABASE_URL,
    connect_args={
        "timeout": settings.db_connect_timeout,
        "server_settings": {"application_name": PROJECT["name"], **server_settings},
    },
    **pool,
)


@event.listens_for(async_engine.sync_engine, "do_connect")
def connect(
    dialect: Dialect, _: ConnectionPoolEntry, args: list[Any], kwargs: dict[str, Any]
) -> DBAPIConnection:
    """asyncpg lets a refused connection out as an OSError: raise what psycopg2 raises."""
    try:
        return dialect.connect(*args, **kwargs)
    except OSError as error:
        raise dialect.loaded_dbapi.OperationalError(str(error)) from error


# `close_resets_only=False`: a background task that still holds the request's session fails loudly
# instead of opening a second, leaked connection.
SessionLocal = sessionmaker(engine, expire_on_commit=False, close_resets_only=False)
AsyncSessionLocal = async_sessionmaker(
    async_engine, expire_on_commit=False, close_resets_only=False
)


def get_db() -> Iterator[Session]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    with SessionLocal.begin() as session:
        yield session


async def async_get_db() -> AsyncIterator[AsyncSession]:
    """One unit of work: committed when the endpoint returns, rolled back when it raises."""
    async with AsyncSessionLocal.begin() as session:
        yield session


# scope="function" commits before the response leaves; FastAPI's default commits after the client
# has its answer. max_concurrency lets no more requests in than the pool has connections, so that
# none of them occupies a thread while it waits for one.
SessionDep = Annotated[
    Session, Depends(get_db, scope="function", max_concurrency=settings.db_pool_size)
]
AsyncSessionDep = Annotated[
    AsyncSession, Depends(async_get_db, scope="function", max_concurrency=settings.db_pool_size)
]
