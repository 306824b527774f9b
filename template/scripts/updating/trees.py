"""The files of a version: where they are, and what they hold, as git stores it."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from scripts.updating.git import ENVIRONMENT, Failed, git, git_path, text

LINK = "120000"
NOTHING = "0" * 40


class Entry(NamedTuple):
    mode: str
    oid: str

    @property
    def is_file(self) -> bool:
        return self.mode.startswith("100")


Tree = dict[str, Entry]


def parse(listing: bytes) -> Tree:
    tree: Tree = {}
    for line in os.fsdecode(listing).split("\0"):
        if line:
            about, path = line.split("\t", 1)
            mode, *rest = about.split()
            tree[path] = Entry(mode, next(part for part in rest if len(part) >= len(NOTHING)))
    return tree


def list_tree(treeish: str) -> Tree:
    return parse(git("ls-tree", "-r", "-z", "--full-tree", treeish))


def snapshot(folder: Path) -> Tree:
    """The files of a folder outside the repository, stored in it."""
    index = folder.with_name(f"{folder.name}.index")
    index.unlink(missing_ok=True)
    place = (f"--git-dir={git_path('.')}", f"--work-tree={folder}")
    git(*place, "add", "--force", "--all", ".", index=index, cwd=folder)
    return parse(git(*place, "ls-files", "--stage", "-z", index=index, cwd=folder))


def write_tree(tree: Mapping[str, Entry]) -> str:
    with TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        listed = "".join(f"{mode} {oid}\t{path}\0" for path, (mode, oid) in tree.items())
        git("update-index", "-z", "--index-info", stdin=os.fsencode(listed), index=index)
        return git("write-tree", index=index).decode().strip()


def read_blobs(oids: Iterable[str]) -> dict[str, bytes]:
    asked = sorted(set(oids))
    if not asked:
        return {}
    found, at = {}, 0
    answer = git("cat-file", "--batch", stdin="\n".join(asked).encode())
    for oid in asked:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].split()[2])
        found[oid] = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
    return found


def write_blobs(contents: Mapping[str, bytes]) -> dict[str, str]:
    """Store contents; the object of each."""
    if not contents:
        return {}
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(contents))]
        for path, content in zip(paths, contents.values(), strict=True):
            path.write_bytes(content)
        asked = "".join(f"{path}\n" for path in paths).encode()
        oids = git("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=asked)
        return dict(zip(contents, oids.decode().split(), strict=True))


def merge_file(folder: Path, base: bytes, ours: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Merge as git does; whether nothing is left to merge."""
    if base == ours or theirs in (base, ours):
        return (theirs if base == ours else ours), True
    sides = {"ours": ours, "base": base, "theirs": theirs}
    for name, content in sides.items():
        (folder / name).write_bytes(content)
    labels = ("before updating", "last update", "after updating")
    command = ["git", "merge-file", "-p", *(f"-L{label}" for label in labels), *sides]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, check=False)
    # The exit code is the number of conflicts, 127 at most.
    if not 0 <= done.returncode < 128:
        raise Failed(f"`git merge-file` failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout, done.returncode == 0


def head_tree() -> Tree:
    """The service's files in HEAD, by their paths in the service."""
    return list_tree(f"HEAD:{prefix()}")


@cache
def prefix() -> str:
    """Where the service is in its repository: "" or a folder with a slash behind it."""
    return text("rev-parse", "--show-prefix")


@cache
def top() -> Path:
    return Path(text("rev-parse", "--show-toplevel"))
