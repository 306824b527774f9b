import asyncio
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import psycopg2
import pytest
from alembic import command
from alembic.config import Config
from dotenv import dotenv_values
from fastapi import FastAPI
from sqlalchemy import Engine, MetaData, Table, delete, event, text
from starlette.routing import compile_path

from scripts import postgres

ROOT = Path(__file__).parents[1]
# Whatever test reaches the database also shows that such a password does.
PASSWORD = 'p@ss:/%#?&$"` ='
# The paths whose every status the OpenAPI document must list. Add your own when they are ready.
DOCUMENTED = "^/(health|api/v1/(users|items))(/|$)"

server = pytest.StashKey[ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    """Choose the database. `app` reads its settings when imported, so nothing here may import it.

    With DB_HOST set it is that server. So it is in pytest-xdist's workers, which inherit ours.
    """
    stack = config.stash[server] = ExitStack()
    if "DB_HOST" not in os.environ:
        folder = stack.enter_context(TemporaryDirectory(prefix="postgres-"))
        superuser = stack.enter_context(postgres.running(Path(folder), 5432, durable=False))
        postgres.ensure_role(superuser, "tests", PASSWORD, attributes="LOGIN CREATEDB")
        os.environ |= postgres.environment(superuser) | {
            "DB_USERNAME": "tests",
            "DB_PASSWORD": PASSWORD,
            "SUPERUSER_URL": superuser.render_as_string(hide_password=False),
        }
    else:
        env_file = dotenv_values(ROOT / ".env")
        for name in ("DB_PORT", "DB_USERNAME", "DB_PASSWORD"):
            os.environ.setdefault(name, env_file.get(name) or "")
    # What else a developer's .env or shell says is no business of the tests.
    os.environ["ENV_FILE"] = os.devnull
    os.environ.pop("WEB_CONCURRENCY", None)
    # Of this process alone: others may be testing on the same server.
    os.environ["DB_NAME"] = f"test_{secrets.token_hex(8)}"


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[server].close()


@pytest.fixture(scope="session")
def alembic_config() -> Config:
    return Config(toml_file=ROOT / "pyproject.toml")


@pytest.fixture(scope="session")
def database(alembic_config: Config) -> Iterator[None]:
    from app.database import DIRECT_DATABASE_URL as URL
    from app.database import engine

    def execute(statement: str) -> None:
        dsn = URL.set(drivername="postgresql", database="postgres")
        with closing(psycopg2.connect(dsn.render_as_string(hide_password=False))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)

    execute(f"CREATE DATABASE {URL.database}")
    command.upgrade(alembic_config, "head")
    yield
    engine.dispose()
    execute(f"DROP DATABASE {URL.database} WITH (FORCE)")


@pytest.fixture(scope="session")
def tables(database: None) -> list[Table]:
    """As the database has them, which need not be as the models have them."""
    from app.database import engine

    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


@pytest.fixture(autouse=True)
def empty_tables(tables: list[Table]) -> Iterator[None]:
    """Commits are real, for a rollback would hide one engine's rows from the other."""
    from app.database import engine

    yield
    with engine.begin() as connection:
        for table in reversed(tables):
            connection.execute(delete(table))


async def wait_for_background() -> None:
    """Wait for what the application has started and not awaited."""
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})


@pytest.fixture(scope="session")
async def app(database: None) -> AsyncIterator[FastAPI]:
    from app.main import create_app

    app = create_app()
    async with app.router.lifespan_context(app):
        await wait_for_background()  # else a test would count its statements
        yield app


@contextmanager
def count_statements() -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield statements
    event.remove(Engine, "before_cursor_execute", note)


Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def counting() -> Counting:
    """The statements that any engine executes inside the block."""
    return count_statements


class Served(httpx2.Client):
    """The service in a process of its own, on a real socket."""

    def __init__(self, command: list[str], port: int, log: Path, environment: Mapping[str, str]):
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=30)
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stderr=stderr,
            )
        deadline = time.monotonic() + 30
        while postgres.is_free(port):
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def serving(
    *options: str,
    app: str = "app.main:app",
    log: Path = Path(os.devnull),
    environment: Mapping[str, str],
) -> Iterator[Served]:
    """Its standard error goes into `log`."""
    command = [sys.executable, "-m", "uvicorn", app, *options]
    with Served(command, postgres.free_port(), log, environment) as client:
        try:
            yield client
        finally:
            client.process.terminate()
            client.process.wait()


def connect(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture(scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Whatever it is answered, the OpenAPI document must list the status."""
    documented = app.openapi()["paths"].items()
    paths = [
        (compile_path(path)[0], each) for path, each in documented if re.match(DOCUMENTED, path)
    ]

    async def is_documented(response: httpx2.Response) -> None:
        method, url = response.request.method, response.request.url
        for pattern, operations in paths:
            if pattern.match(url.path) and method.lower() in operations:
                statuses = operations[method.lower()]["responses"]
                assert str(response.status_code) in statuses, f"{method} {url}: {response}"

    async with connect(app) as client:
        client.event_hooks = {"response": [is_documented]}
        yield client


async def wait_for_waiting(count: int) -> None:
    """Return when so many requests wait for a lock of the test's, or of each other's."""
    from app.database import async_engine

    asking = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
    deadline = time.monotonic() + 30
    while True:
        async with async_engine.connect() as connection:
            if await connection.scalar(text(f"{asking} current_database()")) == count:
                return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
