"""Which module imports which, of those that are the template's: a team's own may do otherwise."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

from app.kit.db import dialect
from app.kit.db.contract import DatabaseModule
from tests.conftest import ROOT
from tests.kit.imports import cycle, imported, is_inside, name_of, uses_a_driver

DIALECT = "app.kit.db.dialect"
LONGEST = 250
NAMELESS = {"utils", "helpers", "common"}


BESIDE = ("app/database.py", "app/doctor.py", "app/errors.py", "app/main.py", "app/settings.py")
PATHS = [*ROOT.glob("app/kit/**/*.py"), *(ROOT / path for path in (*BESIDE, "migrations/env.py"))]
MODULES = {name_of(path, ROOT): path for path in PATHS}
IMPORTS = {name: imported(path.read_text("utf-8")) for name, path in MODULES.items()}


def test_the_imports_of_a_module_are_found() -> None:
    source = "import a.b\nfrom c import d\ndef f():\n    import e\n"
    typed = f"from typing import TYPE_CHECKING\n{source}if TYPE_CHECKING:\n    import g\n"
    assert {"a.b", "c", "c.d", "e"} == imported(source)
    assert "g" in imported(typed)
    assert "g" not in imported(typed, at_run_time=True)
    assert {"app.database", DIALECT, "app.main", "migrations.env"} <= MODULES.keys()


def test_the_kit_imports_nothing_of_the_service() -> None:
    for name in MODULES:
        if is_inside(name, "app.kit"):
            own = {other for other in IMPORTS[name] if is_inside(other, "app")} - {"app"}
            assert all(is_inside(other, "app.kit") for other in own), (name, own)


def test_one_module_imports_a_driver() -> None:
    users = {name for name, names in IMPORTS.items() if uses_a_driver(names)}
    assert users == {DIALECT}


def test_the_database_is_imported_by_one_name() -> None:
    for name, names in IMPORTS.items():
        assert not any(other.startswith(f"{DIALECT}_") for other in names), name


def test_no_import_is_a_cycle() -> None:
    assert cycle(MODULES) == []


def test_a_cycle_is_found(tmp_path: Path) -> None:
    sources = {"a": "import b", "b": "from c import d", "c": "import a"}
    paths = {name: tmp_path / f"{name}.py" for name in sources}
    for name, source in sources.items():
        paths[name].write_text(source, "utf-8")
    assert set(cycle(paths)) == {"a", "b", "c"}
    paths["c"].write_text("if TYPE_CHECKING:\n    import a", "utf-8")
    assert cycle(paths) == []


def test_no_module_is_long() -> None:
    lengths = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_a_module_is_named_after_what_it_holds() -> None:
    parts = {part for name in MODULES for part in name.split(".")}
    assert not NAMELESS & parts


def run_without_settings(*names: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DB_")}
    return subprocess.run(
        [sys.executable, "-c", f"import {', '.join(names)}"],
        cwd=ROOT,
        env=environment | {"ENV_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_kit_and_a_model_are_imported_without_settings() -> None:
    kit = [name for name in MODULES if is_inside(name, "app.kit")]
    for names in (["app.kit.db.base"], ["tests.kit.things"], kit):
        run = run_without_settings(*names)
        assert run.returncode == 0, run.stderr
    assert "DB_NAME: Field required" in run_without_settings("app.settings").stderr


def test_the_dialect_offers_its_contract() -> None:
    database: DatabaseModule = dialect  # mypy compares the types
    members = {
        name: member for name, member in vars(DatabaseModule).items() if not name.startswith("_")
    }
    for name in [*members, *DatabaseModule.__annotations__]:
        assert hasattr(database, name), name
    for name, member in members.items():
        expected = [*inspect.signature(member).parameters.values()][1:]
        offered = inspect.signature(getattr(database, name)).parameters
        assert list(offered)[: len(expected)] == [parameter.name for parameter in expected], name
        for parameter in expected:
            assert offered[parameter.name].kind == parameter.kind, (name, parameter)
            assert offered[parameter.name].default == parameter.default, (name, parameter)
        more = [*offered.values()][len(expected) :]
        assert all(parameter.default is not parameter.empty for parameter in more), name


def test_the_contract_is_of_functions_and_columns() -> None:
    assert {"url", "failure", "upsert"} <= vars(DatabaseModule).keys()
    assert {"Timestamp", "NOW", "Document"} <= DatabaseModule.__annotations__.keys()
