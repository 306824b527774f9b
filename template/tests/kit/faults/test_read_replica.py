"""Reads on a real streaming replica, which may be stopped and frozen."""

import json
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts import postgres
from tests.conftest import PASSWORD
from tests.kit.faults.server import APP, WORK, Server, running, wait_until
from tests.kit.faults.traffic import traffic
from tests.serving import Served, serving

pytestmark = pytest.mark.slow

RECYCLE, TIMEOUT = 1, 2.5


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("primary")) as server:
        yield server


@pytest.fixture(scope="module")
def replica(primary: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("replica")
    data, log = folder / "data", folder / "log"
    data.mkdir(mode=0o700)
    if postgres.is_root():
        os.chown(data, postgres.NOBODY, postgres.NOBODY)
    source = primary.superuser.render_as_string(hide_password=False)
    copied = postgres.run(
        postgres.programs() / "pg_basebackup",
        *(f"--dbname={source}", f"--pgdata={data}", "--write-recovery-conf"),
        *("--checkpoint=fast", "--no-sync"),
        log=log,
    )
    assert copied, log.read_text()
    (folder / "password").write_text(primary.superuser.password or "")
    with postgres.running(folder, postgres.free_port(), durable=False) as superuser:
        yield Server(folder, superuser)


@pytest.fixture(scope="module")
def environment(primary: Server, replica: Server) -> dict[str, str]:
    return primary.environment | {
        "DB_CONNECT_TIMEOUT": "1",
        "DB_REPLICA_HOST": postgres.HOST,
        "DB_REPLICA_PORT": replica.environment["DB_PORT"],
        "LOG_JSON": "true",
        "REQUEST_TIMEOUT": str(TIMEOUT),
    }


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "stderr"


@pytest.fixture(scope="module")
def service(environment: dict[str, str], log: Path) -> Iterator[Served]:
    soon = environment | {"DB_POOL_RECYCLE": str(RECYCLE)}
    with serving(app=APP, log=log, environment=soon) as client:
        yield client


def reads_arrive_at(service: Served, server: Server) -> bool:
    answers = [service.get(f"{path}/port") for path in WORK]
    return {each.text for each in answers} == {server.environment["DB_PORT"]}


def fallbacks(log: Path) -> int:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return sum(line["event"].startswith("reads go to the primary") for line in lines)


@pytest.mark.parametrize("path", WORK)
def test_reads_arrive_at_the_replica_and_writes_at_the_primary(
    service: Served, primary: Server, replica: Server, path: str
) -> None:
    assert replica.ask("SELECT pg_is_in_recovery()::int") == 1
    assert service.get(f"{path}/port").text == replica.environment["DB_PORT"]
    assert service.post(f"{path}/port").text == primary.environment["DB_PORT"]


def test_reads_go_on_while_the_replica_is_stopped_and_return_to_it(
    service: Served, primary: Server, replica: Server, log: Path
) -> None:
    with traffic(service) as running:
        time.sleep(0.3)
        replica.stop()
        stopped = time.monotonic()
        time.sleep(1.5)
        assert reads_arrive_at(service, primary)
        replica.start()
        back = time.monotonic()
        wait_until(lambda: reads_arrive_at(service, replica))
        assert time.monotonic() - back < 2 * RECYCLE + 2
    assert not running.errors
    assert {answer.status for answer in running.answers} <= {200, 201, 503}
    assert {answer.status for answer in running.since(stopped + 0.5)} == {200, 201}
    assert 1 <= fallbacks(log) <= (back - stopped) / RECYCLE + 2
    assert PASSWORD[:8] not in log.read_text()


def test_reads_go_on_while_the_replica_is_frozen_and_return_to_it(
    service: Served, environment: dict[str, str], primary: Server, replica: Server, tmp_path: Path
) -> None:
    log = tmp_path / "stderr"
    with serving(app=APP, log=log, environment=environment) as patient:
        with ThreadPoolExecutor(20) as threads:  # leaves many connections idle
            assert set(threads.map(lambda path: patient.get(path).status_code, WORK * 20)) == {200}
        with traffic(patient) as running:
            time.sleep(0.3)
            with replica.frozen():
                frozen = time.monotonic()
                time.sleep(TIMEOUT + 1.5)
                assert reads_arrive_at(service, primary)
                assert reads_arrive_at(patient, primary)
            wait_until(lambda: reads_arrive_at(service, replica))
    assert not running.errors
    assert {answer.status for answer in running.answers} == {200, 201, 503}
    assert max(answer.seconds for answer in running.answers) < TIMEOUT + 1
    assert {answer.status for answer in running.since(frozen + TIMEOUT)} == {200, 201}
    assert 1 <= fallbacks(log) <= 2  # both engines may have found out together
