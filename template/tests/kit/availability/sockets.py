"""What a client does that no HTTP library would do, and what it costs the service."""

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
import psutil

from tests.serving import Served

MB = 1_000_000


def connect(served: Served, timeout: float = 30) -> socket.socket:
    url = httpx2.URL(served.base_url)
    return socket.create_connection((url.host, url.port or 80), timeout=timeout)


def read_all(client: socket.socket) -> bytes:
    """Until the service closes the connection."""
    received = b""
    with suppress(ConnectionError):
        while part := client.recv(65536):
            received += part
    return received


def exchange(served: Served, sent: bytes, *, timeout: float = 30) -> bytes:
    with connect(served, timeout) as client, suppress(BrokenPipeError, ConnectionResetError):
        client.sendall(sent)
        return read_all(client)
    return b""


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def send_until_closed(served: Served, part: bytes, *, times: int, first: bytes = b"") -> int:
    """How many bytes the service took, of which some are still in the buffers of the system."""
    sent = 0
    with connect(served) as client, suppress(ConnectionError):
        client.sendall(first)
        for _ in range(times):
            client.sendall(part)
            sent += len(part)
    return sent


def memory(served: Served) -> float:
    """In MB."""
    return float(psutil.Process(served.process.pid).memory_info().rss) / MB


def cpu_seconds(served: Served) -> float:
    """Not of the clock: a machine that is busy with other work makes an answer late."""
    times = psutil.Process(served.process.pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def watching(served: Served) -> Iterator[list[float]]:
    """How long /health/live takes meanwhile, in seconds."""
    taken: list[float] = []
    stopped = threading.Event()

    def watch() -> None:
        with httpx2.Client(base_url=served.base_url, timeout=30) as client:
            while not stopped.wait(0.01):
                begun = time.monotonic()
                assert client.get("/health/live").status_code == 200
                taken.append(time.monotonic() - begun)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield taken
        while len(taken) < 5:
            time.sleep(0.01)
    finally:
        stopped.set()
        thread.join()


def is_quick(taken: list[float]) -> bool:
    """A machine that is busy with other work delays some; a service that is stopped delays all."""
    return statistics.median(taken) < 0.15 and max(taken) < 2
