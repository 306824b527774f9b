"""The result of an update brought into the service: all of it, or nothing."""

import os
from collections.abc import Mapping

from scripts.updating.collisions import check_collisions
from scripts.updating.git import Failed, Refused, git, text
from scripts.updating.journal import Change, Journal, forget, restore
from scripts.updating.results import Stages
from scripts.updating.signals import Stopped, deferred
from scripts.updating.trees import NOTHING, Entry, Tree, top, write_tree


def changes_between(before: Tree, after: Tree) -> dict[str, Change]:
    paths = sorted(before.keys() | after.keys())
    pairs = {path: (before.get(path), after.get(path)) for path in paths}
    return {path: pair for path, pair in pairs.items() if pair[0] != pair[1]}


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
