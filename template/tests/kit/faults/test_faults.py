"""The database's bad days, on a PostgreSQL of the module's own, which may be stopped and frozen."""

import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import psutil
import psycopg2
import pytest
from psycopg2 import extensions
from sqlalchemy import URL, create_engine

from app.database import Base
from scripts import postgres
from tests.conftest import PASSWORD, Served, serving
from tests.traffic import Traffic, traffic

pytestmark = pytest.mark.slow

APP = "tests.faulty:app"
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
        Base.metadata.create_all(engine)
        engine.dispose()
        yield Server(folder, superuser)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Served]:
    with serving(app=APP, environment=server.environment) as client:
        yield client


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def statuses(traffic: Traffic, *paths: str) -> Counter[int]:
    answers = traffic.of(*paths) if paths else traffic.answers
    return Counter(answer.status for answer in answers)


def nothing_is_taken(service: httpx2.Client) -> bool:
    return bool(service.get("/taken").json() == 0)


def test_terminated_backends_fail_no_request(server: Server, service: Served) -> None:
    with traffic(service) as running:
        for _ in range(5):
            time.sleep(0.3)
            wait_until(lambda: server.connections() >= len(WORK))
            with running.paused():
                assert server.terminate_backends() >= len(WORK)
        time.sleep(0.3)
    assert not running.errors
    assert set(statuses(running)) == {200, 201}


def test_a_stopped_database_is_a_quick_503_and_nothing_once_it_is_back(
    server: Server, service: Served
) -> None:
    with traffic(service) as running:
        time.sleep(0.5)
        server.stop()
        time.sleep(6)
        server.start()
        back = time.monotonic()
        time.sleep(2)
    assert not running.errors
    assert set(statuses(running, *WORK)) == {200, 201, 503}
    assert set(statuses(running, "/health/live")) == {200}
    refused = [answer for answer in running.answers if answer.status == 503]
    assert max(answer.seconds for answer in refused) < 2
    assert {answer.retry_after for answer in refused} == {"1"}
    assert {answer.status for answer in running.since(back + 1)} == {200, 201}


def test_a_frozen_database_holds_no_request_longer_than_its_deadline(
    server: Server, service: Served
) -> None:
    with traffic(service) as running:
        time.sleep(0.5)
        with server.frozen():
            time.sleep(12)
        back = time.monotonic()
        time.sleep(2)
    assert not running.errors
    assert set(statuses(running, *WORK)) == {200, 201, 503}
    assert max(answer.seconds for answer in running.of(*WORK)) < 5
    assert {answer.status for answer in running.since(back + 1)} == {200, 201}
    lives = [answer.seconds for answer in running.of("/health/live")]
    assert statistics.quantiles(lives, n=20)[-1] < 0.1
    assert max(answer.seconds for answer in running.of("/health/ready")) < 2
    assert nothing_is_taken(service)
    assert server.connections() <= 4 * 10 + 2


@pytest.mark.parametrize("path", WORK + SESSIONS)
def test_four_hundred_requests_at_once_are_all_answered(service: Served, path: str) -> None:
    def ask(_: int) -> int:
        return service.get(path).status_code

    with ThreadPoolExecutor(400) as threads:
        answers = Counter(threads.map(ask, range(400)))
    assert set(answers) <= {200, 503}
    assert answers[200] >= 10
    assert nothing_is_taken(service)


def test_a_column_that_changes_its_type_is_no_500(server: Server, service: Served) -> None:
    with traffic(service) as running, closing(server.connect()) as connection:
        for length in (201, 202, 203):
            time.sleep(0.3)
            alter = "ALTER TABLE users ALTER COLUMN full_name TYPE"
            connection.cursor().execute(f"{alter} varchar({length})")
            time.sleep(0.3)
            connection.cursor().execute(f"{alter} text")
    assert not running.errors
    assert set(statuses(running)) <= {200, 201, 503}
    assert statuses(running)[503] <= 20


@contextmanager
def writes_behind_a_lock(
    server: Server, service: Served, paths: Sequence[str], *, waiting_for_it: int
) -> Iterator[list[Future[httpx2.Response]]]:
    """Reads pass it. Where the pool is smaller, the others wait for a connection."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with closing(server.connect()) as holder, ThreadPoolExecutor(len(paths)) as threads:
        holder.autocommit = False
        holder.cursor().execute("LOCK users IN SHARE MODE")
        writes = [threads.submit(service.post, path) for path in paths]
        wait_until(lambda: server.ask(waiting) >= waiting_for_it)
        yield writes
        holder.rollback()
        assert {each.result().status_code for each in writes} <= {201, 503}


def test_requests_that_wait_for_a_lock_leave_the_service_ready(
    server: Server, service: Served
) -> None:
    with writes_behind_a_lock(server, service, WORK * 10, waiting_for_it=20):
        assert service.get("/health/ready").status_code == 200


@pytest.mark.parametrize("path", ["/async", *SESSIONS])
def test_a_request_waits_for_a_connection_as_long_as_it_has_time(
    service: Served, path: str
) -> None:
    with ThreadPoolExecutor(10) as threads:
        slow = [threads.submit(service.post, path, params={"pause": 1.1}) for _ in range(10)]
        wait_until(lambda: service.get("/taken").json() == 10)
        # Longer than the pool itself would wait for one.
        assert service.post(path).status_code == 201
        assert {each.result().status_code for each in slow} == {201}


def test_fifty_writes_that_wait_leave_threads_for_the_reads(
    server: Server, service: Served
) -> None:
    with writes_behind_a_lock(server, service, ("/sync",) * 50, waiting_for_it=10) as writes:
        assert service.get("/sync").status_code == 200
        assert not any(each.done() for each in writes)


@pytest.mark.parametrize("path", WORK + SESSIONS)
def test_a_client_that_goes_away_leaks_nothing_and_commits_all_or_nothing(
    server: Server, service: Served, path: str
) -> None:
    before = server.ask("SELECT count(*) FROM users")
    with pytest.raises(httpx2.ReadTimeout):
        service.post(path, params={"pause": 0.2}, timeout=0.1)
    assert service.get("/taken").json() == 1
    wait_until(lambda: nothing_is_taken(service))
    assert server.ask("SELECT count(*) FROM users") - before in {0, 2}


@pytest.fixture
def alone(server: Server, service: Served) -> Server:
    """Without a connection of the service that the other tests share."""
    server.terminate_backends()
    return server


def test_a_terminated_process_finishes_what_it_has_begun(alone: Server) -> None:
    served = serving(app=APP, environment=alone.environment)
    with ThreadPoolExecutor(20) as threads, served as client:
        posts = [(path, {"pause": 0.3}) for path in WORK * 10]
        answers = [threads.submit(client.post, path, params=sent) for path, sent in posts]
        wait_until(lambda: alone.connections() == 20)
        client.process.terminate()
        assert {each.result().status_code for each in answers} == {201}
        assert client.process.wait() == -signal.SIGTERM
    wait_until(lambda: alone.connections() == 0)


def test_a_second_sigterm_ends_what_the_first_waits_for(alone: Server) -> None:
    served = serving(app=APP, environment=alone.environment)
    with ThreadPoolExecutor(1) as threads, served as client:
        answer = threads.submit(client.post, "/async", params={"pause": 1.5})
        wait_until(lambda: alone.connections() == 1)
        client.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            client.process.wait(0.5)
        client.process.terminate()
        client.process.wait(1)
        assert isinstance(answer.exception(), httpx2.HTTPError)


@pytest.mark.parametrize("options", [("--workers", "4"), ("--reload",)])
def test_no_process_leaves_a_connection_behind(alone: Server, options: tuple[str, ...]) -> None:
    with serving(*options, app=APP, environment=alone.environment) as client:
        for path in WORK * 20:
            assert client.get(path).status_code == 200
        assert alone.connections() >= 2
    wait_until(lambda: alone.connections() == 0)
