import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from fastapi import FastAPI
from httpx2 import AsyncClient

from scripts import postgres
from tests.conftest import Counting
from tests.kit.routers import THINGS
from tests.serving import serving

APP = "tests.kit.service:app"


async def test_liveness_asks_nobody(client: AsyncClient, counting: Counting) -> None:
    with counting() as executed:
        assert (await client.get("/health/live")).status_code == 200
    assert executed == []


async def test_readiness_asks_the_database_through_both_engines(
    client: AsyncClient, counting: Counting
) -> None:
    with counting() as executed:
        assert (await client.get("/health/ready")).status_code == 200
    assert executed == ["SELECT 1", "SELECT 1"]


def at(port: int) -> dict[str, str]:
    return {"DB_HOST": postgres.HOST, "DB_PORT": str(port)}


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that accepts and never answers."""
    with socket.create_server((postgres.HOST, 0)) as listener:
        yield int(listener.getsockname()[1])


def check_unready(client: httpx2.Client) -> None:
    assert client.get("/health/live").status_code == 200
    started = time.monotonic()
    response = client.get("/health/ready")
    assert time.monotonic() - started < 2
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.headers["Content-Type"] == "application/problem+json"


def test_the_service_starts_and_is_unready_while_the_database_is_down() -> None:
    with serving(app=APP, environment=at(postgres.free_port())) as client:
        check_unready(client)
        for path in THINGS:
            assert client.get(path).status_code == 503


def test_readiness_does_not_wait_for_a_database_that_never_answers() -> None:
    with silent_server() as port, serving(app=APP, environment=at(port)) as client:
        check_unready(client)


async def test_a_server_without_a_handler_of_sigterm_is_left_to_end_at_the_first(
    app: FastAPI,
) -> None:
    async with app.router.lifespan_context(app):
        assert not callable(signal.getsignal(signal.SIGTERM))
