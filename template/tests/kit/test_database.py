import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from app.database import (
    ASYNC_SQLALCHEMY_DATABASE_URL,
    SQLALCHEMY_DATABASE_URL,
    AsyncReadSessionLocal,
    Base,
    ReadSessionLocal,
    async_engine,
    async_read,
    async_read_rows,
    engine,
    model_registry,
    read,
    read_rows,
)
from app.kit.db.dialect import sqlstate
from app.settings import PROJECT, settings
from tests.kit.things import Thing

SETTINGS = text(
    "SELECT name, setting FROM pg_settings WHERE name IN ('application_name', 'statement_timeout',"
    " 'lock_timeout', 'idle_in_transaction_session_timeout', 'TimeZone')"
)
READ_ONLY = "25006"
EXPECTED = {
    "application_name": PROJECT["name"],
    "statement_timeout": f"{settings.db_statement_timeout}000",
    "lock_timeout": f"{settings.db_lock_timeout}000",
    "idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}000",
    "TimeZone": "UTC",
}


async def test_both_engines_set_the_same_limits() -> None:
    with engine.connect() as connection:
        assert dict(connection.execute(SETTINGS).all()) == EXPECTED
    async with async_engine.connect() as async_connection:
        result = await async_connection.execute(SETTINGS)
        assert dict(result.all()) == EXPECTED


def add_thing(session: Session) -> None:
    session.add(Thing(name="a lamp"))
    session.flush()


def insert_thing(connection: Connection) -> None:
    connection.execute(insert(Thing).values(id=uuid7(), name="a lamp"))


async def test_a_write_through_a_read_session_is_refused() -> None:
    with pytest.raises(DBAPIError) as refusal, ReadSessionLocal.begin() as session:
        add_thing(session)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        async with AsyncReadSessionLocal.begin() as async_session:
            await async_session.run_sync(add_thing)
    assert sqlstate(refusal.value) == READ_ONLY


async def test_a_write_by_read_or_by_read_rows_is_refused() -> None:
    with pytest.raises(DBAPIError) as refusal:
        read(add_thing)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        read_rows(insert_thing)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        await async_read(add_thing)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        await async_read_rows(insert_thing)
    assert sqlstate(refusal.value) == READ_ONLY


def test_the_urls_name_their_drivers() -> None:
    assert SQLALCHEMY_DATABASE_URL.drivername == "postgresql+psycopg2"
    assert ASYNC_SQLALCHEMY_DATABASE_URL.drivername == "postgresql+asyncpg"


def test_one_registry_holds_every_model() -> None:
    assert Base.registry is model_registry
    assert Base.metadata is model_registry.metadata
    assert "idempotency_keys" in model_registry.metadata.tables
