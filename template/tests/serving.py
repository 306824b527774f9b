"""The service in a process of its own, on a real socket."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from scripts import postgres
from tests.conftest import ROOT


class Served(httpx2.Client):
    """The service in a process of its own, on a real socket."""

    def __init__(self, command: list[str], port: int, log: Path, environment: Mapping[str, str]):
        super().__init__(base_url=f"http://127.0.0.1:{port}", timeout=30)
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [*command, "--port", str(port)],
                cwd=ROOT,
                env={**os.environ, **environment},
                stderr=stderr,
            )
        try:
            self.wait_until_it_listens(port)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def wait_until_it_listens(self, port: int) -> None:
        deadline = time.monotonic() + 60
        while postgres.is_free(port):
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def serving(
    *options: str,
    app: str = "app.main:app",
    log: Path = Path(os.devnull),
    environment: Mapping[str, str],
) -> Iterator[Served]:
    """Its standard error goes into `log`."""
    command = [sys.executable, "-m", "uvicorn", app, *options]
    with Served(command, postgres.free_port(), log, environment) as client:
        try:
            yield client
        finally:
            client.process.terminate()
            client.process.wait()
