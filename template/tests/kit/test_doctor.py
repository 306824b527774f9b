"""What `poe doctor` finds, each made wrong for it, and that it finds nothing else."""

import os
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app import doctor
from app.database import ASYNC_SQLALCHEMY_DATABASE_URL, SQLALCHEMY_DATABASE_URL
from app.doctor import ENGINES
from app.kit.http.middleware import add_middleware
from app.settings import settings
from scripts import postgres
from tests.kit.findings import check, production


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
