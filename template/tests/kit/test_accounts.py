"""Who the service is for the database: a password that changes, a user without a home."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app.kit.db import dialect
from app.kit.db.connections import Engines
from app.kit.ops.environment import load
from app.settings import Settings

WHO = text("SELECT current_user")


@pytest.fixture
def superuser() -> Iterator[Connection]:
    if "SUPERUSER_URL" not in os.environ:
        pytest.skip("on the server that DB_HOST names, the tests may make no role")
    url: URL = make_url(os.environ["SUPERUSER_URL"]).set(drivername="postgresql+psycopg2")
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


@pytest.fixture
def role(superuser: Connection) -> Iterator[str]:
    name = f"rotated_{secrets.token_hex(4)}"
    superuser.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'first'"))
    yield name
    superuser.execute(text(f"DROP ROLE {name}"))


async def test_a_rotated_password_reaches_new_connections(
    superuser: Connection, role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "db_password").write_text("first")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("DB_USERNAME", role)
    monkeypatch.delenv("DB_PASSWORD")
    mounted = load(Settings)
    engine = create_engine(dialect.url(mounted), **dialect.options(mounted))
    async_engine = create_async_engine(dialect.async_url(mounted), **dialect.async_options(mounted))
    engines = Engines(mounted)
    engines.watch(engine, async_engine)
    for password in ("first", "second"):
        superuser.execute(text(f"ALTER ROLE {role} PASSWORD '{password}'"))
        (tmp_path / "db_password").write_text(f"{password}\n")
        with engine.connect() as connection:
            assert connection.scalar(WHO) == role
        async with async_engine.connect() as async_connection:
            assert await async_connection.scalar(WHO) == role
        await engines.dispose()


def test_a_home_that_is_another_users_is_hidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    load(Settings)
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    load(Settings)
    assert os.environ["HOME"] == os.devnull
