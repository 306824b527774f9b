"""The template's two versions, as Copier renders them from the answers of this service."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scripts.updating.answers import FILE, plain, read_answers, read_word
from scripts.updating.git import ENVIRONMENT, ROOT, Failed, Refused, git
from scripts.updating.trees import Tree, read_blobs, snapshot

# The version that this version of the template was tested with.
COPIER = "copier==9.19.1"
SECRET = ("--exclude", ".env")
UNREACHABLE = (
    "could not read from remote|repository not found|could not resolve|does not appear to be a git"
    "|could not read username|authentication failed|permission denied|must be a directory"
    "|unable to access|does not exist|terminal prompts disabled|no such file or directory"
    "|not a git repository"
)


class Rendered(NamedTuple):
    """The version of the last update and the new one: the files, and the text of the answers."""

    old: Tree
    new: Tree
    old_answers: str
    new_answers: str


def run_copier(folder: Path, *args: str, quiet: bool) -> str:
    """What Copier says to whoever runs it. Raises Refused and Failed, in a sentence."""
    uvx = shutil.which("uvx")
    if uvx is None:
        raise Refused("There is no uvx on the PATH: install uv, then update.")
    asks = sys.stdin is not None and sys.stdin.isatty()
    done = subprocess.run(
        [uvx, "--quiet", "--from", COPIER, "copier", *args],
        cwd=folder,
        env=ENVIRONMENT | ({} if asks else {"GIT_TERMINAL_PROMPT": "0"}),
        stdin=None if asks else subprocess.DEVNULL,
        stdout=sys.stderr if quiet else None,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stderr).strip()
    if done.returncode:
        explain(said or f"Copier ended with exit code {done.returncode}.", done.returncode)
    return said


def explain(said: str, code: int) -> None:
    last = said.splitlines()[-1]
    reason = re.sub(r"^(?:[\w.]+(?:Error|Exception)): ", "", last)
    if "Execution stopped by user" in last:
        raise KeyboardInterrupt
    if re.search(UNREACHABLE, said, re.IGNORECASE):
        raise Failed(
            f"The template cannot be read from {source()[0]} ({reason}). Where it has moved, write"
            f" its new address into `_src_path` of {FILE} and commit; where it is private, let git"
            f" read it: `git ls-remote` with that address says whether it can."
        )
    if re.search("validation error|invalid choice|not a yaml list", said, re.IGNORECASE):
        raise Refused(f"An answer is not accepted: {reason}")
    if code == 4:
        raise Refused(f"{' '.join(said.split())} This template never needs it: look before you do.")
    if found := re.search(r"unknown revision:? '?([^'\n]+)", last, re.IGNORECASE):
        raise Failed(
            f"The template at {source()[0]} has no version {found[1]}: `git ls-remote --tags` with"
            " that address lists those that it has."
        )
    raise Failed(f"Copier failed: {reason}")


def source() -> tuple[str, str]:
    """The address of the template, and the version of the last update."""
    answers = read_answers((ROOT / FILE).read_text("utf-8"))
    address, version = (read_word(answers.get(each, "")) for each in ("_src_path", "_commit"))
    if not address or not version:
        raise Refused(f"{FILE} has no `_src_path` and `_commit`: an update needs both.")
    if not re.search(r"[:~]", address) and not Path(address).is_absolute():
        raise Refused(
            f"{FILE} has the template's address as `{address}`, a path from where the first copy"
            " ran. Write its address into `_src_path`, commit, then update."
        )
    return address, version


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
