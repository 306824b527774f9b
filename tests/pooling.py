"""PgBouncer in transaction mode, before a PostgreSQL of the rendered service's own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
import pytest
from psycopg2.extensions import connection, make_dsn, parse_dsn

from tests.benchmark.database import START
from tests.rendering import run
from tests.serving import free_port

HOST = "127.0.0.1"
ROLE, PASSWORD = "tests", """p@ss:/%#?&$"` ="""
SERVERS = 5
# What the service asks for where nothing stands between, and what a pooler refuses to pass on.
LIMITS = {
    "statement_timeout": "3s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
}
CONFIGURATION = """
[databases]
* = host={host} port={server_port}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
client_tls_sslmode = require
client_tls_key_file = {folder}/key
client_tls_cert_file = {folder}/certificate
pool_mode = transaction
default_pool_size = {servers}
server_login_retry = 1
"""


def program(name: str) -> str:
    """Debian has PgBouncer where only root's PATH looks."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        missing = pytest.fail if {"CI", "NEED_PGBOUNCER"} & os.environ.keys() else pytest.skip
        missing(f"{name} is not installed: `apt-get install {name}`")
    return found


def certify(folder: Path, key: str, certificate: str) -> None:
    """A certificate for 127.0.0.1 that is its own authority."""
    done = run(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=IP:{HOST}"),
            *("-keyout", folder / key, "-out", folder / certificate),
        ],
        folder,
    )
    assert done.returncode == 0, done.stdout


class Pooler:
    def __init__(self, folder: Path, server: Mapping[str, str]) -> None:
        self.folder = folder
        self.server = server
        self.port = free_port()
        settings = CONFIGURATION.format(
            host=HOST, server_port=server["port"], port=self.port, folder=folder, servers=SERVERS
        )
        (folder / "pgbouncer.ini").write_text(settings)
        (folder / "users").write_text('"{}" "{}"\n'.format(ROLE, PASSWORD.replace('"', '""')))
        certify(folder, "key", "certificate")
        certify(folder, "other-key", "other-certificate")
        self.command = [program("pgbouncer"), "--quiet", str(folder / "pgbouncer.ini")]
        if os.geteuid() == 0:  # it refuses to be root
            self.command[1:1] = ["--user", "nobody"]
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, "nobody")

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL, text=True)
        wait_for(self.port, self.process)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    @property
    def variables(self) -> dict[str, str]:
        """The settings of a service behind it."""
        return {
            "DB_HOST": HOST,
            "DB_PORT": str(self.port),
            "DB_USERNAME": ROLE,
            "DB_PASSWORD": PASSWORD,
            "DB_POOLER": "true",
            "DB_DIRECT_HOST": self.server["host"],
            "DB_DIRECT_PORT": self.server["port"],
            "ENV_FILE": os.devnull,
        }

    def connect(self, database: str) -> connection:
        return psycopg2.connect(
            host=HOST, port=self.port, user=ROLE, password=PASSWORD, dbname=database
        )

    def prepared_statements(self, database: str) -> list[int]:
        """How many there are on each of its connections to PostgreSQL."""
        found: dict[int, int] = {}
        asking = "SELECT pg_backend_pid(), count(name) FROM pg_prepared_statements"
        sessions = [self.connect(database) for _ in range(SERVERS)]
        for session in sessions:  # as long as its transaction is open, no other has its connection
            cursor = session.cursor()
            cursor.execute(asking)
            found.update(cursor.fetchall())
        for session in sessions:
            session.close()
        assert len(found) == SERVERS
        return [*found.values()]


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def execute(server: Mapping[str, str], *statements: str) -> None:
    with closing(psycopg2.connect(make_dsn(**server))) as session:
        session.autocommit = True
        for statement in statements:
            session.cursor().execute(statement)


@contextmanager
def pooling(python: Path, service: Path, folder: Path) -> Iterator[Pooler]:
    """Both run, and the role of the service has its limits from PostgreSQL."""
    with (
        subprocess.Popen(
            [python, "-c", START, folder],
            cwd=service,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as postgres,
        TemporaryDirectory() as own,  # not pytest's, which is root's alone
    ):
        assert postgres.stdout
        assert postgres.stdin
        server = parse_dsn(postgres.stdout.readline().strip())
        execute(
            server,
            f"CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'",
            *(f"ALTER ROLE {ROLE} SET {name} = '{value}'" for name, value in LIMITS.items()),
        )
        pooler = Pooler(Path(own), server)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.stop()
            postgres.stdin.close()
