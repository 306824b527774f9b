"""uvicorn's protocol with limits: `uvicorn --http app.kit.http.protocol:Limited`.

What is refused here has not become a request yet, so that no middleware could refuse it.
"""

import asyncio

import httptools
from fastapi import status
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.kit.http.problems import problem

INVALID = (status.HTTP_400_BAD_REQUEST, "This is not valid HTTP.")
LARGE = (
    status.HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE,
    "The path and the headers are larger than 64 KiB, or more than 100 headers.",
)
SLOW = (status.HTTP_408_REQUEST_TIMEOUT, "The headers did not come within 15 seconds.")


NOTHING = memoryview(b"")


class TooManyHeaders(Exception):
    pass


class Flow(FlowControl):
    """Does not resume reading while bytes are left over: a request that awaits its body would."""

    held = False

    def resume_reading(self) -> None:
        if not self.held:
            super().resume_reading()


class Limited(HttpToolsProtocol):
    """One connection, which cannot take memory or stay open as its client likes."""

    # Bytes of a request without its body, and of the trailers and extensions of a chunked one.
    most_bytes = 64 * 1024
    most_headers = 100
    # What is parsed at once: the requests in it are all that wait behind the one being answered.
    piece = 4 * 1024
    # Seconds for the head of a request, and for the client to read on before the answer is dropped.
    patience = 15.0
    reading_patience = 60.0

    flow: Flow
    # uvicorn's `cycle` is the request that came last; this one is being answered.
    active: RequestResponseCycle | None = None
    rest = NOTHING
    # Bytes that have been parsed and became neither a request nor a body.
    unfinished = 0
    # Since when the client owes the rest of what it has begun; uvicorn ends idle connections.
    owed_since: float | None = None
    unsent = 0
    unsent_since = 0.0
    ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self.owed_since = self.loop.time()
        self.watch = self.loop.call_later(self.patience, self.end_what_is_silent)

    def connection_lost(self, exc: Exception | None) -> None:
        self.watch.cancel()
        self.ended = True
        self.rest = NOTHING
        self.pipeline.clear()
        if self.active is not None:
            self.active.disconnected = True
            self.active.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.active = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        # The transport may have read once more before it was told to pause.
        self.rest = memoryview(bytes(self.rest) + data) if self.rest else memoryview(data)
        self.parse_rest()

    def parse_rest(self) -> None:
        self._unset_keepalive_if_required()
        while self.rest and not self.pipeline and not self.ended:
            part, self.rest = self.rest[: self.piece], self.rest[self.piece :]
            self.parse(part)
        if self.ended:
            self.rest = NOTHING
            return
        self.hold(bool(self.rest))
        if self.owed_since is None and not self.is_answering():
            self.owed_since = self.loop.time()  # for empty lines, which begin no request

    def hold(self, held: bool) -> None:
        if held == self.flow.held:
            return
        self.flow.held = held
        if held:
            self.flow.pause_reading()
        elif not self.pipeline:
            self.flow.resume_reading()

    def parse(self, part: memoryview) -> None:
        self.unfinished += len(part)
        try:
            self.parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgrade(part[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self.refuse(*(LARGE if isinstance(error.__context__, TooManyHeaders) else INVALID))
        if self.unfinished > self.most_bytes:
            self.refuse(*LARGE)

    def is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def refuse(self, code: int, detail: str) -> None:
        if self.ended:
            return
        self.ended = True
        if self.is_answering() and not self.cycle.more_body:
            self.cycle.keep_alive = False  # its answer is the last one
            return
        if not self.pipeline and not (self.is_answering() and self.cycle.response_started):
            response = problem(code, detail, headers={"Connection": "close"})
            head = [STATUS_LINE[code].rstrip(), *map(b": ".join, response.raw_headers), b"", b""]
            self.transport.write(b"\r\n".join(head) + bytes(response.body))
        self.transport.close()

    def _should_upgrade(self) -> bool:
        return True  # to what, `upgrade` decides

    def is_websocket(self) -> bool:
        names = {name for name, _ in self.headers}
        return (
            self.scope["method"] == "GET"
            and b"sec-websocket-key" in names
            and names.isdisjoint({b"content-length", b"transfer-encoding"})
            and not self.is_answering()
            and super()._should_upgrade()
        )

    def upgrade(self, rest: memoryview) -> None:
        """To a WebSocket, or else not at all: the request is parsed again without the header.

        uvicorn loses the body of such a request, and answers no POST.
        """
        if self.is_websocket():
            self.ended = True
            self.watch.cancel()
            self.handle_websocket_upgrade()
            return
        if self.scope["method"] == "CONNECT":
            self.refuse(*INVALID)
            return
        version = self.scope["http_version"].encode()
        head = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parse(memoryview(b"\r\n".join([*head, b"", b""])))
        self.parse(rest)

    def on_message_begin(self) -> None:
        self.owed_since = self.loop.time()
        self.unfinished += 1  # more of it may stand in the part that is being parsed
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.unfinished = 0
        if len(self.headers) > self.most_headers:
            raise TooManyHeaders
        self.owed_since = None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self.unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.unfinished = 0
        super().on_message_complete()
        if not self.is_answering():
            self.owed_since = self.loop.time()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self.owed_since is not None:
            self._unset_keepalive_if_required()  # the next request has begun
        if not self.is_answering() and self.cycle.more_body:
            self.owed_since = self.loop.time()  # what is left of the body is read and dropped
        if self.rest:
            self.parse_rest()

    def end_what_is_silent(self) -> None:
        now, wait = self.loop.time(), self.patience
        unsent = self.transport.get_write_buffer_size()
        if unsent != self.unsent:
            self.unsent, self.unsent_since = unsent, now
        elif unsent and now - self.unsent_since >= self.reading_patience:
            self.transport.abort()
            return
        if self.owed_since is not None and not self.is_answering() and not self.ended:
            wait = self.owed_since + self.patience - now
            if wait <= 0:
                self.end_slow()
                wait = self.patience
        self.watch = self.loop.call_later(wait, self.end_what_is_silent)

    def end_slow(self) -> None:
        if self.unfinished:
            self.refuse(*SLOW)
        self.transport.close()
