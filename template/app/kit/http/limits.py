"""How large a body may be."""

from fastapi import status
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.http.problems import problem

ENCODED = "The body has a Content-Encoding: send it without."


class BodyLimit:
    """Refuse a large body by its Content-Length, or a chunked one once it has grown too large.

    And a compressed one, for nothing here would unpack it. A route or a router has a limit of its
    own by FastAPI's `max_body_size`; this answers before FastAPI, whose answer is no problem.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size
        self.own: list[tuple[RouteContext, int]] | None = None

    def limit_of(self, scope: Scope) -> int:
        if self.own is None:  # at the first request all routes are there
            contexts = iter_route_contexts(scope["app"].routes)
            found = [(route, getattr(route, "max_body_size", None)) for route in contexts]
            self.own = [(route, limit) for route, limit in found if limit is not None]
        matching = (limit for route, limit in self.own if route.matches(scope)[0] == Match.FULL)
        return next(matching, self.max_body_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit = self.limit_of(scope)
        detail = f"The body is larger than {limit} bytes."
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            await problem(status.HTTP_413_CONTENT_TOO_LARGE, detail)(scope, receive, send)
            return
        encoded = headers.get("content-encoding", "identity").lower() != "identity"
        received = 0

        async def count() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, detail)
            if received and encoded:
                raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, ENCODED)
            return message

        await self.app(scope, count, send)
