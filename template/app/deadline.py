"""How long a request may take to begin its answer, in either colour.

A coroutine can be cancelled, a thread cannot. But a driver returns when its connection is closed:
a request whose time is over hangs up on the connections that it holds.
"""

import asyncio
import threading
from contextvars import ContextVar
from typing import Any, Protocol, Self

import anyio
from fastapi import status

from app.errors import ServiceError


class TimedOut(ServiceError):
    code = status.HTTP_503_SERVICE_UNAVAILABLE


class Connection(Protocol):
    def terminate(self) -> None: ...


current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """`with Deadline(seconds):` around a request."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.scope = anyio.CancelScope()
        self.passed = False
        self.held: set[Connection] = set()
        # Reentrant: the garbage collector may give a connection back while another is being taken.
        self.lock = threading.RLock()
        self.loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self.scope.__enter__()
        self.token = current.set(self)
        self.timer = self.loop.call_later(self.seconds, self.pass_by)
        return self

    def __exit__(self, *error: Any) -> bool:
        self.lift()
        current.reset(self.token)
        return bool(self.scope.__exit__(*error))

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
