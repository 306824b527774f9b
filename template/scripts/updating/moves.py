"""The files that a later version of the template moved: the team's edits move with them.

The table is `scripts/moves.toml` of the version that is updated to.
"""

import ast
import re
import tomllib
from collections.abc import Sequence
from typing import NamedTuple

TABLE = "scripts/moves.toml"


class Move(NamedTuple):
    old: str
    new: str


def read_moves(table: bytes) -> list[Move]:
    """An entry that this version cannot read is left out: its files then merge where they are."""
    try:
        entries = tomllib.loads(table.decode()).get("move", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return []
    pairs = [(entry.get("from"), entry.get("to")) for entry in entries if isinstance(entry, dict)]
    return [
        Move(old.strip("/"), new.strip("/"))
        for old, new in pairs
        if isinstance(old, str) and isinstance(new, str)
    ]


def new_moves(old_table: bytes, new_table: bytes) -> list[Move]:
    """The table only grows: what the version of the last update had is done."""
    return read_moves(new_table)[len(read_moves(old_table)) :]


def follow(path: str, moves: Sequence[Move]) -> str:
    """Where a file is after the moves."""
    for old, new in moves:
        if path == old or path.startswith(f"{old}/"):
            path = new + path.removeprefix(old)
    return path


def module(path: str) -> str | None:
    """The module of a file, the package of a folder; None where it is neither."""
    dotted = path.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
    return dotted if all(part.isidentifier() for part in dotted.split(".")) else None


def rename_modules(source: str, moves: Sequence[Move]) -> str:
    """A Python file that imports the modules from where they are after the moves."""
    for old_path, new_path in moves:
        old, new = module(old_path), module(new_path)
        if old and new and old != new:
            source = rename_from_imports(source, old, new)
            source = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, source)
    return source


def rename_from_imports(source: str, old: str, new: str) -> str:
    """`from app import text` names no dotted module: import that name from its new package."""
    package, _, name = old.rpartition(".")
    try:
        statements = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return source
    lines = source.splitlines(keepends=True)
    found = [
        node
        for node in statements
        if isinstance(node, ast.ImportFrom)
        and (node.module, node.level) == (package, 0)
        and any(alias.name == name for alias in node.names)
    ]
    for node in sorted(found, key=lambda node: -node.lineno):
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        statement = "".join(lines[first:last])
        # A comment inside would be lost, and a second statement on the line.
        if "#" not in statement and not statement[: node.col_offset].strip():
            indent = " " * node.col_offset
            written = split_import(node, name, new)
            lines[first:last] = [f"{indent}{line}\n" for line in written]
    return "".join(lines)


def split_import(node: ast.ImportFrom, name: str, new: str) -> list[str]:
    package, _, leaf = new.rpartition(".")
    written = []
    if others := [ast.unparse(alias) for alias in node.names if alias.name != name]:
        written.append(f"from {node.module} import {', '.join(others)}")
    for alias in node.names:
        if alias.name == name:
            called = alias.asname or name
            suffix = "" if called == leaf else f" as {called}"
            origin = f"from {package} import {leaf}" if package else f"import {leaf}"
            written.append(f"{origin}{suffix}")
    return written
