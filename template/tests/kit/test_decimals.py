"""The OpenAPI document allows what is accepted, and nothing else."""

import re
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from app.kit.http.decimals import describe_decimals
from scripts import postgres

ROOT = Path(__file__).parents[2]

TEXTS = ["", "0", "1", "-1", "1.5", "-0.125", "0.12", "99999", "100000", "1e3", "NaN", " 1", "x"]
# What is documented of the texts, and what a number is held to.
DOCUMENTED: list[tuple[Any, set[str], dict[str, float]]] = [
    (Decimal, {"0", "1", "-1", "1.5", "-0.125", "0.12", "99999", "100000"}, {}),
    (
        Annotated[Decimal, Field(ge=0)],
        {"0", "1", "1.5", "0.12", "99999", "100000"},
        {"minimum": 0},
    ),
    (
        Annotated[Decimal, Field(max_digits=7, decimal_places=2)],
        {"0", "1", "-1", "1.5", "0.12", "99999"},
        {"multipleOf": 0.01, "exclusiveMinimum": -100000, "exclusiveMaximum": 100000},
    ),
    (
        Annotated[Decimal, Field(max_digits=5)],
        {"0", "1", "-1", "99999"},
        {"multipleOf": 1, "exclusiveMinimum": -100000, "exclusiveMaximum": 100000},
    ),
    (Annotated[Decimal, Field(gt=0)], set(), {"exclusiveMinimum": 0}),
    (Annotated[Decimal, Field(ge=1)], set(), {"minimum": 1}),
    (
        Annotated[Decimal, Field(le=100, decimal_places=1)],
        set(),
        {"maximum": 100, "multipleOf": 0.1},
    ),
]


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GenerateJsonSchema, "decimal_schema", GenerateJsonSchema.decimal_schema)
    describe_decimals()


@pytest.mark.parametrize(("annotation", "texts", "limits"), DOCUMENTED, ids=str)
def test_a_decimal_is_documented_as_what_is_accepted(
    annotation: Any, texts: set[str], limits: dict[str, float]
) -> None:
    adapter = TypeAdapter[Decimal](annotation)
    schemas = adapter.json_schema()["anyOf"]
    patterns = [schema["pattern"] for schema in schemas if schema["type"] == "string"]
    allowed = {text for text in TEXTS for pattern in patterns if re.search(pattern, text)}
    assert allowed == texts
    for text in allowed:
        adapter.validate_python(text)
    assert {"type": "number", **limits} in schemas


def test_a_decimal_of_places_alone_is_no_number() -> None:
    adapter = TypeAdapter[Decimal](Annotated[Decimal, Field(max_digits=2, decimal_places=2)])
    assert adapter.json_schema()["anyOf"] == [{"type": "string", "pattern": r"^-?0\.[0-9]{1,2}$"}]


def test_an_answer_is_documented_as_before() -> None:
    assert TypeAdapter(Decimal).json_schema(mode="serialization") == {"type": "string"}


@pytest.mark.slow
def test_schemathesis_finds_no_difference_in_any_type(tmp_path: Path) -> None:
    port = postgres.free_port()
    serve = [sys.executable, "-m", "uvicorn", "tests.kit.typed:app", "--port", str(port)]
    with subprocess.Popen([*serve, "--log-level=error"], cwd=ROOT) as service:
        while postgres.is_free(port):
            assert service.poll() is None
            time.sleep(0.1)
        run = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run"),
                f"http://127.0.0.1:{port}/openapi.json",
                "--max-examples=30",
                "--generation-deterministic",
                "--continue-on-failure",
            ],
            cwd=tmp_path,  # away from schemathesis.toml, which is the service's
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        service.terminate()
    assert run.returncode == 0, run.stdout + run.stderr
