"""A day of `poe dev`: open streams, kill -9, a shell that exports too much."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from dotenv import dotenv_values

from tests.conftest import Environments, Render
from tests.rendering import oldest_python, run, uv
from tests.serving import Serving, ctrl_c, kill, left_in, serving, start, wait_until_ready

# Two seconds on a machine that does nothing else; open requests would take minutes.
IN_TIME = 8.0
USERS = "/api/v1/users"
OPEN = """

import asyncio
import time
from collections.abc import Iterator

from fastapi.responses import StreamingResponse


def drops() -> Iterator[bytes]:
    while True:
        yield b"x"
        time.sleep(0.1)


@api_router.get("/stream")
def stream() -> StreamingResponse:
    return StreamingResponse(drops())


@api_router.get("/debug")
async def debug() -> None:
    await asyncio.sleep(4.5)  # longer than REQUEST_TIMEOUT is unless set


@api_router.get("/block")
def block() -> None:
    time.sleep(600)
"""
# What a shell may hold for other programs.
HOSTILE = {
    "PGSSLMODE": "require",
    "PGSERVICE": "production",
    "PGHOSTADDR": "192.0.2.1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCHANNELBINDING": "require",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "http_proxy": "http://127.0.0.1:9",
}


@pytest.fixture(scope="session")
def variables(environment: Environments) -> dict[str, str]:
    return environment(oldest_python()).variables()


def wait_until(holds: Callable[[], object], served: Serving, seconds: float = 30) -> float:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() < begun + seconds, served.said()
        time.sleep(0.05)
    return time.monotonic() - begun


def open_requests(served: Serving) -> list[socket.socket]:
    found = []
    for path in ("/api/v1/stream", "/api/v1/block"):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        found.append(connection)
    assert found[0].recv(12) == b"HTTP/1.1 200"
    return found


def starts(served: Serving) -> int:
    return served.said().count("Application startup complete")


def test_a_reload_and_ctrl_c_wait_for_nothing_that_is_open(
    project: Render, variables: dict[str, str]
) -> None:
    service = project()
    routes = service / "app" / "routes.py"
    routes.write_text(routes.read_text("utf-8") + OPEN, "utf-8")
    with serving(service, variables) as served:
        assert served.ask("GET", "/api/v1/debug").status == 200
        opened = open_requests(served)
        routes.touch()
        assert wait_until(lambda: starts(served) == 2, served) < IN_TIME
        opened += open_requests(served)
        begun = time.monotonic()
        ctrl_c(served.process)
        served.process.wait(IN_TIME)
        assert time.monotonic() - begun < IN_TIME
    for connection in opened:
        connection.close()


def dev_itself(service: Path) -> int:
    for pid in left_in(service):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"scripts.dev" in command:
            return pid
    raise AssertionError(left_in(service))


@pytest.mark.parametrize("of_uv", [True, False])
def test_after_kill_9_the_next_one_stops_what_was_left(
    project: Render, variables: dict[str, str], of_uv: bool
) -> None:
    service = project()
    killed = start(service, variables)
    try:
        wait_until_ready(killed)
        os.kill(killed.process.pid if of_uv else dev_itself(service), signal.SIGKILL)
        killed.process.wait(10)
        if of_uv:  # it ends by itself; before that the next one says that it runs
            wait_until(lambda: not left_in(service), killed)
        with serving(service, variables, port=killed.port) as served:
            assert served.ask("GET", "/health/ready").status == 200
    finally:
        kill(killed.process, service)


def test_what_a_shell_exports_redirects_nothing(project: Render, variables: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = project(db_port=str(port))
        exported = {name: value or "" for name, value in dotenv_values(service / ".env").items()}
        with serving(service, variables | exported | HOSTILE) as served:
            assert "Traceback" not in served.said()
            found = (service / ".postgres" / "env").read_text()
            assert f"DB_PORT={port}\n" not in found
            for command in (["poe", "migrate"], ["pytest", "-q", "tests/users"]):
                done = run([uv(), "run", *command], service, variables | exported | HOSTILE)
                assert done.returncode == 0, done.stdout
            other = run(
                [uv(), "run", "poe", "migrate"], service, variables | exported | {"DB_PORT": "1"}
            )
            assert other.returncode != 0
            assert "uv run poe dev" in other.stdout
    # The port is free now, and the database stays where other programs have been told it is.
    with serving(service, variables):
        assert (service / ".postgres" / "env").read_text() == found


def test_development_is_turned_on_by_poe_dev_alone(
    project: Render, variables: dict[str, str]
) -> None:
    service = project()
    assert not {"TIMING", "LOG_JSON"} & dotenv_values(service / ".env").keys()
    with serving(service, variables) as served:
        assert "Server-Timing" in served.ask("GET", "/health/live").headers
        assert not re.search(r"^\{", served.said(), re.MULTILINE)
        assert (service / ".env").stat().st_mode & 0o777 == 0o600

        asked = run([uv(), "run", "poe", "psql", "-Atc", "SELECT 40 + 2"], service, variables)
        assert asked.stdout.splitlines()[-1] == "42"
        asked = run(
            ["sh", "-c", f'echo \'print(User(email="a", full_name="b"))\' | {uv()} run poe shell'],
            service,
            variables,
        )
        assert "User(" in asked.stdout, asked.stdout

        models = service / "app" / "users" / "models.py"
        column = "    nickname: Mapped[str | None] = mapped_column(String(9), default=None)\n"
        line = "    is_active: Mapped[bool]"
        models.write_text(models.read_text("utf-8").replace(line, column + line), "utf-8")
        wait_until(lambda: "The models have what no revision has" in served.said(), served)
        said = served.said().count("The models have what no revision has")
        assert served.ask("GET", f"{USERS}/{UUID(int=1)}").status == 500
        wait_until(lambda: served.said().count("The models have what no") > said, served)
        revision = ["run", "poe", "revision", "-m", "nickname"]
        done = [run([uv(), *revision], service, variables) for _ in range(2)]
        assert done[0].returncode == 0, done[0].stdout
        assert "not up to date" in done[1].stdout
        wait_until(lambda: "behind the revisions: `uv run poe migrate`" in served.said(), served)
        assert run([uv(), "run", "poe", "migrate"], service, variables).returncode == 0
