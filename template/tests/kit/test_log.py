"""What a process of its own writes, with a database that has not been migrated."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.kit.http.access_log import access_logger
from tests.serving import serving

SECRET = "correct-horse"
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "stderr"


@pytest.fixture(scope="module")
def service(log: Path) -> Iterator[httpx2.Client]:
    environment = {"DB_NAME": "postgres", "LOG_JSON": "true"}
    with serving(app="tests.kit.service:app", log=log, environment=environment) as client:
        yield client


@pytest.fixture
def logged(service: httpx2.Client, log: Path) -> Callable[[], Lines]:
    """The lines since the test began, parsed, up to the access log's."""
    before = len(log.read_text())

    def read() -> Lines:
        deadline = time.monotonic() + 10
        lines: Lines = []
        # The answer is sent before its line is written.
        while not (lines and lines[-1]["event"] == "request"):
            assert time.monotonic() < deadline
            lines = [json.loads(line) for line in log.read_text()[before:].splitlines()]
        return lines

    return read


def test_a_request_is_one_line_with_its_template_and_id(
    service: httpx2.Client, logged: Callable[[], Lines], path: str
) -> None:
    request_id = str(uuid4())
    service.get(f"{path}/1/parts", headers={"X-Request-ID": request_id})
    (line,) = logged()
    assert line["method"] == "GET"
    assert line["path"] == path + "/{thing_id}/parts"
    assert line["status"] == 422
    assert line["duration_ms"] > 0
    assert line["request_id"] == request_id


def test_an_unhandled_error_is_logged_once_with_its_request_id(
    service: httpx2.Client, logged: Callable[[], Lines], path: str
) -> None:
    response = service.get(path)
    assert response.status_code == 500
    error, request = logged()
    assert error.keys() - {"exception"} < request.keys()
    assert "UndefinedTable" in error["exception"]
    assert request["status"] == 500
    for line in (error, request):
        assert line["request_id"] == response.headers["X-Request-ID"]


def test_no_body_query_or_credential_is_logged(
    service: httpx2.Client, logged: Callable[[], Lines], path: str
) -> None:
    response = service.post(
        f"{path}?token={SECRET}",
        json={"name": SECRET, "text": SECRET},
        headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"},
    )
    assert response.status_code == 500
    lines = logged()
    assert len(lines) == 2
    assert SECRET not in json.dumps(lines)


@pytest.mark.parametrize(("level", "lines"), [("INFO", 1), ("WARNING", 0)])
def test_the_access_log_is_silent_where_the_level_is_higher(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], level: str, lines: int
) -> None:
    caplog.set_level(level)
    access_logger(json=True)("request")
    assert len(capsys.readouterr().err.splitlines()) == lines


def test_what_the_server_says_is_in_the_same_format(service: httpx2.Client, log: Path) -> None:
    first = json.loads(log.read_text().splitlines()[0])
    assert first["logger"] == "uvicorn.error"
    assert first["level"] == "info"
