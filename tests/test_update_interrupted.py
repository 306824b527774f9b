"""An update that is interrupted at any moment leaves the team's tree as it was."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.commanding import GIT, Recorded, contents, executable, poe
from tests.conftest import Lived
from tests.rendering import clean_environment, git, run
from tests.team import STORIES
from tests.updating import save

HALF_DONE = "half done"


@pytest.fixture
def lived(service: Lived) -> Path:
    """A service that a team has changed, and what only stands on this machine."""
    lived = service()
    for chapter in STORIES["all of it"]:
        chapter(lived)
    main = lived / "app" / "main.py"
    main.write_text(f"# ours\n{main.read_text()}")
    save(lived, "What the team did")
    (lived / ".venv").mkdir()
    (lived / ".venv" / "local").write_text("local\n")
    return lived


def stopping(recorded: Recorded, at: int, how: str, folder: Path) -> dict[str, str]:
    executable(folder / "bin" / "git", GIT)
    (folder / "count").unlink(missing_ok=True)
    found = recorded.environment()
    return found | {
        "PATH": f"{folder / 'bin'}:{found['PATH']}",
        "REAL": str(shutil.which("git")),
        "COUNT": str(folder / "count"),
        "STOP_AT": str(at),
        "HOW": how,
    }


def undo(service: Path) -> None:
    git(service, "reset", "--quiet", "--hard")
    git(service, "clean", "--quiet", "-fd")


def restored(service: Path, environment: dict[str, str]) -> bool:
    """Restore what is half done, as the sentence says; whether it was."""
    checked = poe(service, environment, script="merged")
    if checked.returncode == 0:
        return False
    assert HALF_DONE in checked.stdout
    refused = poe(service, environment)
    assert refused.returncode == 4
    assert HALF_DONE in refused.stdout
    done = poe(service, environment, "--restore")
    assert done.returncode == 0, done.stdout
    return True


def check_whole(service: Path, before: dict[str, bytes], said: str) -> None:
    """Every line is the team's again, and git knows it."""
    assert contents(service) == before, said
    assert git(service, "status", "--porcelain") == "", said


HOWS = ["KILL", "KILL after it", "INT", "TERM", "no success"]
LAST = 4


@pytest.mark.parametrize("how", HOWS)
def test_at_each_call_to_git(lived: Path, recorded: Recorded, tmp_path: Path, how: str) -> None:
    """The last calls, which change the tree, in each way; the others in one way each."""
    before = contents(lived)
    whole = poe(lived, stopping(recorded, 0, how, tmp_path))
    assert whole.returncode == 3, whole.stdout
    after = contents(lived)
    calls = int((tmp_path / "count").read_text())
    undo(lived)
    check_whole(lived, before, "git reset")
    repaired = 0
    for call in range(1, calls + 1):
        if call % len(HOWS) != HOWS.index(how) and call <= calls - LAST:
            continue
        stopped = poe(lived, stopping(recorded, call, how, tmp_path))
        said = f"{how} at call {call} of {calls}: {stopped.stdout}"
        environment = recorded.environment()
        if how.startswith("KILL"):
            assert stopped.returncode == -signal.SIGKILL, said
            repaired += restored(lived, environment)
        elif stopped.returncode == 3:  # at the last moment, or git was asked something optional
            assert contents(lived) == after, said
            undo(lived)
        else:
            assert stopped.returncode in (1, 4), said
            assert "Traceback" not in said
            assert how == "no success" or "Stopped. Nothing was changed." in said
        check_whole(lived, before, said)
    assert how != "KILL after it" or repaired >= 1


SMUDGE = """\
#!/bin/sh
number=$(($(cat "$COUNT" 2>/dev/null || echo 0) + 1))
echo $number > "$COUNT"
[ "$number" != "$STOP_AT" ] || eval "$STOP"
exec cat
"""
KILL = 'kill -KILL $(cat "$PYTHON") 0'


def stop_at_a_file(service: Path, folder: Path, at: int, stop: str) -> dict[str, str]:
    """The variables with which git, writing the files, comes to `stop` at one of them."""
    executable(folder / "smudge", SMUDGE)
    (service / ".git" / "info" / "attributes").write_text("*.py filter=stop\n")
    git(service, "config", "filter.stop.smudge", str(folder / "smudge"))
    git(service, "config", "filter.stop.clean", "cat")
    git(service, "config", "filter.stop.required", "true")
    return {
        "PYTHON": str(folder / "python"),
        "COUNT": str(folder / "count"),
        "STOP_AT": str(at),
        "STOP": stop,
    }


def go_on(service: Path) -> None:
    git(service, "config", "--remove-section", "filter.stop")
    (service / ".git" / "info" / "attributes").unlink()


def test_a_disk_that_is_full_in_the_midst_of_the_files(
    lived: Path, recorded: Recorded, tmp_path: Path
) -> None:
    before = contents(lived)
    variables = recorded.environment() | stop_at_a_file(lived, tmp_path, 30, "exit 1")
    failed = poe(lived, variables)
    assert failed.returncode == 1
    assert re.search("`git read-tree` failed: .*\nNothing was changed.", failed.stdout, re.DOTALL)
    go_on(lived)
    check_whole(lived, before, failed.stdout)


@pytest.mark.parametrize("at", [1, 60])
def test_in_the_midst_of_the_files(
    lived: Path, recorded: Recorded, tmp_path: Path, at: int
) -> None:
    """git and `poe update` are killed while git writes one file after the other."""
    before = contents(lived)
    variables = recorded.environment() | stop_at_a_file(lived, tmp_path, at, KILL)
    update = f"echo $$ > {tmp_path / 'python'}; exec {sys.executable} -m scripts.update"
    killed = run(["sh", "-c", update], lived, variables)
    assert killed.returncode == -signal.SIGKILL, killed.stdout
    go_on(lived)
    assert contents(lived) != before
    (lived / "app" / "main.py").write_text("# written meanwhile\n")
    assert restored(lived, recorded.environment())
    check_whole(lived, before, killed.stdout)
    saved = lived / ".git" / "template-update-saved" / "app" / "main.py"
    assert saved.read_text() == "# written meanwhile\n"
    assert poe(lived, recorded.environment()).returncode == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_at_random_moments_with_copier(lived: Path, number: signal.Signals) -> None:
    """As Ctrl-C does it: the signal reaches Copier as well."""
    before = contents(lived)
    command = [sys.executable, "-m", "scripts.update"]
    with subprocess.Popen(
        command,
        cwd=lived,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as started:
        time.sleep(random.uniform(0.1, 8))  # noqa: S311
        os.killpg(started.pid, number)
        said = started.communicate()[0]
    if started.returncode == 3:
        undo(lived)
    elif number == signal.SIGKILL:
        restored(lived, clean_environment())
    else:
        assert started.returncode == 1, said
        assert "Nothing was changed." in said
    check_whole(lived, before, said)
