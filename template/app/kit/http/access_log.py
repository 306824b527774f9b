"""One line for each request."""

import logging
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from asgi_correlation_id import correlation_id
from fastapi import status
from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.http.problems import problem
from app.kit.http.route_index import path_template

NAME = "app.access"
logger = structlog.stdlib.get_logger(NAME)


def access_logger(*, json: bool) -> Callable[..., Any]:
    """As JSON the line passes the loggers by, which take far longer."""
    if not json or not logging.getLogger(NAME).isEnabledFor(logging.INFO):
        return structlog.stdlib.get_logger(NAME).info

    def write(event: str, **fields: Any) -> None:
        common = {
            "level": "info",
            "logger": NAME,
            "timestamp": datetime.now(UTC),
            "request_id": correlation_id.get(),
        }
        sys.stderr.write(to_json({"event": event, **fields, **common}).decode() + "\n")

    return write


class AccessLog:
    """One line per request, and the last resort: what nobody handled is logged and becomes a 500.

    Starlette's own last resort stands outside every middleware, so its 500 has no CORS header and
    no request id.
    """

    def __init__(self, app: ASGIApp, *, json: bool = False) -> None:
        self.app = app
        self.log = access_logger(json=json)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        code = 0

        async def watch(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception:
            logger.exception("unhandled error")
            if code:
                raise
            response = problem(status.HTTP_500_INTERNAL_SERVER_ERROR, "Something went wrong.")
            await response(scope, receive, watch)
        finally:
            self.log(
                "request",
                method=scope["method"],
                path=path_template(scope),
                status=code,
                duration_ms=round((time.perf_counter() - started) * 1000, 1),
            )
