import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.errors import add_error_handlers
from app.middleware import add_middleware
from app.settings import settings
from tests.conftest import connect

ORIGIN = "https://front.example.com"
DEVELOPMENT = settings.model_copy(update={"cors_origins": [ORIGIN], "timing": True})


@pytest.fixture
async def broken() -> AsyncIterator[AsyncClient]:
    """A service with every middleware and an endpoint that nobody has thought through."""
    service = FastAPI()
    add_error_handlers(service)
    add_middleware(service, DEVELOPMENT)

    @service.get("/broken/{name}")
    async def fail(name: str) -> None:
        raise RuntimeError(name)

    async with connect(service) as client:
        yield client


async def test_a_500_carries_the_request_id_and_the_cors_headers(broken: AsyncClient) -> None:
    request_id = str(uuid4())
    headers = {"Origin": ORIGIN, "X-Request-ID": request_id}
    response = await broken.get("/broken/pipe", headers=headers)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == request_id
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "pipe" not in response.text


@pytest.mark.parametrize("sent", [None, "not a uuid", "1\r\nSet-Cookie: a=b"])
async def test_a_missing_or_broken_request_id_is_replaced(
    client: AsyncClient, sent: str | None
) -> None:
    headers = {"X-Request-ID": sent} if sent else {}
    response = await client.get("/health/live", headers=headers)
    assert UUID(response.headers["X-Request-ID"])
    assert response.headers["X-Request-ID"] != sent


async def test_concurrent_requests_keep_their_own_ids(client: AsyncClient) -> None:
    ids = [str(uuid4()) for _ in range(20)]
    gets = [client.get("/health/live", headers={"X-Request-ID": each}) for each in ids]
    responses = await asyncio.gather(*gets)
    assert [response.headers["X-Request-ID"] for response in responses] == ids


async def test_timing_is_answered_where_the_setting_is_on(
    broken: AsyncClient, client: AsyncClient
) -> None:
    assert (await broken.get("/nowhere")).headers["Server-Timing"].startswith("app;dur=")
    assert "Server-Timing" not in (await client.get("/nowhere")).headers
