"""git, as the scripts call it: in the service's folder, and with a sentence where it fails."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (2, 25)
# A hook of git sets these for its own repository, and Copier works in others.
LOCAL = ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "OBJECT_DIRECTORY", "COMMON_DIR", "NAMESPACE")
ENVIRONMENT = {name: v for name, v in os.environ.items() if name.removeprefix("GIT_") not in LOCAL}
ENVIRONMENT |= {"LC_ALL": "C"}


class Refused(Exception):
    """Nothing was done, and nothing will be until what the sentence names is done."""


class Failed(Exception):
    """Something went wrong on the way."""


def git(
    *args: str | Path, stdin: bytes | None = None, index: Path | None = None, cwd: Path = ROOT
) -> bytes:
    """What git prints. Raises Failed."""
    done = subprocess.run(
        ["git", *args],
        cwd=cwd,
        env=ENVIRONMENT | ({"GIT_INDEX_FILE": str(index)} if index else {}),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for this program, which then knows what to undo
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise Failed(f"`git {args[0]}` failed: {said}")
    return done.stdout


def text(*args: str | Path, cwd: Path = ROOT) -> str:
    return os.fsdecode(git(*args, cwd=cwd)).rstrip("\n")


def names(*args: str | Path, cwd: Path = ROOT) -> list[str]:
    """What git prints with -z."""
    return [name for name in os.fsdecode(git(*args, cwd=cwd)).split("\0") if name]


def lines(*args: str | Path) -> list[str]:
    """What git prints; nothing where it fails or is not there."""
    try:
        return text(*args).splitlines()
    except (Failed, OSError):
        return []


def require_repository() -> None:
    """Refuse, with the reason, where git cannot work."""
    if shutil.which("git") is None:
        raise Refused("There is no git on the PATH: install git, then update.")
    version = text("version")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST:
        raise Refused(f"This is {version}, and an update needs git 2.25 or newer: install it.")
    try:
        text("rev-parse", "--show-toplevel")
    except Failed as failed:
        if "dubious ownership" in str(failed) or "safe.directory" in str(failed):
            raise Refused(
                "git does not trust this folder, because it belongs to another user. Trust it:"
                f" `git config --global --add safe.directory '{ROOT}'`."
            ) from failed
    if not lines("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
        raise Refused("This is not a git repository with a commit: commit first, then update.")


@cache
def git_path(name: str) -> Path:
    """A path in the folder of git, one for each work tree."""
    return (ROOT / text("rev-parse", "--git-path", name)).absolute()
