"""The database of the tests, and the fixtures that a feature's tests use."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import psycopg2
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from sqlalchemy import Engine, MetaData, Table, delete, event
from starlette.routing import compile_path

from app.kit.ops.environment import (
    forget_libpq_variables,
    names_another_server,
    read_env_file,
)
from scripts import postgres

ROOT = Path(__file__).parents[1]
KIT = Path(__file__).parent / "kit"

# What the tests give the settings, beside the database: put your own required settings here.
ENVIRONMENT: dict[str, str] = {}

# The paths whose answers the OpenAPI document must list, and which Schemathesis calls. Add your
# own when they are ready: nothing calls a path that is not in this list.
DOCUMENTED = (
    "/health/live",
    "/health/ready",
    "/api/v1/users",
    "/api/v1/users/{user_id}",
    "/api/v1/users/{user_id}/profile",
    "/api/v1/users/{user_id}/groups",
    "/api/v1/users/{user_id}/groups/{name}",
    "/api/v1/items",
    "/api/v1/items/{item_id}",
)

# Whatever test reaches the database also shows that such a password does.
PASSWORD = 'p@ss:/%#?&$"` ='

server = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="with tests/kit and the slow tests")


def is_asked_for(path: Path, config: pytest.Config) -> bool:
    """Whether the command line names a path inside of this one, or `--all`."""
    named = (config.invocation_params.dir / name.partition("::")[0] for name in config.args)
    return config.getoption("--all") or any(name.resolve().is_relative_to(path) for name in named)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path == KIT and not is_asked_for(KIT, config) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = [
        item
        for item in items
        if not item.get_closest_marker("slow") or is_asked_for(item.path, config)
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_configure(config: pytest.Config) -> None:
    """Choose the database, before anything imports `app.settings`, which reads it once.

    Where the process environment names a server, and not only repeats `.env`, it is that one.
    pytest-xdist's workers inherit ours.
    """
    stack = config.stash[server] = ExitStack()
    os.environ |= ENVIRONMENT
    is_worker = hasattr(config, "workerinput")
    if not is_worker and not names_another_server(ROOT / ".env"):
        forget_what_only_repeats(ROOT / ".env")
        forget_libpq_variables()
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="postgres-")))
        postgres.copy_created(folder, ROOT / ".postgres" / f"created-{postgres.VERSION}")
        superuser = stack.enter_context(postgres.running(folder, 5432, durable=False))
        postgres.ensure_role(superuser, "tests", PASSWORD, attributes="LOGIN CREATEDB")
        os.environ |= postgres.environment(superuser) | {
            "DB_USERNAME": "tests",
            "DB_PASSWORD": PASSWORD,
            "SUPERUSER_URL": superuser.render_as_string(hide_password=False),
        }
    else:
        env_file = read_env_file(ROOT / ".env")
        for name in ("DB_HOST", "DB_PORT", "DB_USERNAME", "DB_PASSWORD"):
            os.environ.setdefault(name, env_file.get(name) or "")
    # What else a developer's .env or shell says is no business of the tests.
    os.environ["ENV_FILE"] = os.environ["SECRETS_DIR"] = os.devnull
    os.environ["LOG_JSON"] = "false"
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    os.environ.pop("WEB_CONCURRENCY", None)
    # Of this process alone: others may be testing on the same server.
    os.environ["DB_NAME"] = f"test_{secrets.token_hex(8)}"
    require_settings()


def forget_what_only_repeats(env_file: Path) -> None:
    for name, value in read_env_file(env_file).items():
        if os.environ.get(name) == value:
            del os.environ[name]


def require_settings() -> None:
    try:
        import app.settings  # noqa: F401
    except SystemExit as error:
        hint = "Give the tests a value: ENVIRONMENT in tests/conftest.py."
        raise pytest.UsageError(f"{error}\n{hint}") from None


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
    from app.database import Base, engine

    metadata = MetaData()
    for schema in {table.schema for table in Base.metadata.tables.values()}:
        metadata.reflect(engine, schema)
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


def connect(app: FastAPI) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://test")


def hold_to_the_document(
    client: httpx2.AsyncClient, app: FastAPI, documented: Collection[str]
) -> None:
    """Whatever these paths answer to the client, the OpenAPI document must list the status."""
    # As the service does it: `/users/me` is no `/users/{user_id}`.
    literal_first = sorted(
        app.openapi()["paths"].items(), key=lambda operations: operations[0].count("{")
    )
    paths = [(compile_path(path)[0], path, operations) for path, operations in literal_first]

    async def is_documented(response: httpx2.Response) -> None:
        method, url = response.request.method.lower(), response.request.url
        for pattern, path, operations in paths:
            if pattern.match(url.path) and method in operations:
                statuses = operations[method]["responses"]
                listed = path not in documented or str(response.status_code) in statuses
                assert listed, f"{method} {url}: {response}"
                return

    client.event_hooks = {"response": [is_documented]}


@pytest.fixture(scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with connect(app) as client:
        hold_to_the_document(client, app, DOCUMENTED)
        yield client
