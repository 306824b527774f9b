"""Many who ask whether the service is ready keep nobody from being told."""

import threading
import time

import pytest

from tests.kit.availability.sockets import connect
from tests.serving import Served

pytestmark = pytest.mark.slow

READY = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"


def keep_asking(served: Served, stopped: threading.Event) -> None:
    """By 25 connections of one thread, each of which asks again when it has its answer."""
    clients = [connect(served) for _ in range(25)]
    while not stopped.is_set():
        for client in clients:
            client.sendall(READY)
        for client in clients:
            client.recv(65536)
    for client in clients:
        client.close()


def test_500_clients_do_not_delay_the_orchestrators_probe(served: Served) -> None:
    stopped = threading.Event()
    threads = [threading.Thread(target=keep_asking, args=(served, stopped)) for _ in range(20)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            time.sleep(0.2)
            begun = time.monotonic()
            response = served.get("/health/ready", timeout=10)
            assert response.status_code == 200
            assert time.monotonic() - begun < 2
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
