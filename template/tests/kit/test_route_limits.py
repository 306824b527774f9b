"""What one route may have more, or less, than the others: time to answer, a larger body."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter, FastAPI, Request
from httpx2 import AsyncClient

from app.kit.http.timeout import timeout
from tests.conftest import connect
from tests.kit.problems import check
from tests.kit.service import create_service

SECONDS, SIZE = 0.2, 10


def build() -> FastAPI:
    router = APIRouter()
    small = APIRouter(max_body_size=2)

    async def sleep() -> None:
        await asyncio.sleep(2 * SECONDS)

    def block() -> None:
        time.sleep(2 * SECONDS)

    async def receive(request: Request) -> int:
        return len(await request.body())

    router.get("/short")(sleep)
    router.get("/long/async", dependencies=[timeout(5)])(sleep)
    router.get("/long/sync", dependencies=[timeout(5)])(block)
    router.get("/shorter", dependencies=[timeout(SECONDS / 2)])(sleep)
    router.put("/plain")(receive)
    router.put("/large/{name}", max_body_size=100)(receive)
    small.put("/small")(receive)
    router.include_router(small, prefix="/v1")
    return create_service(router, request_timeout=SECONDS, max_body_size=SIZE)


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with connect(build()) as client:
        yield client


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_a_route_sets_its_own_timeout(client: AsyncClient, kind: str) -> None:
    check(await client.get("/short"), 503)
    assert (await client.get(f"/long/{kind}")).status_code == 200


async def test_a_route_may_have_less_time(client: AsyncClient) -> None:
    begun = time.monotonic()
    check(await client.get("/shorter"), 503)
    assert time.monotonic() - begun < SECONDS


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(("path", "limit"), [("/plain", SIZE), ("/large/a", 100), ("/v1/small", 2)])
async def test_a_route_or_a_router_sets_its_own_body_limit(
    client: AsyncClient, path: str, limit: int, chunked: bool
) -> None:
    async def parts(size: int) -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    for size in (limit, limit + 1):
        content = parts(size) if chunked else b"x" * size
        response = await client.put(path, content=content)
        if size == limit:
            assert response.json() == size
        else:
            detail = check(response, 413)["detail"]
            assert detail == f"The body is larger than {limit} bytes."
            assert response.headers["X-Request-ID"]
