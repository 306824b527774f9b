from collections.abc import Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from app.kit.db import dialect
from app.settings import settings
from scripts import postgres

TLS_REQUEST = b"\0\0\0\x08\x04\xd2\x16\x2f"


class ClearText(ThreadingTCPServer):
    """A PostgreSQL without TLS, which notes what it is sent."""

    def __init__(self) -> None:
        super().__init__((postgres.HOST, 0), Refusal)
        self.received: list[bytes] = []


class Refusal(BaseRequestHandler):
    server: ClearText

    def handle(self) -> None:
        while received := self.request.recv(1024):
            self.server.received.append(received)
            if received != TLS_REQUEST:
                return
            self.request.sendall(b"N")


@pytest.fixture
def server() -> Iterator[ClearText]:
    with ClearText() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_a_demand_for_tls_lets_neither_driver_speak_without_it(
    server: ClearText,
) -> None:
    changes = {"db_host": postgres.HOST, "db_port": server.server_address[1]}
    demanding = settings.model_copy(update={**changes, "db_ssl_mode": "require"})
    with pytest.raises(OperationalError, match="does not support SSL"):
        create_engine(dialect.url(demanding)).connect()
    with pytest.raises(ConnectionError, match="rejected SSL"):
        await create_async_engine(dialect.async_url(demanding)).connect()
    assert server.received == [TLS_REQUEST] * 2
