"""The index answers what FastAPI would have answered without it."""

from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI, Form, Request
from httpx2 import ASGITransport, AsyncClient
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from app.kit.http.route_index import RouteIndex, index_routes, path_template
from tests.conftest import connect


async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(f"mounted {scope['path']}")(scope, receive, send)


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"plain {request.url.path}")


async def root() -> str:
    return "root"


def build() -> FastAPI:
    app = FastAPI()
    names = APIRouter(prefix="/names")
    outer = APIRouter(prefix="/orgs/{org_id}")

    app.get("/")(root)

    @names.get("/first")
    async def first() -> str:
        return "first"

    @names.get("/{name}")
    async def get_name(name: str) -> str:
        return f"get {name}"

    @names.get("/late")
    async def late() -> str:
        return "never"

    @names.post("/{name}")
    async def post_name(name: str) -> str:
        return f"post {name}"

    @names.get("/{name}/files/{path:path}")
    async def get_file(name: str, path: str) -> str:
        return f"file {name} {path}"

    @names.get("/{number}.json")
    async def number(number: int) -> str:
        return f"number {number}"

    @names.post("/form/sent")
    async def sent(field: Annotated[str, Form()]) -> str:
        return f"form {field}"

    @app.get("/api")
    async def api() -> str:
        return "api"

    outer.include_router(names)
    app.router.routes.append(Route("/api/plain/{rest:path}", plain))
    app.include_router(outer, prefix="/api")
    app.include_router(names, prefix="/api")
    app.router.routes.append(Mount("/api/names", mounted))
    app.router.routes.append(Mount("/mount", mounted))

    @app.get("/mount/behind")
    async def behind() -> str:
        return "never"

    return app


PATHS = [
    "/",
    "/api",
    "/api/",
    "/api/names",
    "/api/names/first",
    "/api/names/late",
    "/api/names/ada",
    "/api/names/ada/",
    "/api/names/ada/files/",
    "/api/names/ada/files/a/b/c",
    "/api/names/7.json",
    "/api/names/form/sent",
    "/api/orgs/1/names/first",
    "/api/orgs/1/names/7.json",
    "/api/orgs//names/first",
    "/api/plain/anything/at/all",
    "/api//names/first",
    "/mount",
    "/mount/behind",
    "/docs",
    "/nowhere",
]


async def answers(app: FastAPI, method: str, root_path: str) -> list[object]:
    seen: list[str] = []

    async def probe(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        seen.append(path_template(scope))

    transport = ASGITransport(probe, root_path=root_path)
    async with AsyncClient(transport=transport, base_url="http://test") as client:
        sent = [
            await client.request(method, root_path + path, data={"field": "x"}) for path in PATHS
        ]
    return [*seen, *((answer.status_code, answer.headers, answer.text) for answer in sent)]


@pytest.mark.parametrize("root_path", ["", "/root"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
async def test_the_index_changes_no_answer(method: str, root_path: str) -> None:
    indexed = build()
    index_routes(indexed)
    expected = await answers(build(), method, root_path)
    assert await answers(indexed, method, root_path) == expected


def index_of(app: FastAPI) -> RouteIndex:
    (index,) = (route for route in app.router.routes if isinstance(route, RouteIndex))
    return index


def found(app: FastAPI, path: str, root_path: str = "") -> list[str | None]:
    scope = {"path": path, "root_path": root_path}
    return [candidate.route.path for candidate in index_of(app).find(scope)]


def test_a_request_asks_no_route_of_another_feature() -> None:
    app, api_router = FastAPI(), APIRouter(prefix="/api/v1")
    for number in range(61):
        feature = APIRouter(prefix=f"/feature-{number}")
        feature.get("")(root)
        feature.get("/{feature_id}")(root)
        api_router.include_router(feature)
    app.include_router(api_router)
    index_routes(app)
    asked = ["/api/v1/feature-60", "/api/v1/feature-60/{feature_id}"]
    assert found(app, "/api/v1/feature-60/7") == asked
    assert found(app, "/root/api/v1/feature-60/7", "/root") == asked


async def test_a_routers_limit_for_forms_holds() -> None:
    app, router = FastAPI(), APIRouter(form_limits={"max_fields": 1})

    @router.post("/form")
    async def send(request: Request, first: Annotated[str, Form()]) -> str:
        return first

    app.include_router(router)
    index_routes(app)
    async with connect(app) as client:
        assert (await client.post("/form", data={"first": "1"})).status_code == 200
        assert (await client.post("/form", data={"first": "1", "second": "2"})).status_code == 400


def test_telemetry_reads_the_path_of_the_route(app: FastAPI, path: str) -> None:
    index = index_of(app)
    index.matches({"type": "http", "method": "GET", "path": f"{path}/1"})
    assert index.path_format == path + "/{thing_id}"


def test_the_service_has_an_index(app: FastAPI, path: str) -> None:
    assert path + "/{thing_id}" in found(app, f"{path}/1")
    assert set(found(app, "/health/live")) == {"/health/live"}
