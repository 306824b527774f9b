"""A PostgreSQL of the module's own, and the service in front of it."""

from collections.abc import Iterator

import pytest

from tests.kit.faults.server import APP, Server, running
from tests.serving import Served, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("faults")) as server:
        yield server


@pytest.fixture(scope="module")
def service(server: Server) -> Iterator[Served]:
    with serving(app=APP, environment=server.environment) as client:
        yield client
