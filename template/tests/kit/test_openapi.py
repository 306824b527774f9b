"""The OpenAPI document, and that the service is what its document says."""

import json
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests import conformance
from tests.kit.routers import PATHS, THINGS
from tests.kit.things import LAMP
from tests.serving import serving

APP = "tests.kit.service:app"


@pytest.mark.slow
def test_schemathesis_finds_no_difference() -> None:
    with serving(app=APP, environment={}) as client:
        client.post(THINGS[0], json=LAMP)  # something to be found and changed
        assert conformance.differences(client, "/health/live", "/health/ready", *PATHS) == ""


@pytest.mark.slow
def test_schemathesis_calls_no_other_path(tmp_path: Path) -> None:
    log = tmp_path / "stderr"
    with serving(app=APP, log=log, environment={"LOG_JSON": "true"}) as client:
        assert conformance.differences(client, "/sync/things/{thing_id}") == ""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    called = {line["path"] for line in lines if line["event"] == "request"}
    assert called - {"unmatched"} == {"/sync/things/{thing_id}"}


@pytest.mark.slow
def test_schemathesis_reports_what_the_document_has_not() -> None:
    with serving(app="tests.kit.wrong:app", environment={}) as client:
        assert "418" in conformance.differences(client, "/wrong")
        assert conformance.differences(client, "/wrong", "/no") == "The document has no /no."


def test_operations_are_named_after_their_endpoints(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    assert paths["/sync/things/{thing_id}"]["get"]["operationId"] == "get_thing"
    assert paths["/async/things/{thing_id}"]["get"]["operationId"] == "async_get_thing"


def test_a_route_documents_no_error_of_a_body_or_a_parameter_it_has_not(
    app: FastAPI, path: str
) -> None:
    paths = app.openapi()["paths"]
    of_a_body, of_both = {"408", "415"}, {"408", "415", "422"}
    assert not of_both & paths["/health/live"]["get"]["responses"].keys()
    assert not of_a_body & paths[path]["get"]["responses"].keys()
    assert "422" in paths[path]["get"]["responses"]
    assert of_both <= paths[path]["post"]["responses"].keys()


def test_every_documented_error_is_a_problem(app: FastAPI) -> None:
    for operations in app.openapi()["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_the_schema_of_a_problem_is_in_the_document_once(app: FastAPI) -> None:
    document = json.dumps(app.openapi())
    assert document.count('"Problem": {') == 1
    assert document.count('"#/components/schemas/Problem"') > 100
