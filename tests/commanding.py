"""`poe update` as a team runs it, also without a network: Copier's part is recorded once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import copier

from tests.rendering import FOLDER, clean_environment, files, run
from tests.updating import FUTURE, NOW, OPTIONS, copy

UVX = """\
#!/bin/sh
case " $* " in
*" copy "*)
    for last; do :; done
    cp -R "$RECORDED/old/order-service" "$last" ;;
*)
    (cd "$RECORDED/old/order-service" && find . -type f ! -path "./.git/*") | xargs rm -f
    cp -R "$RECORDED/new/order-service/." . ;;
esac
"""
GIT = """\
#!/bin/sh
number=$(($(cat "$COUNT" 2>/dev/null || echo 0) + 1))
echo $number > "$COUNT"
[ "$number" = "$STOP_AT" ] || exec "$REAL" "$@"
case "$HOW" in
"KILL after it") "$REAL" "$@"; kill -KILL $PPID ;;
"no success") exit 128 ;;
*) kill -"$HOW" $PPID; exec "$REAL" "$@" ;;
esac
"""


class Recorded(NamedTuple):
    """Two versions as Copier rendered them."""

    folder: Path

    def environment(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return clean_environment(PATH=path, RECORDED=str(self.folder))


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def record(template: Path, folder: Path, old: str = NOW, new: str = FUTURE) -> Recorded:
    before = copy(template, folder / "old" / FOLDER, old)
    after = Path(shutil.copytree(before, folder / "new" / FOLDER))
    copier.run_update(after, vcs_ref=new, overwrite=True, **OPTIONS)
    for each in (before, after):
        shutil.rmtree(each / ".git")
        (each / ".env").unlink()
    executable(folder / "bin" / "uvx", UVX)
    return Recorded(folder)


def poe(
    service: Path, environment: dict[str, str] | None, *args: str, script: str = "update"
) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-m", f"scripts.{script}", *args], service, environment)


def report(service: Path, environment: dict[str, str] | None, *args: str) -> dict[str, Any]:
    done = poe(service, environment, "--json", *args)
    try:
        read: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    except ValueError:
        raise AssertionError(done.stdout) from None
    return read | {"code": done.returncode}


def contents(service: Path) -> dict[str, bytes]:
    """Every file, also those that git ignores."""
    return {
        name: (service / name).read_bytes() for name in files(service) if "__pycache__" not in name
    }
