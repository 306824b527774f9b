"""What an update is about to change: written down before it does, so that it can be undone."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from scripts.updating.git import Failed, git, git_path
from scripts.updating.trees import LINK, NOTHING, Entry, read_blobs, top

NAME = "template-update.json"
SAVED = "template-update-saved"
SENTENCE = (
    "An update of the template was interrupted and is half done: restore what was there before it"
    " with `uv run poe update --restore`, then update again."
)
Change = tuple[Entry | None, Entry | None]


class Journal(NamedTuple):
    """Paths are from the top of the repository; each with what it was and what it becomes."""

    changes: dict[str, Change]

    def write(self) -> None:
        path = git_path(NAME)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8", errors="surrogateescape") as file:
            json.dump(self.changes, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)


def forget() -> None:
    git_path(NAME).unlink(missing_ok=True)


def read_journal() -> Journal | None:
    try:
        written = git_path(NAME).read_text("utf-8", errors="surrogateescape")
    except (OSError, Failed):
        return None
    changes = json.loads(written)
    read = {
        path: tuple(Entry(*entry) if entry else None for entry in entries)
        for path, entries in changes.items()
    }
    return Journal({path: (before, after) for path, (before, after) in read.items()})


def half_done() -> str | None:
    """The sentence that says so. Where everything is as it was, the journal is out of date."""
    journal = read_journal()
    if journal is None:
        return None
    there = find(journal.changes)
    if lock().exists() or any(there[p] != before for p, (before, _) in journal.changes.items()):
        return SENTENCE
    forget()
    return None


def lock() -> Path:
    return git_path("index.lock")


def find(paths: Iterable[str]) -> dict[str, Entry | None]:
    """What is at the paths of the work tree, as git would store it."""
    there: dict[str, Entry | None] = dict.fromkeys(paths)
    plain = []
    for path in there:
        full = top() / path
        if full.is_symlink():
            target = os.fsencode(full.readlink())
            oid = git("hash-object", "--stdin", stdin=target).decode().strip()
            there[path] = Entry(LINK, oid)
        elif full.is_file():
            plain.append(path)
    asked = os.fsencode("".join(f"{path}\n" for path in plain))
    oids = git("hash-object", "--stdin-paths", stdin=asked, cwd=top()) if plain else b""
    for path, oid in zip(plain, oids.decode().split(), strict=True):
        mode = "100755" if (top() / path).stat().st_mode & 0o100 else "100644"
        there[path] = Entry(mode, oid)
    return there


def restore(journal: Journal) -> list[Path]:
    """Put back what was there. What is neither that nor the update's is saved: its copies."""
    drop_lock()
    there = find(journal.changes)
    unknown = [path for path, was in there.items() if was and was not in journal.changes[path]]
    saved = [copy for path in unknown if (copy := save(path, journal.changes[path]))]
    for path, entry in there.items():
        if entry:
            (top() / path).unlink()
    before = {path: was for path, (was, _) in journal.changes.items()}
    listed = "".join(
        f"{was.mode} {was.oid}\t{path}\0" if was else f"0 {NOTHING}\t{path}\0"
        for path, was in before.items()
    )
    git("update-index", "-z", "--index-info", stdin=os.fsencode(listed), cwd=top())
    wanted = "".join(f"{path}\0" for path, was in before.items() if was)
    git("checkout-index", "--force", "--stdin", "-z", "-u", stdin=os.fsencode(wanted), cwd=top())
    for path in before:
        remove_empty(top() / path)
    forget()
    return saved


def drop_lock(patience: float = 2) -> None:
    """The lock of a git that was killed; one that still works removes its own in a moment."""
    until = monotonic() + patience
    while lock().exists():
        if monotonic() > until:
            lock().unlink(missing_ok=True)
        sleep(0.05)


def save(path: str, change: Change) -> Path | None:
    content = (top() / path).read_bytes()
    # A git that was killed may have written the beginning of a file.
    known = read_blobs(entry.oid for entry in change if entry).values()
    if any(blob.startswith(content) for blob in known):
        return None
    copy = git_path(SAVED) / path
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return copy


def remove_empty(path: Path) -> None:
    """The folders that the update made."""
    for parent in path.parents:
        if parent == top() or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()
