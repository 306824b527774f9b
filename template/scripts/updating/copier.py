"""Copier, run for its renders, and its failures in a sentence."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.updating.answers import FILE, read_answers, read_word
from scripts.updating.git import ENVIRONMENT, ROOT, Failed, Refused

# The version that this version of the template was tested with.
COPIER = "copier==9.19.1"
UNREACHABLE = (
    "could not read from remote|repository not found|could not resolve|does not appear to be a git"
    "|could not read username|authentication failed|permission denied|must be a directory"
    "|unable to access|does not exist|terminal prompts disabled|no such file or directory"
    "|not a git repository"
)


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
    address, version = (read_word(answers.get(key, "")) for key in ("_src_path", "_commit"))
    if not address or not version:
        raise Refused(f"{FILE} has no `_src_path` and `_commit`: an update needs both.")
    if not re.search(r"[:~]", address) and not Path(address).is_absolute():
        raise Refused(
            f"{FILE} has the template's address as `{address}`, a path from where the first copy"
            " ran. Write its address into `_src_path`, commit, then update."
        )
    return address, version
