"""The service is what its OpenAPI document says: whatever that allows, and whatever it does not."""

import subprocess
import sys

import pytest
from fastapi import FastAPI

from tests.conftest import DOCUMENTED, ROOT, serving

SCHEMATHESIS = [sys.executable, "-m", "schemathesis.cli"]
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}


@pytest.mark.slow
def test_schemathesis_finds_no_difference() -> None:
    with serving(environment={}) as client:
        # Something to be found and changed: no generated owner_id would be a user's.
        owner = client.post("/api/v1/users", json=ADA).json()["id"]
        client.post("/api/v1/items", json={"owner_id": owner, "title": "A lamp"})
        command = [
            *SCHEMATHESIS,
            "run",
            str(client.base_url.join("openapi.json")),
            f"--include-path-regex={DOCUMENTED}",
            "--max-examples=5",
            "--generation-deterministic",
            "--continue-on-failure",
        ]
        run = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_route_documents_no_error_of_a_body_or_a_parameter_it_has_not(app: FastAPI) -> None:
    paths = app.openapi()["paths"]
    of_a_body, of_both = {"400", "415"}, {"400", "415", "422"}
    assert not of_both & paths["/health/live"]["get"]["responses"].keys()
    assert not of_a_body & paths["/api/v1/users"]["get"]["responses"].keys()
    assert "422" in paths["/api/v1/users"]["get"]["responses"]
    assert of_both <= paths["/api/v1/users"]["post"]["responses"].keys()
