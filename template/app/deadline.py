"""How long a request may take to begin its answer, in either colour.

A coroutine can be cancelled, a thread cannot. But a driver returns when its connection is closed:
a request whose time is over hangs up on the connections that it holds.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import anyio
from fastapi import status

from app.errors import ServiceError


class TimedOut(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE


class Connection(Protocol):
    def terminate(self) -> None: ...


class Deadline:
    def __init__(self, seconds: float, scope: anyio.CancelScope) -> None:
        self.seconds = seconds
        self.scope = scope
        self.passed = False
        self.held: set[Connection] = set()
        # Reentrant: the garbage collector may give a connection back while another is being taken.
        self.lock = threading.RLock()
        self.loop = asyncio.get_running_loop()
        self.timer = self.loop.call_later(seconds, self.pass_by)

    def restart(self) -> None:
        self.lift()
        self.timer = self.loop.call_later(self.seconds, self.pass_by)

    def lift(self) -> None:
        self.timer.cancel()

    def pass_by(self) -> None:
        self.hang_up()
        self.scope.cancel()

    def hang_up(self) -> None:
        """On all that the request holds, and on what a thread of its takes from now on."""
        with self.lock:
            self.passed = True
            for connection in tuple(self.held):
                connection.terminate()

    def hold(self, connection: Connection) -> None:
        with self.lock:
            self.held.add(connection)
            if self.passed:
                connection.terminate()

    def release(self, connection: Connection) -> None:
        """Before it can be another request's, so that nobody hangs up on that one."""
        with self.lock:
            self.held.discard(connection)

    def require(self, seconds: float) -> None:
        """Refuse to begin what may take longer than the request has left."""
        if not self.timer.cancelled() and self.timer.when() - self.loop.time() < seconds:
            raise TimedOut("This took too long. Try again.")


current: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    with anyio.CancelScope() as scope:
        limit = Deadline(seconds, scope)
        token = current.set(limit)
        try:
            yield limit
        finally:
            limit.lift()
            current.reset(token)
