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
from app.kit.ops.environment import load
from app.settings import PROJECT, Settings, settings
from app.users.models import Group
from scripts import postgres

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


def add_group(session: Session) -> None:
    session.add(Group(name="staff"))
    session.flush()


def insert_group(connection: Connection) -> None:
    connection.execute(insert(Group).values(id=uuid7(), name="staff"))


async def test_a_write_through_a_read_session_is_refused() -> None:
    with pytest.raises(DBAPIError) as refusal, ReadSessionLocal.begin() as session:
        add_group(session)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        async with AsyncReadSessionLocal.begin() as async_session:
            await async_session.run_sync(add_group)
    assert sqlstate(refusal.value) == READ_ONLY


async def test_a_write_by_read_or_by_read_rows_is_refused() -> None:
    with pytest.raises(DBAPIError) as refusal:
        read(add_group)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        read_rows(insert_group)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        await async_read(add_group)
    assert sqlstate(refusal.value) == READ_ONLY
    with pytest.raises(DBAPIError) as refusal:
        await async_read_rows(insert_group)
    assert sqlstate(refusal.value) == READ_ONLY


def test_the_urls_name_their_drivers() -> None:
    assert SQLALCHEMY_DATABASE_URL.drivername == "postgresql+psycopg2"
    assert ASYNC_SQLALCHEMY_DATABASE_URL.drivername == "postgresql+asyncpg"


def test_one_registry_holds_every_model() -> None:
    assert Base.registry is model_registry
    assert {"users", "groups", "profiles"} <= model_registry.metadata.tables.keys()


def test_the_password_is_in_no_representation() -> None:
    password = settings.db_password.get_secret_value()
    shown = f"{settings!r} {engine!r} {async_engine!r} {SQLALCHEMY_DATABASE_URL}"
    assert password not in shown


def test_the_postgresql_of_development_is_asked_whatever_else_env_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"DB_POOLER": "true", "DB_REPLICA_HOST": "there", "DB_SSL_MODE": "require"}
    direct = {"DB_DIRECT_HOST": "there", "DB_DIRECT_PORT": "1"}
    here = postgres.environment(SQLALCHEMY_DATABASE_URL.set(port=2))
    for name, value in {**there, **direct, **here}.items():
        monkeypatch.setenv(name, value)
    loaded = load(Settings)
    assert (loaded.db_port, loaded.db_direct_port) == (2, 2)
    assert loaded.db_host == loaded.db_direct_host == postgres.HOST
    assert not loaded.db_pooler
    assert not loaded.db_replica_host
    assert loaded.db_ssl_mode == "disable"


def test_a_wrong_setting_is_named_in_a_sentence_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_PORT", "correct-horse")
    monkeypatch.setenv("DB_PASSWORD", "")
    with pytest.raises(SystemExit) as refusal:
        load(Settings)
    message = str(refusal.value)
    assert "DB_PORT: Input should be a valid integer" in message
    assert "DB_PASSWORD: " in message
    assert "correct-horse" not in message


def test_a_request_must_have_more_time_than_connecting_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUEST_TIMEOUT", "2")
    with pytest.raises(SystemExit, match="REQUEST_TIMEOUT must exceed DB_CONNECT_TIMEOUT"):
        load(Settings)
