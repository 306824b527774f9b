"""Several processes run revisions of the test's own on one database, while others read it."""

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
from alembic.config import main as run_alembic
from psycopg2 import extensions

from app.database import DIRECT_DATABASE_URL
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
REPLICAS = 5
RAN = re.compile(r"Running upgrade \w* -> (\w+)")
REVISION = '''"""{revision}"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {down_revision!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''
CREATE = 'op.create_table("orders", sa.Column("name", sa.Text()))', 'op.drop_table("orders")'
ADD = 'op.add_column("orders", sa.Column("n", sa.Integer()))', 'op.drop_column("orders", "n")'
CONCURRENTLY = (
    """with op.get_context().autocommit_block():
        op.create_index("ix_once", "orders", ["name"], postgresql_concurrently=True)""",
    'op.drop_index("ix_once")',
)
CONFIG = """
[alembic]
script_location = {root}/migrations
version_locations = {folder}
path_separator = os
"""
# Forked from one that has imported the service: five imports cost ten seconds of CPU.
forking = "forkserver" in get_all_start_methods()
processes: Any = get_context("forkserver" if forking else "spawn")
if forking:
    processes.set_forkserver_preload([__name__, "app.main"])


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
Revisions = dict[str, tuple[str, str]]


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
def revisions() -> Revisions:
    """What each does and undoes, in this order; a test may add one before it starts Alembic."""
    return {"first": CREATE, "second": ADD}


def configure(folder: Path, revisions: Revisions) -> Path:
    """The configuration of an Alembic with these revisions and the environment of the service.

    What is there stays as it is: an Alembic that has been started may be reading it.
    """
    config = folder / "alembic.ini"
    if config.exists():
        return config
    before = None
    for name, (upgrade, downgrade) in revisions.items():
        parts = {"revision": name, "down_revision": before}
        text = REVISION.format(upgrade=upgrade, downgrade=downgrade, **parts)
        (folder / f"{name}.py").write_text(text, "utf-8")
        before = name
    config.write_text(CONFIG.format(root=ROOT, folder=folder).replace("%", "%%"), "utf-8")
    return config


@pytest.fixture
def start(
    empty: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    revisions: Revisions,
) -> Iterator[Start]:
    """Start `alembic` with these arguments on the database of the test."""
    for name, value in {"DB_NAME": empty, "DB_LOCK_TIMEOUT": "1", "LOG_LEVEL": "INFO"}.items():
        monkeypatch.setenv(name, value)
    started: list[BaseProcess] = []

    def start(*arguments: str) -> Replica:
        log = tmp_path / f"{len(started)}.log"
        config = configure(tmp_path, revisions)
        arguments = ("--config", str(config), *arguments)
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


def upgrade_at_once(start: Start, database: str) -> list[str]:
    """The revisions that the replicas ran, all of which had to wait for each other."""
    first = connect(database)
    first.cursor().execute("SELECT pg_advisory_lock(hashtext('alembic'))")
    replicas = [start("upgrade", "head") for _ in range(REPLICAS)]
    wait_until_connected(first, database)
    first.close()
    return [revision for replica in replicas for revision in replica.finish()]


def test_replicas_that_start_together_run_each_revision_once(empty: str, start: Start) -> None:
    assert sorted(upgrade_at_once(start, empty)) == ["first", "second"]
    start("downgrade", "-1").finish()
    assert upgrade_at_once(start, empty) == ["second"]


def test_replicas_that_build_an_index_concurrently_do_not_lock_each_other_out(
    empty: str, start: Start, revisions: Revisions
) -> None:
    revisions["concurrently"] = CONCURRENTLY
    assert upgrade_at_once(start, empty).count("concurrently") == 1


def test_a_migration_never_queues_the_traffic_behind_it(empty: str, start: Start) -> None:
    with ExitStack() as stack:
        start("upgrade", "head").finish()
        idle, reader = connect(empty), connect(empty)
        stack.callback(idle.close)
        stack.callback(reader.close)
        idle.autocommit = False
        idle.cursor().execute("SELECT FROM orders")
        dropping = start("downgrade", "base")
        waited, asking = False, "SELECT FROM pg_locks WHERE NOT granted"
        deadline = time.monotonic() + 30
        cursor = reader.cursor()
        while not waited:
            assert time.monotonic() < deadline
            cursor.execute(asking)
            waited = cursor.fetchone() is not None
        cursor.execute("SET statement_timeout = '10s'")
        cursor.execute("SELECT FROM orders")
        assert dropping.process.is_alive()
        idle.rollback()
        dropping.finish()
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT FROM orders")
