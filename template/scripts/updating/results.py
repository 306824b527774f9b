"""What a merge comes to."""

from typing import NamedTuple

from scripts.updating.trees import Entry, Tree

Stages = tuple[Entry | None, Entry | None, Entry | None]


class Finding(NamedTuple):
    """A path that wants somebody's look: the reason, and what to do."""

    path: str
    why: str
    do: str


class Merged(NamedTuple):
    """What comes out: the files, what is left to merge with its three sides, what to know."""

    tree: Tree
    stages: dict[str, Stages]
    left: list[Finding]
    notes: list[Finding]
