"""Several processes migrate one database, while others read it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import psycopg2
import pytest
from psycopg2 import extensions

from app.database import SQLALCHEMY_DATABASE_URL
from tests.conftest import ROOT

HEADS = "SELECT count(*) FROM alembic_version"


def connect(database: str) -> extensions.connection:
    url = SQLALCHEMY_DATABASE_URL.set(drivername="postgresql", database=database)
    return psycopg2.connect(url.render_as_string(hide_password=False))


@pytest.fixture
def empty() -> Iterator[str]:
    """A database of the test's own."""
    name = f"{SQLALCHEMY_DATABASE_URL.database}_replicas"
    connection = connect("postgres")
    connection.autocommit = True
    connection.cursor().execute(f"CREATE DATABASE {name}")
    yield name
    connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def alembic(database: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=os.environ | {"DB_NAME": database, "DB_LOCK_TIMEOUT": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


def wait_until_connected(connection: extensions.connection, database: str, processes: int) -> None:
    deadline = time.monotonic() + 30
    asking = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    with connection.cursor() as cursor:
        while True:
            cursor.execute(asking, [database])
            if cursor.fetchone() == (processes + 1,):
                return
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_replicas_that_start_together_migrate_one_after_the_other(empty: str) -> None:
    with ExitStack() as stack:
        first = connect(empty)
        stack.callback(first.close)
        first.autocommit = True
        first.cursor().execute("SELECT pg_advisory_lock(hashtext('alembic'))")
        replicas = [stack.enter_context(alembic(empty, "upgrade", "head")) for _ in range(2)]
        wait_until_connected(first, empty, len(replicas))
        with pytest.raises(psycopg2.errors.UndefinedTable):
            first.cursor().execute(HEADS)
        first.close()
        for replica in replicas:
            finish(replica)
        after = connect(empty)
        stack.callback(after.close)
        cursor = after.cursor()
        cursor.execute(HEADS)
        assert cursor.fetchone() == (1,)


def test_a_migration_never_queues_the_traffic_behind_it(empty: str) -> None:
    with ExitStack() as stack:
        finish(stack.enter_context(alembic(empty, "upgrade", "head")))
        idle, reader = connect(empty), connect(empty)
        stack.callback(idle.close)
        stack.callback(reader.close)
        reader.autocommit = True
        idle.cursor().execute("SELECT FROM users")
        dropping = stack.enter_context(alembic(empty, "downgrade", "base"))
        waited, asking = False, "SELECT FROM pg_locks WHERE NOT granted"
        deadline = time.monotonic() + 30
        cursor = reader.cursor()
        while not waited:
            assert time.monotonic() < deadline
            cursor.execute(asking)
            waited = cursor.fetchone() is not None
        cursor.execute("SET statement_timeout = '10s'")
        cursor.execute("SELECT FROM users")
        assert dropping.poll() is None
        idle.rollback()
        finish(dropping)
        with pytest.raises(psycopg2.errors.UndefinedTable):
            cursor.execute("SELECT FROM users")
