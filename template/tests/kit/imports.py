"""Which module imports which, read from the sources."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

DRIVERS = ("psycopg2", "asyncpg", "sqlalchemy.dialects")


def name_of(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


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


def uses_a_driver(names: set[str]) -> bool:
    return any(is_inside(name, *DRIVERS) for name in names)


def cycle(modules: Mapping[str, Path]) -> list[str]:
    """Modules of which each imports the next one when it is imported itself."""
    graph = {}
    for name, path in modules.items():
        names = imported(path.read_text("utf-8"), at_run_time=True)
        graph[name] = (names & modules.keys()) - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []
