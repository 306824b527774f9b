"""How large a body may be, how much may be in it, how long it may stop coming."""

import asyncio

from fastapi import status
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.db.deadline import current
from app.kit.http.json_size import is_within
from app.kit.http.problems import problem

ANNOUNCING = {b"content-length", b"transfer-encoding"}
ENCODED = "The body has a Content-Encoding: send it without."
CLOSE = {"Connection": "close"}  # what is left of the body would be taken for a request
# pydantic and FastAPI go into what is nested by recursion.
DEEPEST = 100
# For each value that a body may have: about 1 µs.
ESCAPES = 5


def may_have_body(scope: Scope) -> bool:
    announced = any(name in ANNOUNCING for name, _ in scope["headers"])
    return announced or not scope["http_version"].startswith("1")


def too_large(most: int) -> str:
    return f"The body is larger than {most} bytes."


class BodyLimit:
    """Refuse a large body by its Content-Length, or a chunked one once it has grown too large.

    Also a compressed one, for nothing here would unpack it; one that stops coming; and one of so
    many JSON values or form fields that to parse them would stop every other request. A route or a
    router has a limit of its own by FastAPI's `max_body_size`; this answers before FastAPI, whose
    answer is plain text without the request id.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_size: int,
        max_body_values: int = 10_000,
        body_timeout: float = 10,
    ) -> None:
        self.app = app
        self.max_body_size = max_body_size
        self.max_body_values = max_body_values
        self.body_timeout = body_timeout
        self.own: list[tuple[RouteContext, int]] | None = None

    def limit_of(self, scope: Scope) -> int:
        if self.own is None:  # at the first request all routes are there
            contexts = iter_route_contexts(scope["app"].routes)
            found = [(route, getattr(route, "max_body_size", None)) for route in contexts]
            self.own = [(route, limit) for route, limit in found if limit is not None]
        matching = (limit for route, limit in self.own if route.matches(scope)[0] == Match.FULL)
        return next(matching, self.max_body_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not may_have_body(scope):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = self.limit_of(scope)
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            refusal = problem(status.HTTP_413_CONTENT_TOO_LARGE, too_large(most))
            await refusal(scope, receive, send)
            return
        body = Body(self, most, headers, receive, send)
        await self.app(scope, body.receive, body.send)


class Body:
    """The body of one request, as it comes."""

    def __init__(
        self, limit: BodyLimit, most: int, headers: Headers, receive: Receive, send: Send
    ) -> None:
        self.limit = limit
        self.max_body_size = most
        self.receive_message = receive
        self.send_message = send
        self.is_encoded = headers.get("content-encoding", "identity").lower() != "identity"
        # FastAPI can be told to read JSON where no Content-Type says so.
        content_type = headers.get("content-type", "json").lower()
        self.is_json = "json" in content_type
        self.is_form = "urlencoded" in content_type
        self.parts: list[bytes] = []
        self.received = self.fields = self.escapes = 0
        self.is_complete = False
        self.is_answered = False

    async def send(self, message: Message) -> None:
        self.is_answered = True
        await self.send_message(message)

    async def receive(self) -> Message:
        waits_for_body = not (self.is_complete or self.is_answered)
        message = await (self.receive_soon() if waits_for_body else self.receive_message())
        part = message.get("body", b"")
        self.received += len(part)
        self.is_complete = not message.get("more_body", False)
        if self.received > self.max_body_size:
            detail = too_large(self.max_body_size)
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, detail)
        if self.received and self.is_encoded:
            raise HTTPException(status.HTTP_415_UNSUPPORTED_MEDIA_TYPE, ENCODED)
        if self.is_json:
            self.parts.append(part)
            if self.is_complete:
                self.check_json()
        if self.is_form:
            self.check_form(part)
        return message

    async def receive_soon(self) -> Message:
        """Meanwhile the deadline of the request stands still: it is the client who is slow."""
        deadline = current.get()
        if deadline:
            deadline.stop()
        seconds = self.limit.body_timeout
        try:
            async with asyncio.timeout(seconds):
                return await self.receive_message()
        except TimeoutError:
            if self.is_answered:  # by an endpoint that reads no body, and watches for the client
                return await self.receive_message()
            detail = f"No more of the body came within {seconds:g} seconds."
            raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT, detail, CLOSE) from None
        finally:
            if deadline and not self.is_answered:
                deadline.restart()

    def check_json(self) -> None:
        most = self.limit.max_body_values
        if not is_within(b"".join(self.parts), most_values=most, deepest=DEEPEST):
            detail = f"The body has more than {most} values, or is nested deeper than {DEEPEST}."
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, detail)
        self.parts.clear()

    def check_form(self, part: bytes) -> None:
        """Empty fields too, which Starlette does not count; the parts of multipart it does."""
        most = self.limit.max_body_values
        self.fields += part.count(b"&") + part.count(b";")
        self.escapes += part.count(b"%")
        if self.fields >= most or self.escapes > ESCAPES * most:
            detail = f"The form has more than {most} fields, or too many characters in %-encoding."
            raise HTTPException(status.HTTP_413_CONTENT_TOO_LARGE, detail)
