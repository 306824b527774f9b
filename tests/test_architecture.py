"""The features and revisions that a team gets and may change: as they are shipped, by the rules.

template/tests/kit/test_architecture.py holds what the template keeps, in every service.
"""

import os
import runpy
from pathlib import Path

import pytest

from tests.conftest import Environments
from tests.rendering import ROOT, oldest_python, run

TEMPLATE = ROOT / "template"
DIALECT = "app.kit.db.dialect"
LONGEST = 250
read = runpy.run_path(str(TEMPLATE / "tests" / "kit" / "imports.py"))
PATHS = [*TEMPLATE.glob("app/**/*.py"), *TEMPLATE.glob("migrations/**/*.py")]
MODULES: dict[str, Path] = {read["name_of"](path, TEMPLATE): path for path in PATHS}


def test_one_module_imports_a_driver() -> None:
    sources = {name: path.read_text("utf-8") for name, path in MODULES.items()}
    users = [
        name for name, text in sources.items() if read["uses_a_driver"](read["imported"](text))
    ]
    assert users == [DIALECT]


def test_no_import_is_a_cycle() -> None:
    assert read["cycle"](MODULES) == []


def test_no_module_is_long() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def behind(module: str) -> set[str]:
    """What is imported from there on, without the kit."""
    found, left = set(), {module}
    while left:
        found |= left
        sources = [MODULES[name].read_text("utf-8") for name in left]
        names = {name for text in sources for name in read["imported"](text, at_run_time=True)}
        left = {name for name in names & MODULES.keys() if not name.startswith("app.kit")} - found
    return {name for name in found if MODULES[name].read_text("utf-8")}


def test_whoever_changes_a_feature_reads_eight_modules_and_500_lines_at_most() -> None:
    modules = behind("app.users.router")
    assert {"app.users.service", "app.users.models", "app.database"} <= modules
    assert len(modules) <= 8, modules
    assert sum(len(MODULES[name].read_text("utf-8").splitlines()) for name in modules) <= 500


@pytest.mark.parametrize("model", sorted(name for name in MODULES if name.endswith(".models")))
def test_a_model_is_imported_without_settings(environment: Environments, model: str) -> None:
    python = environment(oldest_python())
    program = str(python.folder / "bin" / "python")
    imported = run(
        [program, "-c", f"import {model}"], TEMPLATE, python.variables(ENV_FILE=os.devnull)
    )
    assert imported.returncode == 0, imported.stdout
