"""A pooler between the service and PostgreSQL: what it drops, and what does not go through it."""

import os
import secrets
import subprocess
import sys
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app import database, doctor
from app import settings as app_settings
from app.database import ASYNC_SQLALCHEMY_DATABASE_URL, DIRECT_DATABASE_URL
from app.kit.db import checks
from app.settings import settings
from scripts import postgres
from tests.conftest import ROOT
from tests.kit.findings import check, production


def test_no_migration_goes_through_a_pooler(
    alembic_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooled = settings.model_copy(update={"db_pooler": True})
    monkeypatch.setattr(app_settings, "settings", pooled)
    monkeypatch.setattr(database, "DIRECT_DATABASE_URL", database.SQLALCHEMY_DATABASE_URL)
    with pytest.raises(SystemExit, match="DB_DIRECT_HOST"):
        command.current(alembic_config)


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


class PoolerAlone(BaseRequestHandler):
    """A pooler that accepts every client, and then waits for its database."""

    def handle(self) -> None:
        while len(self.request.recv(4096)) == 8:  # a request for TLS, or for GSSAPI
            self.request.sendall(b"N")
        self.request.sendall(
            b"R\0\0\0\x08\0\0\0\0"  # no password is asked for
            b"S\0\0\0\x19client_encoding\0UTF8\0"
            b"S\0\0\0\x12DateStyle\0ISO\0"
            b"Z\0\0\0\x05I"  # ready for queries
        )
        while self.request.recv(4096):
            pass


@pytest.mark.slow
def test_a_pooler_without_its_database_does_not_hold_it_up() -> None:
    password = secrets.token_hex(8)
    with ThreadingTCPServer((postgres.HOST, 0), PoolerAlone) as server:
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
    lines = done.stdout.splitlines()
    assert any(line.startswith("warning: TIMING") for line in lines)
    assert lines[-1] == "error: The database does not answer."
    assert password not in f"{done.stdout}{done.stderr}"
