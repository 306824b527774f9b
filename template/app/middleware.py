"""What surrounds every request, from the outside in."""

import time

import structlog
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI, Request, Response, status
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid4

from app.deadline import Deadline
from app.errors import problem
from app.log import access_logger
from app.settings import Settings, settings

logger = structlog.stdlib.get_logger("app.access")

ENCODED = "The body has a Content-Encoding: send it without."


def path_template(scope: Scope) -> str:
    """`/api/v1/users/{user_id}`, and never what stood in the place of `{user_id}`."""
    # FastAPI keeps a route and the routers that include it apart; here it has put them together.
    whole = scope.get("fastapi", {}).get("effective_route_context")
    route = whole or scope.get("route")
    return str(getattr(route, "path_format", "unmatched"))


class AccessLog:
    """One line per request, and the last resort: what nobody handled is logged and becomes a 500.

    Starlette's own last resort stands outside every middleware, so its 500 has no CORS header and
    no request id.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.log = access_logger(settings)

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
            limit.lift()
            await send(message)

        with Deadline(self.seconds) as limit:
            try:
                await self.app(scope, keep_coming, begin)
            except Exception:
                if begun or not limit.passed:
                    raise
        if limit.passed and not begun:
            detail = "This took too long. Try again."
            await problem(status.HTTP_503_SERVICE_UNAVAILABLE, detail)(scope, receive, send)


class BodyLimit:
    """Refuse a large body by its Content-Length, or a chunked one once it has grown too large.

    And a compressed one, for nothing here would unpack it.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        detail = f"The body is larger than {self.max_body_size} bytes."
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.max_body_size:
            await problem(status.HTTP_413_CONTENT_TOO_LARGE, detail)(scope, receive, send)
            return
        encoded = headers.get("content-encoding", "identity").lower() != "identity"
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_size:
                raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, detail)
            if received and encoded:
                raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, ENCODED)
            return message

        await self.app(scope, count, send)


class Timing(BaseHTTPMiddleware):
    """`Server-Timing`, for the browser's developer tools.

    The shape of a middleware that wants a Request and a Response. It costs about 90 µs a request,
    where a bare ASGI class like those above costs about 1: the README says how that was measured.
    """

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        started = time.perf_counter()
        response = await call_next(request)
        duration = (time.perf_counter() - started) * 1000
        response.headers["Server-Timing"] = f"app;dur={duration:.1f}"
        return response


def add_middleware(app: FastAPI, settings: Settings) -> None:
    # add_middleware wraps what is there already: the last one added is the outermost.
    # Innermost, because a BaseHTTPMiddleware turns an error of `receive` into a 400.
    app.add_middleware(BodyLimit, max_body_size=settings.max_body_size)
    app.add_middleware(RequestTimeout, seconds=settings.request_timeout)
    if settings.timing:
        app.add_middleware(Timing)
    app.add_middleware(AccessLog)
    app.add_middleware(CorrelationIdMiddleware, generator=lambda: str(uuid4()))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["ETag", "Location", "X-Request-ID"],
        )
