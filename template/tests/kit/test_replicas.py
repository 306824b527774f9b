"""Several processes migrate one database, while others read it."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from alembic.config import Config
from alembic.config import main as run_alembic
from alembic.script import ScriptDirectory
from psycopg2 import extensions

from app.database import DIRECT_DATABASE_URL
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
REPLICAS = 5
RAN = re.compile(r"Running upgrade \w* -> (\w+)")
CONCURRENTLY = '''"""concurrently"""

from alembic import op

revision = "concurrently"
down_revision = {!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.create_index("ix_once", "users", ["full_name"], postgresql_concurrently=True)
'''
CONFIG = """
[alembic]
script_location = {root}/migrations
version_locations = {root}/migrations/versions{separator}{folder}
path_separator = os
"""
# Forked from one that has imported the service: five imports cost ten seconds of CPU.
forking = "forkserver" in get_all_start_methods()
processes: Any = get_context("forkserver" if forking else "spawn")
if forking:
    processes.set_forkserver_preload([__name__, "app.routes"])


class Replica(NamedTuple):
    process: BaseProcess
    log: Path

    def finish(self) -> list[str]:
        """The revisions that it ran."""
        self.process.join(60)
        said = self.log.read_text()
        assert self.process.exitcode == 0, said
        return RAN.findall(said)


Start = Callable[..., Replica]


def alembic(log: Path, *arguments: str) -> None:
    os.chdir(ROOT)
    with log.open("w") as stderr:
        os.dup2(stderr.fileno(), 2)
    run_alembic(arguments)


def connect(database: str) -> extensions.connection:
    url = DIRECT_DATABASE_URL.set(drivername="postgresql", database=database)
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    connection.autocommit = True
    return connection


@pytest.fixture
def empty() -> Iterator[str]:
    """A database of the test's own."""
    name = f"{DIRECT_DATABASE_URL.database}_replicas"
    connection = connect("postgres")
    connection.cursor().execute(f"CREATE DATABASE {name}")
    yield name
    connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@pytest.fixture
def start(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start `alembic` with these arguments on the database of the test."""
    for name, value in {"DB_NAME": empty, "DB_LOCK_TIMEOUT": "1", "LOG_LEVEL": "INFO"}.items():
        monkeypatch.setenv(name, value)
    started: list[BaseProcess] = []

    def start(*arguments: str) -> Replica:
        log = tmp_path / f"{len(started)}.log"
        process = processes.Process(target=alembic, args=(log, *arguments))
        process.start()
        started.append(process)
        return Replica(process, log)

    yield start
    for process in started:
        process.kill()
        process.join()


def wait_until_connected(connection: extensions.connection, database: str) -> None:
    deadline = time.monotonic() + 30
    asking = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(asking, [database])
            if cursor.fetchone() == (REPLICAS + 1,):
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)


def upgrade_at_once(start: Start, database: str, *options: str) -> list[str]:
    """The revisions that the replicas ran, all of which had to wait for each other."""
    first = connect(database)
    first.cursor().execute("SELECT pg_advisory_lock(hashtext('alembic'))")
    replicas = [start(*options, "upgrade", "head") for _ in range(REPLICAS)]
    wait_until_connected(first, database)
    first.close()
    return [revision for replica in replicas for revision in replica.finish()]


def test_replicas_that_start_together_run_each_revision_once(
    empty: str, start: Start, alembic_config: Config
) -> None:
    revisions = ScriptDirectory.from_config(alembic_config).walk_revisions()
    newest, *older = [each.revision for each in revisions]
    assert sorted(upgrade_at_once(start, empty)) == sorted([newest, *older])
    start("downgrade", "-1").finish()
    assert upgrade_at_once(start, empty) == [newest]


def test_replicas_that_build_an_index_concurrently_do_not_lock_each_other_out(
    empty: str, start: Start, alembic_config: Config, tmp_path: Path
) -> None:
    scripts = ScriptDirectory.from_config(alembic_config)
    (tmp_path / "concurrently.py").write_text(CONCURRENTLY.format(scripts.get_current_head()))
    config = tmp_path / "alembic.ini"
    text = CONFIG.format(root=ROOT, separator=os.pathsep, folder=tmp_path)
    config.write_text(text.replace("%", "%%"))
    ran = upgrade_at_once(start, empty, "--config", str(config))
    assert ran.count("concurrently") == 1


def test_a_migration_never_queues_the_traffic_behind_it(empty: str, start: Start) -> None:
    with ExitStack() as stack:
        start("upgrade", "head").finish()
        idle, reader = connect(empty), connect(empty)
        stack.callback(idle.close)
        stack.callback(reader.close)
        idle.autocommit = False
        idle.cursor().execute("SELECT FROM users")
        dropping = start("downgrade", "base")
        waited, asking = False, "SELECT FROM pg_locks WHERE NOT granted"
        deadline = time.monotonic() + 30
        cursor = reader.cursor()
        while not waited:
            assert time.monotonic() < deadline
            cursor.execute(asking)
            waited = cursor.fetchone() is not None
        cursor.execute("SET statement_timeout = '10s'")
        cursor.execute("SELECT FROM users")
        assert dropping.process.is_alive()
        idle.rollback()
        dropping.finish()
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT FROM users")
