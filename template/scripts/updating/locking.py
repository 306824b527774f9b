"""uv.lock after an update: it belongs to the dependencies that were merged."""

import os
import shutil
import subprocess
from pathlib import Path, PurePosixPath

from scripts.updating.git import ENVIRONMENT, lines
from scripts.updating.results import Finding
from scripts.updating.trees import Entry, Tree, read_blobs, top, write_blobs

KEPT = {"pyproject.toml", "uv.lock", "uv.toml"}
LATER = "`uv lock`, and commit it with the update"


def find_lock(tree: Tree, folder: str) -> str | None:
    """The committed lock of the service: its own, or that of the workspace it is in."""
    service = PurePosixPath(folder or ".") / "uv.lock"
    places = [parent / "uv.lock" for parent in service.parents]
    return next((str(place) for place in places if str(place) in tree), None)


def relock(
    before: Tree, after: Tree, folder: str, unmerged: set[str], work: Path
) -> tuple[Tree, list[Finding]]:
    """The tree with its lock renewed, or a word that it is not."""
    project, path = f"{folder}pyproject.toml", find_lock(after, folder)
    if path is None or before.get(project) == after.get(project):
        return after, []
    if project in unmerged:
        return after, [Finding(path, "it waits for pyproject.toml to be merged", LATER)]
    if lines("-C", str(top()), "status", "--porcelain", "--", path):
        return after, [Finding(path, "it is changed and not committed", LATER)]
    locked = lock(after, path, work)
    if locked is None:
        return after, [Finding(path, "uv could not lock the merged dependencies", LATER)]
    return after | {path: Entry(after[path].mode, write_blobs({path: locked})[path])}, []


def lock(tree: Tree, path: str, work: Path) -> bytes | None:
    """Lock a copy of what uv reads, so that nothing changes before everything can."""
    root = PurePosixPath(path).parent
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        return None
    inside = {
        name: entry
        for name, entry in tree.items()
        if PurePosixPath(name).name in KEPT and PurePosixPath(name).is_relative_to(root)
    }
    blobs = read_blobs(entry.oid for entry in inside.values())
    for name, entry in inside.items():
        (work / "lock" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "lock" / name).write_bytes(blobs[entry.oid])
    skipped = ("UV_LOCKED", "UV_FROZEN", "UV_PROJECT", "VIRTUAL_ENV")
    environment = {name: v for name, v in ENVIRONMENT.items() if name not in skipped}
    command = [uv, "lock", "--quiet"]
    where = work / "lock" / root
    done = subprocess.run(command, cwd=where, env=environment, capture_output=True, check=False)
    return (work / "lock" / path).read_bytes() if done.returncode == 0 else None
