"""What `create_app` puts together, whatever routers the team includes."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from app import main
from app.database import async_get_db, async_get_read_db, get_db, get_read_db
from app.kit.http.route_index import RouteIndex
from app.settings import PROJECT, settings
from tests.conftest import connect
from tests.kit.problems import check


@pytest.fixture
def whole() -> FastAPI:
    return main.create_app()


async def test_the_documentation_needs_no_other_host(whole: FastAPI) -> None:
    async with connect(whole) as client:
        for page in ["/docs", "/redoc"]:
            html = (await client.get(page)).text
            assets = re.findall(r"""(?:src|href)=["']([^"']+)["']""", html)
            assert assets
            for asset in assets:
                assert asset.startswith("/")
                assert (await client.get(asset)).status_code == 200


def test_the_document_is_of_the_project(whole: FastAPI) -> None:
    document = whole.openapi()
    assert document["info"]["title"] == PROJECT["name"]
    assert document["info"]["version"] == PROJECT["version"]
    assert document["info"]["description"] == PROJECT["description"]
    assert document["paths"]["/health/live"]["get"]["operationId"] == "live"
    assert {"500", "503"} <= document["paths"]["/health/ready"]["get"]["responses"].keys()


async def test_the_service_answers_errors_by_problems(whole: FastAPI) -> None:
    async with connect(whole) as client:
        check(await client.get("/nowhere"), 404)
        response = await client.post("/health/live")
    assert check(response, 405)["detail"] == "Only these methods are possible here: GET."
    assert response.headers["X-Request-ID"]


def test_the_service_finds_its_routes_by_an_index(whole: FastAPI) -> None:
    assert isinstance(whole.router.routes[0], RouteIndex)


@pytest.mark.parametrize("session", [get_db, async_get_db, get_read_db, async_get_read_db])
def test_the_service_refuses_to_override_a_session(
    whole: FastAPI, session: Callable[..., Any]
) -> None:
    with pytest.raises(TypeError, match=f"{session.__name__} cannot be overridden"):
        whole.dependency_overrides[session] = lambda: None


async def test_the_settings_decide_what_surrounds_a_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin = "https://front.example.com"
    changes = {"max_body_size": 10, "timing": True, "cors_origins": [origin]}
    monkeypatch.setattr(main, "settings", settings.model_copy(update=changes))
    async with connect(main.create_app()) as client:
        live = await client.get("/health/live", headers={"Origin": origin})
        assert live.headers["Access-Control-Allow-Origin"] == origin
        assert "Server-Timing" in live.headers
        check(await client.post("/health/live", content=b"x" * 11), 413)
