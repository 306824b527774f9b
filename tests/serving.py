"""`poe dev` in a rendered service, as a person at a terminal starts and stops it."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any, NamedTuple

from tests.rendering import uv

START, STOP = 60.0, 20.0


class Answer(NamedTuple):
    status: int
    headers: HTTPMessage
    body: Any


class Serving(NamedTuple):
    process: subprocess.Popen[str]
    port: int
    log: Path

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return Answer(response.status, response.headers, json.loads(text) if text else None)

    def said(self) -> str:
        return self.log.read_text()

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/health/ready").status == 200
        except OSError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def poe_dev(port: int) -> list[str]:
    return ["run", "poe", "dev", "--port", str(port)]


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """As a terminal sends it: to every process in the foreground."""
    os.killpg(process.pid, signal.SIGINT)


def ctrl_c_twice(process: subprocess.Popen[str]) -> None:
    ctrl_c(process)
    time.sleep(0.1)
    ctrl_c(process)


def terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()


def close_the_terminal(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGHUP)


def start(
    service: Path,
    environment: Mapping[str, str],
    program: Sequence[str] = (),
    port: int | None = None,
) -> Serving:
    port = port or free_port()
    log = service.with_name(f"{service.name}-{port}.log")
    with log.open("w") as output:
        process = subprocess.Popen(
            [*(program or [uv()]), *poe_dev(port)],
            cwd=service,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    return Serving(process, port, log)


def wait_until_ready(served: Serving) -> None:
    deadline = time.monotonic() + START
    while not served.is_ready():
        assert served.process.poll() is None, f"{served.process.returncode}\n{served.said()}"
        assert time.monotonic() < deadline, served.said()
        time.sleep(0.05)


def kill(process: subprocess.Popen[str], service: Path) -> None:
    for pid in left_in(service):
        os.kill(pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait(STOP)


@contextmanager
def serving(
    service: Path,
    environment: Mapping[str, str],
    program: Sequence[str] = (),
    stop: Callable[[subprocess.Popen[str]], None] = ctrl_c,
    port: int | None = None,
) -> Iterator[Serving]:
    """`poe dev`, from its first 200 on /health/ready on; nothing that it started may survive it."""
    served = start(service, environment, program, port)
    try:
        wait_until_ready(served)
        yield served
        stop(served.process)
        served.process.wait(STOP)
        deadline = time.monotonic() + STOP
        while left := left_in(service):
            assert time.monotonic() < deadline, left
            time.sleep(0.05)
        assert not (service / ".postgres" / "data" / "postmaster.pid").exists()
    finally:
        kill(served.process, service)


def left_in(service: Path) -> list[int]:
    """The processes that work in the service's folder: PostgreSQL's, the server's, uv's."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except OSError:
            continue
        if folder.is_relative_to(service):
            found.append(int(entry.name))
    return found
