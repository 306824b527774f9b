"""How often a request goes to PostgreSQL: a proxy between the two counts, while nothing is timed.

A round trip is a change of direction: bytes for PostgreSQL on a connection whose last bytes came
from it, however many messages they are. A statement is what PostgreSQL reports as complete: BEGIN,
SELECT and ROLLBACK are three.
"""

import json
import secrets
import select
import socket
import socketserver
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from itertools import cycle, islice
from typing import Any

from tests.benchmark.servers import Server
from tests.benchmark.variants import Variant

TIMES = 5
PATIENCE = 10
READY, COMPLETE, SUSPENDED = b"Z", b"C", b"s"

Request = tuple[str, str, dict[str, str] | None]


class Answers:
    """Reads the messages from PostgreSQL: a type, a length that includes itself, a content."""

    def __init__(self) -> None:
        self.rest = b""
        self.started = False
        self.idle = False

    def read(self, data: bytes) -> Iterator[str]:
        if not self.started and data[:1] == b"N":  # a bare byte: no TLS here
            data = data[1:]
        self.started = self.started or bool(data)
        self.rest += data
        while len(self.rest) >= 5 and len(self.rest) > (end := int.from_bytes(self.rest[1:5])):
            kind, content, self.rest = self.rest[:1], self.rest[5 : end + 1], self.rest[end + 1 :]
            if kind == READY:
                self.idle = content == b"I"
            elif kind == COMPLETE:
                yield content.rstrip(b"\0").decode().rstrip(" 0123456789")
            elif kind == SUSPENDED:  # asyncpg's fetchrow asks for no more
                yield "a first row"


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, postgres: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.postgres = postgres
        self.connections: dict[Connection, Answers] = {}
        self.clear()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def clear(self) -> None:
        self.round_trips = 0
        self.statements: list[str] = []

    def wait_until_idle(self) -> None:
        """Some end their transaction after the answer."""
        deadline = time.monotonic() + PATIENCE
        while not all(answers.idle for answers in list(self.connections.values())):
            if time.monotonic() > deadline:
                sys.exit(f"A transaction is still open {PATIENCE} s after the answer.")
            time.sleep(0.002)
        time.sleep(0.01)


class Connection(socketserver.BaseRequestHandler):
    server: Proxy

    def handle(self) -> None:
        answers = self.server.connections[self] = Answers()
        with socket.create_connection(self.server.postgres) as postgres:
            self.forward(postgres, answers)
        del self.server.connections[self]

    def forward(self, postgres: socket.socket, answers: Answers) -> None:
        answered = True
        while True:
            for source in select.select([self.request, postgres], [], [])[0]:
                data = source.recv(65536)
                if not data:
                    return
                if source is postgres:
                    self.server.statements += answers.read(data)
                    self.request.sendall(data)
                else:
                    self.server.round_trips += answered
                    answers.idle = False
                    postgres.sendall(data)
                answered = source is postgres


@contextmanager
def proxy(postgres: tuple[str, int]) -> Iterator[Proxy]:
    with Proxy(postgres) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield listening
        listening.shutdown()


def ask(port: int, method: str, path: str, body: dict[str, str] | None = None) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read().decode()
    connection.close()
    if response.status not in (200, 201):
        sys.exit(f"{method} {path} was answered with {response.status}: {answer}")
    return json.loads(answer)


def requests(variant: Variant, workload: str, targets: list[str]) -> Iterator[Request]:
    for target in cycle(targets):
        if workload == "create":
            email = f"counted-{secrets.token_hex(6)}@example.com"
            yield "POST", variant.users, {"email": email, "full_name": "New User"}
        else:
            yield "GET", target, None


def count(server: Server, proxy: Proxy, asked: Iterator[Request]) -> dict[str, Any]:
    """What most requests cost, once there is a connection with its statements prepared."""
    seen: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for number, request in enumerate(islice(asked, 2 * TIMES)):
        proxy.wait_until_idle()
        proxy.clear()
        ask(server.port, *request)
        proxy.wait_until_idle()
        if number >= TIMES:
            seen[proxy.round_trips, tuple(proxy.statements)] += 1
    round_trips, statements = seen.most_common(1)[0][0]
    return {"round_trips": round_trips, "statements": statements}


def users(server: Server, target: str) -> list[tuple[Any, ...]]:
    """Those of an answer, in the same shape whoever answers. The service may say more of them."""
    found = ask(server.port, "GET", target)
    page = found if isinstance(found, list) else found.get("items", [found])
    return [
        (
            *(each[name] for name in ("id", "email", "full_name", "is_active")),
            *(datetime.fromisoformat(each[name]) for name in ("created_at", "updated_at")),
        )
        for each in page
    ]
