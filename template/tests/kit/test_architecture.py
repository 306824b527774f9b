"""Who imports whom in what the template keeps: app/kit, the modules beside it, Alembic's own.

A team's features may import what they like.
"""

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from app.kit.db import dialect
from app.kit.db.contract import DatabaseModule
from tests.conftest import ROOT

DIALECT = "app.kit.db.dialect"
DRIVERS = ("psycopg2", "asyncpg", "sqlalchemy.dialects")
LONGEST = 250
NAMELESS = {"utils", "helpers", "common"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def modules(root: Path = ROOT) -> dict[str, Path]:
    kept = (*root.glob("app/*.py"), *root.glob("app/kit/**/*.py"), root / "migrations" / "env.py")
    return {name_of(path): path for path in kept}


def is_for_types_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(node: ast.AST, *, at_run_time: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not (at_run_time and is_for_types_alone(child)):
            yield child
            yield from statements(child, at_run_time=at_run_time)


def imported(source: str, *, at_run_time: bool = False) -> set[str]:
    """`from a import b` is a and a.b, for b may be a module."""
    names: set[str] = set()
    for node in statements(ast.parse(source), at_run_time=at_run_time):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "an import is absolute"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def is_inside(name: str, *packages: str) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


MODULES = modules()
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
            others = {each for each in IMPORTS[name] if is_inside(each, "app")} - {"app"}
            assert all(is_inside(each, "app.kit") for each in others), (name, others)


def test_one_module_imports_a_driver() -> None:
    users = {name for name in MODULES if any(is_inside(x, *DRIVERS) for x in IMPORTS[name])}
    assert users == {DIALECT}


def test_the_database_is_imported_by_one_name() -> None:
    for name, names in IMPORTS.items():
        assert not any(each.startswith(f"{DIALECT}_") for each in names), name


def test_no_import_is_a_cycle() -> None:
    graph = {}
    for name, path in MODULES.items():
        names = imported(path.read_text("utf-8"), at_run_time=True)
        graph[name] = (names & MODULES.keys()) - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail(" -> ".join(cycle.args[1]), pytrace=False)


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
        assert list(offered)[: len(expected)] == [each.name for each in expected], name
        for each in expected:
            assert offered[each.name].kind == each.kind, (name, each)
            assert offered[each.name].default == each.default, (name, each)
        assert all(each.default is not each.empty for each in [*offered.values()][len(expected) :])


def test_the_contract_is_of_functions_and_columns() -> None:
    assert {"url", "failure", "upsert"} <= vars(DatabaseModule).keys()
    assert {"Timestamp", "NOW", "Document"} <= DatabaseModule.__annotations__.keys()
