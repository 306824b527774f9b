"""No request waits for ever."""

from typing import Any

from fastapi import Depends
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.db.deadline import Deadline, current
from app.kit.db.failures import TimedOut
from app.kit.http.problems import problem


class RequestTimeout:
    """503 for a request that does not begin its answer in time.

    What it wrote is rolled back, unless its COMMIT was on the way already.

    A body may take its time while it keeps coming, and so may the answer once it has begun.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self.app = app
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def keep_coming() -> Message:
            message = await receive()
            if not begun:
                limit.restart()
            return message

        async def begin(message: Message) -> None:
            nonlocal begun
            begun = True
            limit.stop()
            await send(message)

        with Deadline(self.seconds) as limit:
            try:
                await self.app(scope, keep_coming, begin)
            except Exception:
                if begun or not limit.passed:
                    raise
        if limit.passed and not begun:
            await problem(TimedOut.code, str(TimedOut()))(scope, receive, send)


def timeout(seconds: float) -> Any:
    """`dependencies=[timeout(30)]` of a route or a router: instead of REQUEST_TIMEOUT.

    Counted from when its parameters are read. DB_STATEMENT_TIMEOUT stays what it is.
    """

    async def set_timeout() -> None:
        if deadline := current.get():
            deadline.seconds = seconds
            deadline.restart()

    return Depends(set_timeout)
