"""The result of an update brought into the service: all of it, or nothing."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from scripts.updating.git import Failed, Refused, git, text
from scripts.updating.journal import Change, Journal, forget, restore
from scripts.updating.merging import Stages
from scripts.updating.trees import NOTHING, Entry, Tree, top, write_tree

# The last one is a closed terminal's; Windows has none.
SIGNALS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class Stopped(BaseException):
    """A signal came."""


def stop(*_: object) -> None:
    raise Stopped


def stop_on_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, stop)


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Note the signals that come, and let the work end."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    before = {each: signal.signal(each, note) for each in SIGNALS}
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def changes_between(before: Tree, after: Tree) -> dict[str, Change]:
    paths = sorted(before.keys() | after.keys())
    pairs = {path: (before.get(path), after.get(path)) for path in paths}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


def check_collisions(changes: Mapping[str, Change]) -> None:
    """Refuse where a file that git does not know, or a link to a folder, is in the way."""
    known = {path for path, (before, _) in changes.items() if before}
    blocked = {b for path in changes.keys() - known if (b := in_the_way(path))} - known
    if blocked:
        raise Refused(
            "\n  ".join(
                [
                    "The update adds files where you have some that are not committed, because git"
                    " ignores them or they are behind a link. Move them away, or leave the"
                    " template's out with `poe update --exclude NAME`:",
                    *sorted(blocked),
                ]
            )
        )


def in_the_way(path: str) -> str | None:
    full = top() / path
    if os.path.lexists(full):
        return None if full.is_dir() and not full.is_symlink() and is_empty(full) else path
    for parent in full.parents:
        if parent == top():
            return None
        if parent.is_symlink() or parent.is_file():
            return parent.relative_to(top()).as_posix()
    return None


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


def write_stages(stages: Mapping[str, Stages]) -> None:
    """Tell git of the conflicts: base, ours and theirs of each, in its own order."""
    written = []
    for path, sides in stages.items():
        written.append(f"0 {NOTHING}\t{path}\0")
        for number, side in enumerate(sides, start=1):
            if side:
                written.append(f"{side.mode} {side.oid} {number}\t{path}\0")
    git("update-index", "-z", "--index-info", stdin=os.fsencode("".join(written)), cwd=top())


def bring_over(head: str, before: Tree, after: Tree, stages: Mapping[str, Stages]) -> None:
    """Change the work tree and the index from one tree to the other. Paths are from the top."""
    changes = changes_between(before, after)
    check_collisions(changes)
    tree = write_tree(after)
    if text("rev-parse", "HEAD") != head:
        raise Refused("Somebody committed while the update was prepared: update again.")
    with deferred() as came:
        journal = Journal(changes | {path: (before.get(path), after.get(path)) for path in stages})
        journal.write()
        try:
            git("read-tree", "-m", "-u", head, tree, cwd=top())
            write_stages(stages)
        except Failed:
            restore(journal)
            raise
        if came:
            restore(journal)
        else:
            forget()
    if came:
        raise Stopped


def with_prefix(tree: Mapping[str, Entry], folder: str) -> Tree:
    return {f"{folder}{path}": entry for path, entry in tree.items()}
