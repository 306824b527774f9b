"""`poe doctor`: what is wrong with this deployment, a line each; exit code 1 for an error."""

import asyncio
import logging
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.database import async_engine, async_read_engine, engine, engines, read_engine
from app.kit.db.checks import Finding, Findings, check_server, check_session, error, warning
from app.kit.db.connections import AnyEngine
from app.kit.ops.budget import check_budget
from app.kit.ops.environment import env_files
from app.main import app
from app.settings import ROOT, Settings, settings

ENGINES = (engine, async_engine, read_engine, async_read_engine)
# Words of the passwords that examples are published with.
PUBLISHED = re.compile("changeme|changethis|password|postgres", re.IGNORECASE)
LOCAL = re.compile("localhost|127[.].+|::1|/.*")
ALEMBIC = Config(toml_file=ROOT / "pyproject.toml")
Check = Callable[[Connection, Settings], Findings]


def check_password(settings: Settings) -> Findings:
    password = settings.db_password.get_secret_value()
    if password in {settings.db_username, settings.db_name}:
        yield error("DB_PASSWORD is the name of the role or the database: set a random one.")
    elif len(password) < 12 or len(set(password)) < 5 or PUBLISHED.search(password):
        yield error("DB_PASSWORD is easily guessed: set a random one of 12 characters or more.")


def check_debugging(app: FastAPI, settings: Settings) -> Findings:
    if app.debug:
        yield error("FastAPI's debug mode shows tracebacks to clients: create it without debug.")
    if settings.log_level == "DEBUG":
        yield error("LOG_LEVEL is DEBUG, at which libraries log headers and more: set INFO.")
    if settings.timing:
        yield warning("TIMING tells every client how long the service works: set it to false.")


def check_cors(app: FastAPI) -> Findings:
    for middleware in app.user_middleware:
        options: dict[str, Any] = {**middleware.kwargs}
        pattern = options.get("allow_origin_regex") or ""
        anyone = re.fullmatch(pattern, "https://stranger.example")
        if not anyone and "*" not in options.get("allow_origins", ()):
            continue
        if options.get("allow_credentials"):
            yield error("CORS lets every origin act with a user's credentials: name the origins.")
        else:
            yield warning("CORS lets every origin read the answers: name them in CORS_ORIGINS.")


def check_env_file(path: Path) -> Findings:
    # Windows has other rights, and shows these bits of every file.
    if os.name == "posix" and path.is_file() and path.stat().st_mode & 0o006:
        yield error(f"{path} is open to every user of this machine: `chmod 600 {path}`.")


def check_database(connection: Connection, settings: Settings) -> Findings:
    yield from check_server(connection, settings, local=bool(LOCAL.fullmatch(settings.db_host)))
    if excess := check_budget(connection, engines):
        yield error(excess)


def check_migrations(connection: Connection, _: Settings, config: Config = ALEMBIC) -> Findings:
    scripts = ScriptDirectory.from_config(config)
    heads = set(scripts.get_heads())
    current = set(MigrationContext.configure(connection).get_current_heads())
    unknown = current - {revision.revision for revision in scripts.walk_revisions()}
    if len(heads) > 1:
        yield error("The revisions have more than one head: join them with `alembic merge heads`.")
    if unknown:
        yield error(f"The database is at {', '.join(unknown)}, a revision of another version.")
    elif current != heads:
        yield error("The database is behind on migrations: run `alembic upgrade head`.")


def reason(failure: Exception) -> str:
    """The driver's own, on one line. asyncpg has none where it has waited in vain."""
    return " ".join(str(getattr(failure, "orig", failure)).split()) or "no answer in time"


def examine(connection: Connection, settings: Settings, *checks: Check) -> list[Finding]:
    found: list[Finding] = []
    for check in checks:
        try:
            found += check(connection, settings)
        except SQLAlchemyError as failure:
            connection.rollback()
            found.append(error(f"{check.__name__} failed: {reason(failure)}"))
    return found


async def connect(engine: AnyEngine, *args: Any) -> list[Finding]:
    if isinstance(engine, Engine):
        with engine.connect() as connection:
            return examine(connection, *args)
    async with engine.connect() as async_connection:
        return await async_connection.run_sync(examine, *args)


async def diagnose(
    app: FastAPI, settings: Settings, asked: Iterable[AnyEngine]
) -> AsyncIterator[Finding]:
    for finding in [
        *check_password(settings),
        *check_debugging(app, settings),
        *check_cors(app),
        *check_env_file(env_files(ROOT)[0]),
    ]:
        yield finding
    # What the first engine that gets through has found, the others would find too.
    of_the_server: tuple[Check, ...] = (check_database, check_migrations)
    for asking in asked:
        try:
            for finding in await connect(asking, settings, check_session, *of_the_server):
                yield finding
            of_the_server = ()
        except (SQLAlchemyError, OSError) as failure:
            yield error(f"{asking.driver} does not reach {asking.url.host}: {reason(failure)}")


async def report(findings: AsyncIterator[Finding]) -> int:
    """Print them, and return the exit code."""
    levels = set()
    async for level, sentence in findings:
        print(f"{level}: {sentence}", flush=True)
        levels.add(level)
    if not levels:
        print("All is well.")
    return int("error" in levels)


def give_up() -> None:
    # A pooler lets a client in, and makes it wait for a database that is down.
    print("error: The database does not answer.", flush=True)
    os._exit(1)


def main() -> NoReturn:
    logging.disable()  # what is wrong is said once
    patience = settings.db_connect_timeout * len(ENGINES) + settings.db_statement_timeout
    watchdog = threading.Timer(patience, give_up)
    watchdog.daemon = True
    watchdog.start()
    sys.exit(asyncio.run(report(diagnose(app, settings, ENGINES))))


if __name__ == "__main__":
    main()
