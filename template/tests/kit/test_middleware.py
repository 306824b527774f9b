import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.types import Receive, Scope, Send

from app.kit.http.handlers import add_error_handlers
from app.kit.http.middleware import add_middleware
from app.kit.http.route_index import path_template
from tests.conftest import connect
from tests.serving import serving

ORIGIN = "https://front.example.com"


def build(*, timing: bool) -> FastAPI:
    service = FastAPI()
    add_error_handlers(service)
    add_middleware(service, cors_origins=[ORIGIN], timing=timing)

    @service.get("/fail")
    async def fail() -> None:
        raise RuntimeError("pipe")

    @service.post("/echo")
    async def echo(data: dict[str, str]) -> dict[str, str]:
        return data

    return service


@pytest.mark.parametrize("timing", [True, False])
async def test_a_500_carries_the_request_id_and_the_cors_headers(timing: bool) -> None:
    request_id = str(uuid4())
    headers = {"Origin": ORIGIN, "X-Request-ID": request_id}
    async with connect(build(timing=timing)) as client:
        response = await client.get("/fail", headers=headers)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["X-Request-ID"] == request_id
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "pipe" not in response.text


async def test_without_an_origin_there_is_no_cors() -> None:
    service = FastAPI()
    add_middleware(service, cors_origins=[])
    assert not any("CORS" in repr(added) for added in service.user_middleware)


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
    gets = [client.get("/health/live", headers={"X-Request-ID": sent}) for sent in ids]
    responses = await asyncio.gather(*gets)
    assert [response.headers["X-Request-ID"] for response in responses] == ids


@pytest.mark.parametrize("timing", [True, False])
async def test_timing_is_answered_where_the_setting_is_on(timing: bool) -> None:
    async with connect(build(timing=timing)) as client:
        assert ("Server-Timing" in (await client.get("/nowhere")).headers) is timing


@pytest.mark.parametrize("timing", [True, False])
async def test_a_large_body_is_refused_beneath_every_middleware(timing: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000

    async with connect(build(timing=timing)) as client:
        headers = {"Content-Type": "application/json"}
        assert (await client.post("/echo", content=body(), headers=headers)).status_code == 413


def peak_memory(pid: int) -> int:
    """In MB, since the process began."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/<pid>/status")
def test_a_body_of_100_mb_costs_no_memory() -> None:
    size, part = 100_000_000, b"x" * 1_000_000
    with serving(app="tests.kit.service:app", environment={}) as client:
        client.get("/health/ready")
        before = peak_memory(client.process.pid)
        for headers in [{"Content-Length": str(size)}, {"Transfer-Encoding": "chunked"}]:
            headers["Content-Type"] = "application/json"
            body = (part for _ in range(size // len(part)))
            assert client.post("/sync/things", content=body, headers=headers).status_code == 413
        assert peak_memory(client.process.pid) - before < 20


async def test_a_path_template_keeps_no_value_of_a_routers_prefix() -> None:
    service, router, seen = FastAPI(), APIRouter(), []

    @router.get("/things")
    async def things() -> None: ...

    service.include_router(router, prefix="/orgs/{org_id}")

    async def probe(scope: Scope, receive: Receive, send: Send) -> None:
        await service(scope, receive, send)
        seen.append(path_template(scope))

    transport = ASGITransport(probe)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/orgs/alice@example.com/things")
    assert seen == ["/orgs/{org_id}/things"]
