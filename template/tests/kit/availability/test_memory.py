"""The memory of the service is not its clients' to take."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from tests.kit.availability.sockets import (
    MB,
    connect,
    is_quick,
    memory,
    send_until_closed,
    status_of,
    watching,
)
from tests.serving import Served

pytestmark = pytest.mark.slow

GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def send_and_read(client: socket.socket, sent: bytes, *, seconds: float) -> None:
    ends = time.monotonic() + seconds
    client.setblocking(False)
    rest = memoryview(sent)
    while time.monotonic() < ends:
        with suppress(BlockingIOError):
            rest = rest[client.send(rest[:65536]) :]
        with suppress(BlockingIOError):
            assert client.recv(65536)
        time.sleep(0.001)


def send_wave(served: Served) -> None:
    clients = [connect(served) for _ in range(3)]
    sent = GET * (4 * MB // len(GET))
    threads = [
        threading.Thread(target=send_and_read, args=(client, sent), kwargs={"seconds": 2})
        for client in clients
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert served.get("/health/live").status_code == 200


def test_waves_of_pipelined_requests_leave_nothing(served: Served) -> None:
    before = memory(served)
    after = []
    for _ in range(5):
        send_wave(served)
        after.append(memory(served))
    assert after[-1] < 1.2 * after[0], after
    assert after[-1] < before + 40, (before, after)


def test_pipelined_requests_are_all_answered_in_their_order(served: Served) -> None:
    paths = [f"/nowhere/{number}" if number % 3 else "/health/live" for number in range(2000)]
    sent = b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() for path in paths)
    with connect(served) as client:
        threading.Thread(target=client.sendall, args=(sent,)).start()
        with client.makefile("rb") as answers:
            for path in paths:
                assert status_of(answers.readline()) == (404 if "nowhere" in path else 200)
                length = 0
                while (line := answers.readline().lower()) != b"\r\n":
                    name, _, value = line.partition(b":")
                    length = int(value) if name == b"content-length" else length
                answers.read(length)


@pytest.mark.parametrize(
    ("first", "part", "times"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"a" * MB, 100),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n" * 166_000, 300),
        (b"GET /", b"a" * MB, 100),
        (b"", b"\r\n" * (MB // 2), 100),
        (
            b"POST /async/lists HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n0\r\n",
            b"A: b\r\n" * 166_000,
            100,
        ),
        (
            b"POST /async/lists HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;",
            b"a" * MB,
            100,
        ),
    ],
    ids=["one header", "headers", "path", "empty lines", "trailers", "extension"],
)
def test_what_never_becomes_a_request_is_cut_off(
    served: Served, first: bytes, part: bytes, times: int
) -> None:
    before = memory(served)
    with watching(served) as taken:
        sent = send_until_closed(served, part, times=times, first=first)
    # What the system buffers is no memory of the service.
    assert sent < 20 * MB
    assert memory(served) < before + 20
    assert is_quick(taken), taken
