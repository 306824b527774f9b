"""How large a body may be."""

from fastapi import status
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.kit.http.problems import problem

ENCODED = "The body has a Content-Encoding: send it without."


class BodyLimit:
    """Refuse a large body by its Content-Length, or a chunked one once it has grown too large.

    And a compressed one, for nothing here would unpack it. FastAPI's own `max_body_size` answers
    in plain text and without the request id.
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
