"""What `poe doctor` finds wrong with the database: its server, its role, its revision."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url, text

from app import doctor
from app.database import engine
from app.kit.db import checks
from app.settings import settings
from tests.conftest import ROOT
from tests.kit.findings import check, production
from tests.kit.marks import unpooled

# To write and to read, for `def` and for `async def`, and one of each for /health/ready.
SLOTS = 4 * settings.db_pool_size + 2
REVISION = """revision = {!r}
down_revision = None
"""


@pytest.fixture
def connection() -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def superuser() -> URL:
    if "SUPERUSER_URL" not in os.environ:
        pytest.skip("on the server that DB_HOST names, the tests may make no role")
    url = make_url(os.environ["SUPERUSER_URL"])
    return url.set(drivername="postgresql+psycopg2", database=settings.db_name)


@pytest.fixture
def stranger(superuser: URL) -> Iterator[Engine]:
    """A role that may have three connections, and read nothing."""
    name, password = f"stranger_{secrets.token_hex(4)}", secrets.token_hex(8)
    administrator = create_engine(superuser, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with administrator.connect() as connection:
        create = f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 3 PASSWORD '{password}'"
        connection.execute(text(create))
        url = superuser.set(username=name, password=password)
        yield create_engine(url, poolclass=NullPool)
        connection.execute(text(f"DROP ROLE {name}"))


def test_a_superuser_is_a_warning(superuser: URL) -> None:
    with create_engine(superuser, poolclass=NullPool).connect() as connection:
        check(doctor.check_database(connection, production), ("warning", "superuser"))


@unpooled
async def test_a_role_without_rights_is_an_error_with_the_drivers_reason(stranger: Engine) -> None:
    checks = (doctor.check_database, doctor.check_migrations)
    check(
        await doctor.connect(stranger, production, *checks),
        (
            "error",
            f"1 times {SLOTS} connections (WEB_CONCURRENCY times all pools) are more than the 3 ",
        ),
        ("error", "permission denied for table alembic_version"),
    )


def test_a_server_that_is_old_or_far_away_in_clear_text_is_a_warning(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "OLDEST_TESTED", 99)
    copy = production.model_copy(update={"db_host": "db.example.com"})
    check(
        [x for x in doctor.check_database(connection, copy) if "superuser" not in x.sentence],
        ("warning", "db.example.com"),
        ("warning", "older than 99"),
    )


@unpooled
def test_a_database_without_room_for_the_pools_is_an_error(connection: Connection) -> None:
    for limit, expected in (SLOTS, []), (SLOTS - 1, [("error", f"more than the {SLOTS - 1} ")]):
        limited = f"ALTER DATABASE {settings.db_name} CONNECTION LIMIT {limit}"
        connection.execute(text(limited))
        found = doctor.check_database(connection, production)
        check([finding for finding in found if finding.level == "error"], *expected)


@pytest.fixture
def config(connection: Connection, tmp_path: Path) -> Config:
    """An Alembic of the test's own, whose newest revision the database is at."""
    (tmp_path / "first.py").write_text(REVISION.format("first"), "utf-8")
    connection.execute(text("UPDATE alembic_version SET version_num = 'first'"))
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(tmp_path))
    return config


def test_a_database_at_another_revision_is_an_error(connection: Connection, config: Config) -> None:
    check(doctor.check_migrations(connection, production, config))
    connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    check(doctor.check_migrations(connection, production, config), ("error", "of_tomorrow"))
    connection.execute(text("DELETE FROM alembic_version"))
    check(doctor.check_migrations(connection, production, config), ("error", "upgrade head"))


def test_two_heads_are_an_error(connection: Connection, config: Config, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(REVISION.format("other"), "utf-8")
    check(
        doctor.check_migrations(connection, production, config),
        ("error", "alembic merge heads"),
        ("error", "behind"),
    )
