"""One PostgreSQL for all: the rendered service's own, with its tables and some users in them."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from tests.benchmark.service import Rendered
from tests.rendering import clean_environment, run

# It stops PostgreSQL when its input ends, so also when whoever started it is killed.
START = """
import sys
from pathlib import Path
from scripts import postgres
with postgres.running(Path(sys.argv[1]), 5432) as superuser:
    print(superuser.render_as_string(hide_password=False), flush=True)
    sys.stdin.read()
"""
NAME = "benchmark"
PAGE = 20


class Database:
    def __init__(self, superuser: str, postmaster: psutil.Process) -> None:
        self.superuser = parse_dsn(superuser)
        self.postmaster = postmaster
        self.password = secrets.token_hex(16)
        self.execute(f"CREATE ROLE {NAME} LOGIN PASSWORD '{self.password}'", database="postgres")
        self.execute(f"CREATE DATABASE {NAME} OWNER {NAME}", database="postgres")
        # Between two measurements all is cleaned up at once; nothing shall do so during one.
        self.execute("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()")

    def execute(self, *statements: str, database: str = NAME) -> list[tuple[Any, ...]]:
        """The rows of the last statement."""
        dsn = make_dsn(**self.superuser | {"dbname": database})
        with closing(psycopg2.connect(dsn)) as connection:
            connection.autocommit = True
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    @property
    def address(self) -> tuple[str, int]:
        return self.superuser["host"], int(self.superuser["port"])

    def variables(self, port: int | None = None) -> dict[str, str]:
        """What a server needs to find it; through another port where something listens between."""
        host, own_port = self.address
        port = port or own_port
        return clean_environment(
            DATABASE_URL=f"postgresql://{NAME}:{self.password}@{host}:{port}/{NAME}",
            DB_HOST=host,
            DB_PORT=str(port),
            DB_NAME=NAME,
            DB_USERNAME=NAME,
            DB_PASSWORD=self.password,
            ENV_FILE=os.devnull,
        )

    def migrate(self, rendered: Rendered) -> None:
        command = [rendered.program("alembic"), "upgrade", "head"]
        migrated = run(command, rendered.services["async"], self.variables())
        if migrated.returncode:
            sys.exit(f"The migrations failed:\n{migrated.stdout}")

    def seed(self, rows: int) -> None:
        """So many users, and an item of each of the first hundred."""
        self.execute(
            "TRUNCATE users CASCADE",
            "INSERT INTO users (id, email, full_name, is_active) "
            "SELECT uuidv7(), 'user-' || n || '@example.com', 'User ' || n, true "
            f"FROM generate_series(1, {rows}) n",
            "INSERT INTO items (id, title, description, owner_id) "
            "SELECT uuidv7(), 'A lamp', 'Of ' || full_name, id FROM users ORDER BY id LIMIT 100",
            "VACUUM ANALYZE",
            "CHECKPOINT",
        )
        self.last = self.user_at(rows - 1)

    def user_at(self, position: int) -> UUID:
        select = f"SELECT id::text FROM users ORDER BY id LIMIT 1 OFFSET {position}"
        return UUID(self.execute(select)[0][0])

    def sample(self, table: str = "users") -> list[UUID]:
        """Ids at random, of rows that have a whole page after them."""
        position = self.count(table) - PAGE - 1
        below = f"SELECT id FROM {table} ORDER BY id LIMIT {position}"
        select = f"SELECT id::text FROM ({below}) AS below ORDER BY random() LIMIT 10000"
        return [UUID(row[0]) for row in self.execute(select)]

    def before_page(self, number: int) -> UUID:
        """The user before the page of that number, or before the last whole page."""
        last = self.count("users") // PAGE
        return self.user_at(PAGE * (min(number, last) - 1) - 1)

    def count(self, table: str) -> int:
        return int(self.execute(f"SELECT count(*) FROM {table}")[0][0])

    def reset(self) -> None:
        """Back to the users that were there at first."""
        self.execute(f"DELETE FROM users WHERE id > '{self.last}'", "VACUUM ANALYZE users")

    def connections(self) -> int:
        return self.count(f"pg_stat_activity WHERE usename = '{NAME}'")

    def version(self) -> str:
        return str(self.execute("SHOW server_version")[0][0])


@contextmanager
def running(rendered: Rendered, folder: Path) -> Iterator[Database]:
    folder.mkdir()
    process = subprocess.Popen(
        [rendered.python, "-c", START, str(folder)],
        cwd=rendered.services["async"],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        superuser = process.stdout.readline().strip()
        if not superuser:
            sys.exit("PostgreSQL did not start: see above.")
        pid = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        database = Database(superuser, psutil.Process(pid))
        database.migrate(rendered)
        yield database
    finally:
        process.communicate()
