"""A PostgreSQL that a test may stop and freeze, and how it learns what the service does then."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg2
from psycopg2 import extensions
from sqlalchemy import URL, create_engine

from scripts import postgres
from tests.conftest import PASSWORD
from tests.kit.things import ThingBase

APP = "tests.kit.faults.faulty:app"
WORK = ("/sync", "/async")
SESSIONS = ("/sync/session", "/async/session")
ACTIVITY = "FROM pg_stat_activity WHERE usename = 'faults'"


class Server:
    def __init__(self, folder: Path, superuser: URL) -> None:
        self.folder = folder
        self.superuser = superuser
        self.environment = postgres.environment(superuser) | {
            "DB_USERNAME": "faults",
            "DB_PASSWORD": PASSWORD,
            "DB_NAME": "faults",
        }

    def connect(self) -> extensions.connection:
        url = self.superuser.set(database="faults")
        connection = psycopg2.connect(url.render_as_string(hide_password=False))
        connection.autocommit = True
        return connection

    def ask(self, query: str) -> int:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        assert row is not None
        return int(row[0])

    def connections(self) -> int:
        return self.ask(f"SELECT count(*) {ACTIVITY}")

    def terminate_backends(self) -> int:
        terminated = self.ask(f"SELECT count(pg_terminate_backend(pid)) {ACTIVITY}")
        wait_until(lambda: self.connections() == 0)
        time.sleep(0.1)  # a backend closes its connection after it has left pg_stat_activity
        return terminated

    def stop(self) -> None:
        stop = (postgres.programs() / "pg_ctl", "stop", "--pgdata", self.folder / "data")
        assert postgres.run(*stop, "--mode=fast", log=self.folder / "log")

    def start(self) -> None:
        data, port = self.folder / "data", int(self.environment["DB_PORT"])
        log = self.folder / "log"
        assert postgres.start(postgres.programs(), data, port, durable=False, log=log) == port

    @contextmanager
    def frozen(self) -> Iterator[None]:
        pid = (self.folder / "data" / "postmaster.pid").read_text().split()[0]
        postmaster = psutil.Process(int(pid))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    with postgres.running(folder, postgres.free_port(), durable=False) as superuser:
        postgres.ensure_role(superuser, "faults", PASSWORD)
        postgres.ensure_database(superuser, "faults", "faults")
        owner = superuser.set(
            drivername="postgresql+psycopg2",
            username="faults",
            password=PASSWORD,
            database="faults",
        )
        engine = create_engine(owner)
        ThingBase.metadata.create_all(engine)
        engine.dispose()
        yield Server(folder, superuser)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def nothing_is_taken(service: httpx2.Client) -> bool:
    return bool(service.get("/taken").json() == 0)
