"""How long a request may take to begin its answer, in `def` and in `async def`.

A coroutine can be cancelled, a thread cannot. But a driver returns when its connection is closed:
a request whose time is over closes the connections that it holds.
"""

import asyncio
import threading
from contextvars import ContextVar
from typing import Any, Self

import anyio

from app.kit.db.contract import DriverConnection
from app.kit.db.failures import TimedOut

current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """`with Deadline(seconds):` around a request."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.scope = anyio.CancelScope()
        self.passed = False
        self.held: set[DriverConnection] = set()
        # Reentrant: the garbage collector may give a connection back while another is being taken.
        self.lock = threading.RLock()
        self.loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self.scope.__enter__()
        self.token = current.set(self)
        self.timer = self.loop.call_later(self.seconds, self.end)
        return self

    def __exit__(self, *error: Any) -> bool:
        self.stop()
        current.reset(self.token)
        return bool(self.scope.__exit__(*error))

    def restart(self) -> None:
        self.stop()
        self.timer = self.loop.call_later(self.seconds, self.end)

    def stop(self) -> None:
        self.timer.cancel()

    def end(self) -> None:
        self.close_connections()
        self.scope.cancel()

    def close_connections(self) -> None:
        """All that the request holds, and what one of its threads takes from now on."""
        with self.lock:
            self.passed = True
            for connection in tuple(self.held):
                connection.terminate()

    def hold(self, connection: DriverConnection) -> None:
        with self.lock:
            self.held.add(connection)
            if self.passed:
                connection.terminate()

    def release(self, connection: DriverConnection) -> None:
        """Before it can be another request's, whose connection nobody must close."""
        with self.lock:
            self.held.discard(connection)

    def require(self, seconds: float) -> None:
        """Refuse to begin what may take longer than the request has left."""
        if not self.timer.cancelled() and self.timer.when() - self.loop.time() < seconds:
            raise TimedOut
