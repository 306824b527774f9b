"""Moves applied to a tree of files, before it is merged."""

from collections.abc import Sequence

from scripts.updating.formatting import format_files
from scripts.updating.moves import TABLE, Move, follow, new_moves, rename_modules
from scripts.updating.trees import Entry, Tree, read_blobs, write_blobs


def find_moves(old: Tree, new: Tree) -> list[Move]:
    tables = [tree[TABLE].oid for tree in (old, new) if TABLE in tree]
    blobs = read_blobs(tables)
    before, after = (blobs[t[TABLE].oid] if TABLE in t else b"" for t in (old, new))
    moves = new_moves(before, after)
    return [move for move in moves if any(inside(path, move.old) for path in old)]


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def move(tree: Tree, moves: Sequence[Move]) -> Tree:
    """The files at their new places, and their imports with them.

    A file stays where it is when there is one at its new place already.
    """
    if not moves:
        return tree
    places = {path: follow(path, moves) for path in tree}
    places = {path: new for path, new in places.items() if new == path or new not in tree}
    return {places.get(path, path): entry for path, entry in rename_imports(tree, moves).items()}


def rename_imports(tree: Tree, moves: Sequence[Move]) -> Tree:
    """The files where they are, with the imports that they need after the moves."""
    files = {p: entry for p, entry in tree.items() if p.endswith(".py") and entry.is_file}
    blobs = read_blobs(entry.oid for entry in files.values())
    before = {path: blobs[entry.oid] for path, entry in files.items()}
    after = {path: rename(content, moves) for path, content in before.items()}
    changed = {path: content for path, content in after.items() if content != before[path]}
    # Other names sort to other places. A file that nobody had sorted stays unsorted.
    tidy = format_files({path: before[path] for path in changed}, tree, None)
    places = {follow(path, moves): path for path in changed if tidy[path] == before[path]}
    beside = [follow(path, moves) for path in tree]
    sorted_after = format_files({new: changed[p] for new, p in places.items()}, beside, None)
    changed |= {places[new]: content for new, content in sorted_after.items()}
    return tree | {p: Entry(files[p].mode, oid) for p, oid in write_blobs(changed).items()}


def rename(content: bytes, moves: Sequence[Move]) -> bytes:
    try:
        return rename_modules(content.decode(), moves).encode()
    except UnicodeDecodeError:
        return content
