"""Who says nothing, says it slowly or does not listen is not waited for."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import chain, repeat

import httpx2
import psutil
import pytest
import uvicorn
from uvicorn.server import ServerState

from app.kit.http.protocol import Limited
from tests.kit.availability.service import app
from tests.kit.availability.sockets import connect
from tests.serving import Served

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"GET /health/live HTTP/1.1\r\nHost: x"
POST = (
    b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n"
)

# What each sends first, what it sends every half a second, and the last status it is answered.
SILENT: dict[str, tuple[bytes, bytes, int]] = {
    "nothing": (b"", b"", 0),
    "half a head": (HEAD, b"", 408),
    "a slow head": (HEAD, b"x", 408),
    "empty lines": (b"", b"\r\n", 408),
    "a request": (LIVE, b"", 200),
    "a request and empty lines": (LIVE, b"\r\n", 408),
    "a request and half a head": (LIVE + HEAD, b"", 408),
    "half a body": (POST % b"/async/things" + b"{", b"", 408),
    "a slow body that nobody reads": (POST % b"/nowhere", b"x", 404),
    "half a body in a form": (
        POST.replace(b"json", b"x-www-form-urlencoded") % b"/async/form" + b"a",
        b"",
        408,
    ),
}


async def talk(served: Served, first: bytes, again: bytes) -> tuple[float, int]:
    """After how many seconds the service closes the connection, and with which status."""
    begun, received = time.monotonic(), b""
    url = httpx2.URL(served.base_url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    with suppress(ConnectionError):
        for part in chain([first], repeat(again)):
            writer.write(part)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    while part := await reader.read(65536):
                        received += part
                    break
            if time.monotonic() - begun > 30:
                break
    writer.close()
    answers = re.findall(rb"HTTP/1.1 (\d+)", received)
    return time.monotonic() - begun, int(answers[-1]) if answers else 0


@pytest.mark.slow
async def test_a_silent_connection_ends_within_15_seconds(served: Served) -> None:
    answers = await asyncio.gather(
        *(talk(served, first, again) for first, again, _ in SILENT.values())
    )
    for (name, (_, _, status)), (seconds, answered) in zip(SILENT.items(), answers, strict=True):
        assert seconds < 17, name
        assert answered == status, name


@contextmanager
def few_files(served: Served) -> Iterator[None]:
    process = psutil.Process(served.process.pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (128, before[1]))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)


def is_live(served: Served) -> bool:
    try:
        return httpx2.get(served.base_url.join("/health/live"), timeout=1).is_success
    except httpx2.HTTPError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_NOFILE"), reason="limits of another process")
def test_silent_connections_shut_others_out_for_15_seconds_at_most(served: Served) -> None:
    begun = time.monotonic()
    with few_files(served):
        clients = [connect(served) for _ in range(200)]
        assert not is_live(served)
        while not is_live(served):
            assert time.monotonic() - begun < 20
            time.sleep(0.2)
    for client in clients:
        client.close()


class Quick(Limited):
    patience = 0.2
    reading_patience = 0.4


@asynccontextmanager
async def serving_quickly() -> AsyncIterator[tuple[str, int, ServerState]]:
    config, state = uvicorn.Config(app), ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Quick(config, state, {}), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield host, port, state


async def wait_until_ended(state: ServerState) -> None:
    async with asyncio.timeout(5):
        while state.connections or state.tasks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("behind", [b"", LIVE, LIVE * 1000], ids=["one", "two", "many"])
async def test_an_answer_that_nobody_reads_ends(behind: bytes) -> None:
    async with serving_quickly() as (host, port, state):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(LIVE.replace(b"/health/live", b"/endless") + behind)
        await reader.read(100)
        await wait_until_ended(state)
        writer.close()


@pytest.mark.parametrize("behind", [b"", LIVE, LIVE * 1000], ids=["one", "two", "many"])
async def test_an_answer_whose_client_is_gone_ends(behind: bytes) -> None:
    async with serving_quickly() as (host, port, state):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(LIVE.replace(b"/health/live", b"/endless") + behind)
        await reader.read(100)
        writer.transport.abort()
        await wait_until_ended(state)
