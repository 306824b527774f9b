"""The template's two versions, as Copier renders them from the answers of this service."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scripts.updating.answers import FILE, plain
from scripts.updating.copier import run_copier, source
from scripts.updating.git import ROOT, git
from scripts.updating.trees import Tree, read_blobs, snapshot

SECRET = ("--exclude", ".env")


class Rendered(NamedTuple):
    """The version of the last update and the new one: the files, and the text of the answers."""

    old: Tree
    new: Tree
    old_answers: str
    new_answers: str


def render_old(folder: Path, work: Path, *, quiet: bool) -> None:
    address, version = source()
    data = work / "answers.yml"
    data.write_text(plain((ROOT / FILE).read_text("utf-8")), "utf-8")
    options = (f"--vcs-ref={version}", f"--data-file={data}", *SECRET, "--quiet", "--defaults")
    run_copier(work, "copy", *options, address, str(folder), quiet=quiet)


def commit(folder: Path) -> None:
    who = ("-c", "user.name=update", "-c", "user.email=update@localhost")
    hooks = f"core.hooksPath={os.devnull}"
    how = ("-c", "commit.gpgsign=false", "-c", hooks, "commit", "--quiet")
    git("init", "--quiet", cwd=folder)
    git("add", "--force", "--all", cwd=folder)
    git(*who, *how, "--no-verify", "--message=old", cwd=folder)


def add_theirs(folder: Path, team: Tree) -> list[str]:
    """Put beside the old version what the team added: `_skip_if_exists` looks whether it is there.

    Only files, where no file or folder of the template is in their way.
    """
    added = {
        path: entry
        for path, entry in team.items()
        if entry.is_file and not (folder / path).exists() and fits(folder, path)
    }
    contents = read_blobs(entry.oid for entry in added.values())
    for path, entry in added.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(contents[entry.oid])
    return [*added]


def fits(folder: Path, path: str) -> bool:
    parents = [folder / parent for parent in Path(path).parents]
    return all(parent.is_dir() or not parent.exists() for parent in parents)


def take_new(folder: Path) -> None:
    """Where the new version and the team added one file, have the new version's."""
    listed = git("ls-files", "--unmerged", "-z", cwd=folder).decode(errors="surrogateescape")
    for line in filter(None, listed.split("\0")):
        about, path = line.split("\t", 1)
        _, oid, stage = about.split()
        if stage == "3":
            (folder / path).write_bytes(git("cat-file", "blob", oid, cwd=folder))


def render(work: Path, team: Tree, options: list[str], *, quiet: bool) -> tuple[Rendered, str]:
    """Render both versions outside of the service. What Copier says comes with them."""
    folder = work / ROOT.name
    render_old(folder, work, quiet=quiet)
    old_answers = (folder / FILE).read_text("utf-8")
    old = snapshot(folder)
    added = add_theirs(folder, team)
    commit(folder)
    before = snapshot(folder)
    asks = sys.stdin is not None and sys.stdin.isatty()
    answered = "--skip-answered" if asks else "--defaults"
    said = run_copier(folder, "update", answered, *SECRET, *options, quiet=quiet)
    take_new(folder)
    new = without_theirs(snapshot(folder), before, added)
    return Rendered(old, new, old_answers, (folder / FILE).read_text("utf-8")), said


def without_theirs(new: Tree, before: Tree, added: Iterable[str]) -> Tree:
    """The new version without what the team added and it leaves alone."""
    kept = {path for path in added if new.get(path) == before.get(path)}
    return {path: entry for path, entry in new.items() if path not in kept}
