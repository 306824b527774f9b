"""What an update must not write over: git does not know it, so nothing could bring it back."""

import os
from collections.abc import Mapping
from pathlib import Path

from scripts.updating.git import Refused
from scripts.updating.journal import Change
from scripts.updating.trees import top


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
