"""A server from its start to its stop."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.benchmark import machine
from tests.benchmark.service import Rendered
from tests.benchmark.variants import Variant
from tests.serving import free_port

START, STOP = 30.0, 15.0


class Server(NamedTuple):
    process: psutil.Process
    port: int
    start_ms: float


def status(port: int, path: str) -> int:
    """0 while nobody listens."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def wait_for(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    deadline = time.monotonic() + START
    while not (answered := status(port, path)):
        if process.poll() is not None or time.monotonic() > deadline:
            break
        time.sleep(0.005)
    if answered != 200:
        sys.exit(f"{path} was answered with {answered or 'nothing'}:\n{log.read_text()[-4000:]}")


@contextmanager
def serving(
    variant: Variant,
    rendered: Rendered,
    variables: dict[str, str],
    path: str,
    log: Path,
    workers: int = 1,
) -> Iterator[Server]:
    """From its first 200 to a GET of `path` on. Whatever it logs goes into a file."""
    program, *options = variant.command
    port = free_port()
    started = time.perf_counter()
    with log.open("w") as output:
        process = subprocess.Popen(
            [rendered.program(program), *options, "--host", "127.0.0.1", "--port", str(port)],
            cwd=variant.folder,
            env=variables | {"LOG_JSON": "true", "WEB_CONCURRENCY": str(workers)},
            stdout=output,
            stderr=output,
        )
    server = psutil.Process(process.pid)
    try:
        machine.pin(server, machine.cores(workers).server)
        wait_for(process, port, path, log)
        yield Server(server, port, (time.perf_counter() - started) * 1000)
    finally:
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            for each in machine.tree(server):
                each.kill()
