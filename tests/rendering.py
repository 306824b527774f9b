"""The template as a user gets it, and the commands that a user runs in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = "order-service"
NOT_SLOW = ("-m", "not slow")
RUFF = (sys.executable, "-m", "ruff")

ANSWERS: dict[str, dict[str, str]] = {
    "async": {},
    "sync": {"default_session": "sync"},
    "spaces and capitals": {"project_name": "The Order Service", "default_session": "sync"},
    "hostile": {
        "project_name": """Äpfel & "Birnen" <b> #1 {{ 7*7 }} {% x 100% \\ O'Neil ${HOME}""",
        "project_description": """Says "hi" \\ 'bye' # {{ 7*7 }} ${HOME} %(x)s ''' é 🎉 : - """,
        "db_name": "_orders_2",
        "db_username": "orders_owner",
        "db_password": """ p@ss:/%#?&$"` =é🎉; """,
    },
}

# What this suite runs in, and what decides which database a service talks to.
OURS = ("VIRTUAL_ENV", "PYTEST", "PYTHON", "UV_PROJECT", "UV_PYTHON", "DB_", "COPIER_", "GIT_")

# Whoever runs the tests may have answers of their own in Copier's settings.
SETTINGS = ROOT / "tests" / "copier-settings.yml"


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return kept | {"COPIER_SETTINGS_PATH": str(SETTINGS)} | more


def run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run a user's command to its end; standard error goes where standard output goes."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment or clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout,
    )


def git(folder: Path, *args: str) -> str:
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    done = run(["git", *identity, "-c", "commit.gpgsign=false", *args], folder)
    assert done.returncode == 0, done.stdout
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Everything")


def copy_source(destination: Path) -> None:
    """The template as a commit of the working tree would have it."""
    for name in git(ROOT, "ls-files", "-z", "-co", "--exclude-standard").split("\0"):
        if name.startswith(("copier.yml", "template/")) and (ROOT / name).is_file():
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in found if ".git" not in path.parts}


def uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    assert found, "uv is not on the PATH"
    return found


def find_python(version: str) -> str | None:
    # uv looks on the PATH, where pyenv has only the version that is switched on.
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for folder in pyenv.glob(f"versions/{version}.*"):
        return str(folder / "bin" / "python")
    found = run([uv(), "python", "find", "--no-project", "--no-python-downloads", version], ROOT)
    return found.stdout.splitlines()[-1] if found.returncode == 0 else None


def oldest_python() -> str:
    return find_python("3.11") or sys.executable
