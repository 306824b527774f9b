"""A client goes away, a process is told to end: what was begun is done or undone, none leaks."""

import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.kit.faults.server import APP, SESSIONS, WORK, Server, nothing_is_taken, wait_until
from tests.serving import Served, serving

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("path", WORK + SESSIONS)
def test_a_client_that_goes_away_leaks_nothing_and_commits_all_or_nothing(
    server: Server, service: Served, path: str
) -> None:
    before = server.ask("SELECT count(*) FROM kit_things")
    with pytest.raises(httpx2.ReadTimeout):
        service.post(path, params={"pause": 0.2}, timeout=0.1)
    assert service.get("/taken").json() == 1
    wait_until(lambda: nothing_is_taken(service))
    assert server.ask("SELECT count(*) FROM kit_things") - before in {0, 2}


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
        client.process.wait(2)
        assert isinstance(answer.exception(), httpx2.HTTPError)


@pytest.mark.parametrize("options", [("--workers", "4"), ("--reload",)])
def test_no_process_leaves_a_connection_behind(alone: Server, options: tuple[str, ...]) -> None:
    with serving(*options, app=APP, environment=alone.environment) as client:
        for path in WORK * 20:
            assert client.get(path).status_code == 200
        assert alone.connections() >= 2
    wait_until(lambda: alone.connections() == 0)
