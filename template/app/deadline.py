"""How long a request may take to begin its answer, in either colour.

A coroutine can be cancelled, a thread cannot. But a driver returns when its connection is closed:
a request whose time is over hangs up on the connections that it holds.
"""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

import anyio
import psycopg2
from fastapi import status
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import ServiceError


class TimedOut(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE


class Deadline:
    def __init__(self, seconds: float, scope: anyio.CancelScope) -> None:
        self.seconds = seconds
        self.scope = scope
        self.passed = False
        self.held: set[ConnectionPoolEntry] = set()
        self.loop = asyncio.get_running_loop()
        self.timer = self.loop.call_later(seconds, self.pass_by)

    def restart(self) -> None:
        self.lift()
        self.timer = self.loop.call_later(self.seconds, self.pass_by)

    def lift(self) -> None:
        self.timer.cancel()

    def pass_by(self) -> None:
        self.passed = True
        self.hang_up()
        self.scope.cancel()

    def hang_up(self) -> None:
        for entry in tuple(self.held):
            close(entry.driver_connection)

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


def close(connection: Any) -> None:
    if isinstance(connection, psycopg2.extensions.connection):
        # Its close() would wait for the statement that a thread is waiting for.
        with suppress(psycopg2.InterfaceError, OSError):
            line = socket.socket(fileno=connection.fileno())
            try:
                line.shutdown(socket.SHUT_RDWR)
            finally:
                line.detach()
    elif connection is not None:
        connection.terminate()
