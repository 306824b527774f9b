"""What `poe doctor` finds, each made wrong for it, and that it finds nothing else."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from alembic.config import Config
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from app import doctor
from app.database import (
    ASYNC_SQLALCHEMY_DATABASE_URL,
    DIRECT_DATABASE_URL,
    SQLALCHEMY_DATABASE_URL,
    engine,
)
from app.doctor import ENGINES
from app.kit.db import checks
from app.kit.db.checks import Finding
from app.kit.http.middleware import add_middleware
from app.settings import settings
from scripts import postgres
from tests.conftest import ROOT
from tests.test_budget import unpooled

# To write and to read, in both colours, and one of each colour for /health/ready.
SLOTS = 4 * settings.db_pool_size + 2
HEAD = """revision = "other"
down_revision = None
"""
production = settings.model_copy(
    update={"db_password": SecretStr(secrets.token_hex(24)), "log_level": "INFO", "timing": False}
)


def check(findings: Iterator[Finding] | list[Finding], *expected: tuple[str, str]) -> None:
    """Each is of this level and contains these words, in this order."""
    found = list(findings)
    assert len(found) == len(expected), found
    for finding, (level, words) in zip(found, expected, strict=True):
        assert finding.level == level
        assert words in finding.sentence


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("the_role", "the name of the role"),
        ("the_database", "the name of the role or the database"),
        ("short", "easily guessed"),
        ("abababababababab", "easily guessed"),
        ("MySecretPassword", "easily guessed"),
    ],
)
def test_a_password_that_others_know_or_guess_is_an_error(password: str, words: str) -> None:
    names = {"db_username": "the_role", "db_name": "the_database"}
    copy = settings.model_copy(update={"db_password": SecretStr(password), **names})
    check(doctor.check_password(copy), ("error", words))


def test_what_helps_a_developer_is_found() -> None:
    copy = production.model_copy(update={"log_level": "DEBUG", "timing": True})
    check(
        doctor.check_debugging(FastAPI(debug=True), copy),
        ("error", "tracebacks"),
        ("error", "LOG_LEVEL"),
        ("warning", "TIMING"),
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"allow_origins": ["*"], "allow_credentials": True}, [("error", "credentials")]),
        ({"allow_origin_regex": ".*", "allow_credentials": True}, [("error", "credentials")]),
        ({"allow_origins": ["https://example.com"], "allow_credentials": True}, []),
    ],
)
def test_every_origin_with_credentials_is_an_error(
    options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    service = FastAPI()
    service.add_middleware(CORSMiddleware, **options)
    check(doctor.check_cors(service), *expected)


def test_every_origin_in_cors_origins_is_a_warning() -> None:
    service = FastAPI()
    add_middleware(service, cors_origins=["*"])
    check(doctor.check_cors(service), ("warning", "CORS_ORIGINS"))


@pytest.mark.skipif(os.name != "posix", reason="Windows has other rights")
@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_an_env_file_that_others_may_read_or_write_is_an_error(tmp_path: Path, mode: int) -> None:
    path = tmp_path / ".env"
    path.touch()
    path.chmod(mode)
    check(doctor.check_env_file(path), ("error", f"chmod 600 {path}"))
    path.chmod(0o600)
    check(doctor.check_env_file(path))


async def test_a_pooler_that_drops_the_limits_is_found_on_both_engines() -> None:
    dropped = {"statement_timeout": "0", "lock_timeout": "1", "timezone": "Asia/Tokyo"}
    options = " ".join(f"-c {name}={value}" for name, value in dropped.items())
    idle = {"idle_in_transaction_session_timeout": f"{settings.db_idle_transaction_timeout}s"}
    for unlike in (
        create_engine(
            DIRECT_DATABASE_URL,
            poolclass=NullPool,
            connect_args={"options": f"{options} -c {'='.join(*idle.items())}"},
        ),
        create_async_engine(
            ASYNC_SQLALCHEMY_DATABASE_URL.set(
                host=DIRECT_DATABASE_URL.host, port=DIRECT_DATABASE_URL.port
            ),
            poolclass=NullPool,
            connect_args={"server_settings": dropped | idle},
        ),
    ):
        found = sorted(await doctor.connect(unlike, production, checks.check_session))
        check(
            found,
            ("error", f"statement_timeout is 0 through {unlike.driver}, not "),
            ("warning", "TimeZone is Asia/Tokyo"),
            ("warning", "lock_timeout is 1 "),
        )


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
        check([each for each in found if each.level == "error"], *expected)


def test_a_database_at_another_revision_is_an_error(connection: Connection, tmp_path: Path) -> None:
    check(doctor.check_migrations(connection, production))
    connection.execute(text("UPDATE alembic_version SET version_num = 'of_tomorrow'"))
    check(doctor.check_migrations(connection, production), ("error", "of_tomorrow"))
    connection.execute(text("DELETE FROM alembic_version"))
    check(doctor.check_migrations(connection, production), ("error", "alembic upgrade head"))


def test_two_heads_are_an_error(connection: Connection, tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(HEAD)
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.set_main_option("path_separator", "os")
    versions = ROOT / "migrations" / "versions"
    config.set_main_option("version_locations", f"{versions}{os.pathsep}{tmp_path}")
    check(
        doctor.check_migrations(connection, production, config),
        ("error", "alembic merge heads"),
        ("error", "behind"),
    )


Capture = pytest.CaptureFixture[str]


async def test_a_refused_connection_is_an_error_of_each_driver(
    app: FastAPI, capsys: Capture
) -> None:
    host, port = postgres.HOST, postgres.free_port()
    refused = (
        create_engine(SQLALCHEMY_DATABASE_URL.set(host=host, port=port)),
        create_async_engine(ASYNC_SQLALCHEMY_DATABASE_URL.set(host=host, port=port)),
    )
    assert await doctor.report(doctor.diagnose(app, production, refused)) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("error: psycopg2 does not reach 127.0.0.1: connection to server")
    assert second.startswith("error: asyncpg does not reach 127.0.0.1: [Errno ")


async def test_a_warning_alone_does_not_fail(app: FastAPI, capsys: Capture) -> None:
    copy = production.model_copy(update={"timing": True})
    assert await doctor.report(doctor.diagnose(app, copy, ())) == 0
    assert capsys.readouterr().out.startswith("warning: TIMING")


async def test_a_healthy_service_passes(app: FastAPI, capsys: Capture) -> None:
    """But for warnings about a superuser or an unencrypted way to the server of DB_HOST."""
    assert await doctor.report(doctor.diagnose(app, production, ENGINES)) == 0
    said = capsys.readouterr().out
    if "warning" not in said:
        assert said == "All is well.\n"


class WaitingRoom(BaseRequestHandler):
    """A pooler that lets everybody in, and then waits for its database."""

    def handle(self) -> None:
        while len(self.request.recv(4096)) == 8:  # may it be TLS, or GSSAPI?
            self.request.sendall(b"N")
        self.request.sendall(
            b"R\0\0\0\x08\0\0\0\0"  # no password, please
            b"S\0\0\0\x19client_encoding\0UTF8\0"
            b"S\0\0\0\x12DateStyle\0ISO\0"
            b"Z\0\0\0\x05I"  # ready for queries
        )
        while self.request.recv(4096):
            pass


@pytest.mark.slow
def test_a_pooler_without_its_database_does_not_hold_it_up() -> None:
    password = secrets.token_hex(8)
    with ThreadingTCPServer((postgres.HOST, 0), WaitingRoom) as server:
        Thread(target=server.serve_forever).start()
        environment = {
            "DB_HOST": postgres.HOST,
            "DB_PORT": str(server.server_address[1]),
            "DB_PASSWORD": password,
            "DB_CONNECT_TIMEOUT": "1",
            "DB_STATEMENT_TIMEOUT": "1",
            "TIMING": "true",
        }
        done = subprocess.run(
            [sys.executable, "-m", "app.doctor"],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        server.shutdown()
    assert done.returncode == 1
    first, last = done.stdout.splitlines()
    assert first.startswith("warning: TIMING")
    assert last == "error: The database does not answer."
    assert password not in f"{done.stdout}{done.stderr}"
