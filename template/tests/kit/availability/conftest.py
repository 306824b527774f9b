from collections.abc import Iterator

import pytest

from tests.serving import Served, serving

APP = "tests.kit.availability.service:app"


@pytest.fixture(scope="package")
def served(things: None) -> Iterator[Served]:
    """As the image's command serves it."""
    limited = ("--http", "app.kit.http.protocol:Limited")
    with serving(*limited, app=APP, environment={"LOG_LEVEL": "ERROR"}) as client:
        assert client.get("/health/ready").status_code == 200
        yield client


@pytest.fixture(scope="package")
def plain(things: None) -> Iterator[Served]:
    """As `uvicorn app.main:app` and `fastapi run` serve it."""
    with serving(app=APP, environment={"LOG_LEVEL": "ERROR"}) as client:
        yield client


@pytest.fixture(params=["served", "plain"])
def either(request: pytest.FixtureRequest) -> Served:
    client: Served = request.getfixturevalue(request.param)
    return client
