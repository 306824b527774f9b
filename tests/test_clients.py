"""A client that is generated from the OpenAPI document knows every answer."""

import json
from pathlib import Path

import pytest

from tests.conftest import Environments, Render
from tests.rendering import oldest_python, run, uv
from tests.serving import serving

GENERATOR = ("tool", "run", "--from", "openapi-python-client", "openapi-python-client", "generate")
# What a generated client imports.
NEEDS = ("--with=attrs", "--with=httpx", "--with=python-dateutil")
CREATE_TWICE = """
import sys
from client import Client
from client.api.users import create_user
from client.models import Problem, UserCreate, UserRead

client = Client(base_url=sys.argv[1])
ada = UserCreate(email="ada@example.com", full_name="Ada")
first, second = (create_user.sync_detailed(client=client, body=ada) for _ in range(2))
assert isinstance(first.parsed, UserRead), first
assert isinstance(second.parsed, Problem), second
assert (second.status_code, second.parsed.status) == (409, 409)
assert second.parsed.detail == "A user with this e-mail address exists already."
"""


@pytest.fixture
def variables(environment: Environments) -> dict[str, str]:
    return environment(oldest_python()).variables(UV_NO_SYNC="1")


def test_a_generated_client_decodes_a_conflict(
    project: Render, variables: dict[str, str], tmp_path: Path
) -> None:
    service = project()
    with serving(service, variables) as served:
        document = served.ask("GET", "/openapi.json").body
        path = tmp_path / "openapi.json"
        path.write_text(json.dumps(document))
        options = (f"--path={path}", "--meta=none", "--output-path=client")
        generated = run([uv(), *GENERATOR, *options], tmp_path)
        # It names what it leaves out, such as a response whose schema it cannot follow.
        assert generated.stdout.splitlines()[-1] == "Generating client"
        called = run(
            [
                *(uv(), "run", "--no-project", *NEEDS, "python", "-W", "error"),
                *("-c", CREATE_TWICE, f"http://127.0.0.1:{served.port}"),
            ],
            tmp_path,
        )
        assert called.returncode == 0, called.stdout
    assert len(json.dumps(document)) < 40_000
