"""`poe update`: bring in the template's improvements; fail while anything is left to merge."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARKERS = "^(<<<<<<< before updating|>>>>>>> after updating)"


def git(*args: str) -> list[str]:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def unmerged() -> list[str]:
    """The files with a conflict marker, and the hunks that Copier could not place (*.rej)."""
    grep = ["grep", "--no-index", "--exclude-standard", "--files-with-matches"]
    return sorted({*git(*grep, "-E", MARKERS), *git(*grep, "", "--", "*.rej")})


def main() -> None:
    if not git("rev-parse", "HEAD"):
        sys.exit("This is not a git repository with a commit: commit first, then update.")
    if changed := git("status", "--short"):
        sys.exit("\n  ".join(["Commit or stash what is not committed, then update:", *changed]))
    # Answers are kept; only a new version's new questions are asked, where somebody can answer.
    answers = "--skip-answered" if sys.stdin.isatty() else "--defaults"
    command = ["uvx", "copier", "update", answers, *sys.argv[1:]]
    updated = subprocess.run(command, cwd=ROOT, check=False)
    if updated.returncode:
        sys.exit(updated.returncode)
    if any(name.endswith("/models.py") for name in git("diff", "--name-only", "HEAD")):
        print("A model changed: see whether a revision is due with `uv run poe check`.")
    if files := unmerged():
        sys.exit("\n  ".join(["Both sides changed the same lines. Merge by hand:", *files]))


if __name__ == "__main__":
    main()
