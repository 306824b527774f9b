"""The database stops, freezes, ends its connections, changes a column: under traffic."""

import statistics
import time
from contextlib import closing

import pytest

from tests.kit.faults.server import WORK, Server, nothing_is_taken, wait_until
from tests.kit.faults.traffic import statuses, traffic
from tests.serving import Served

pytestmark = pytest.mark.slow


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


def test_a_column_that_changes_its_type_is_no_500(server: Server, service: Served) -> None:
    with traffic(service) as running, closing(server.connect()) as connection:
        for length in (201, 202, 203):
            time.sleep(0.3)
            alter = "ALTER TABLE kit_things ALTER COLUMN name TYPE"
            connection.cursor().execute(f"{alter} varchar({length})")
            time.sleep(0.3)
            connection.cursor().execute(f"{alter} text")
    assert not running.errors
    assert set(statuses(running)) <= {200, 201, 503}
    assert statuses(running)[503] <= 20
