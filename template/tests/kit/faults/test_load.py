"""More requests than there are connections, and requests that wait for a lock."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx2
import pytest

from tests.kit.faults.server import SESSIONS, WORK, Server, nothing_is_taken, wait_until
from tests.serving import Served

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", WORK + SESSIONS)
def test_four_hundred_requests_at_once_are_all_answered(service: Served, path: str) -> None:
    def ask(_: int) -> int:
        return service.get(path).status_code

    with ThreadPoolExecutor(400) as threads:
        answers = Counter(threads.map(ask, range(400)))
    assert set(answers) <= {200, 503}
    assert answers[200] >= 10
    assert nothing_is_taken(service)


@contextmanager
def writes_behind_a_lock(
    server: Server, service: Served, paths: Sequence[str], *, waiting_for_it: int
) -> Iterator[list[Future[httpx2.Response]]]:
    """Reads pass it. Where the pool is smaller, the others wait for a connection."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    with closing(server.connect()) as holder, ThreadPoolExecutor(len(paths)) as threads:
        holder.autocommit = False
        holder.cursor().execute("LOCK kit_things IN SHARE MODE")
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
