"""Versions of the template, and what an update leaves of what a team wrote."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import copier
from copier import VcsRef
from packaging.version import Version

from tests.rendering import ROOT, commit, copy_source, files, git

PARTS = ("copier.yml", "template")
MARKER = re.compile("^<<<<<<< before updating", re.MULTILINE)
OPTIONS: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": False}
NOW, FUTURE = "9998.0.0", "9999.0.0"
FIRST_PROMISED = Version("0.2.0")


def replace_source(template: Path, fill: Callable[[Path], object]) -> None:
    for part in PARTS:
        path = template / part
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    fill(template)


def release(template: Path, version: str) -> None:
    git(template, "add", "--all")
    git(template, "commit", "--quiet", "--allow-empty", f"--message={version}")
    git(template, "tag", version)


def released() -> dict[str, str]:
    """The versions of this repository's own history, each with the commit that it came in with."""
    log = git(ROOT, "log", "--reverse", "--format=%H", "--", "pyproject.toml").split()
    versions: dict[str, str] = {}
    for revision in log:
        text = git(ROOT, "show", f"{revision}:pyproject.toml")
        if found := re.search(r'^version = "(.+)"$', text, re.MULTILINE):
            versions.setdefault(found[1], revision)
    return versions


def promised() -> list[str]:
    """The released versions whose updates lose no line, however a service was changed."""
    return [version for version in released() if Version(version) >= FIRST_PROMISED]


def archive(revision: str) -> Callable[[Path], object]:
    def fill(template: Path) -> None:
        archived = template / "archive.tar"
        git(ROOT, "archive", f"--output={archived}", revision, *PARTS)
        shutil.unpack_archive(archived, template, filter="data")
        archived.unlink()

    return fill


def make_template(folder: Path) -> Path:
    """Every released version, then the working tree as version NOW, then an invented FUTURE."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    for version, revision in released().items():
        replace_source(folder, archive(revision))
        release(folder, version)
    replace_source(folder, copy_source)
    release(folder, NOW)
    make_future(folder)
    release(folder, FUTURE)
    return folder


def owned_by_the_template() -> list[str]:
    return [name for name, kind in classes().items() if kind == "template"]


def classes() -> dict[str, str]:
    """tests/files.txt: every path of a rendered service, and its class."""
    lines = (ROOT / "tests" / "files.txt").read_text("utf-8").splitlines()
    pairs = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return {path: kind for kind, path in pairs}


def make_future(template: Path) -> None:
    """Change every file, add a feature and a question, add and remove a file, bump dependencies."""
    source = template / "template"
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.startswith("{{") and path.name != "router_sync.py":
            if path.suffix == ".jinja" and path.with_suffix("").exists():
                continue  # it includes the plain file, which is changed
            path.write_text(f"# future\n{path.read_text('utf-8')}", "utf-8")
    for name in ("users", "items"):
        path = source / "app" / name / "router_sync.py"
        path.write_text(f"# future\n{path.read_text('utf-8')}", "utf-8")

    audit = source / "app" / "audit"
    audit.mkdir()
    (audit / "__init__.py").write_text("")
    (audit / "service.py").write_text('"""What happened, and when."""\n')
    (source / "SECURITY.md").write_text("Report what you find.\n")
    (source / ".editorconfig").unlink()

    pyproject = source / "pyproject.toml"
    text = pyproject.read_text("utf-8")
    bumped = re.sub(r'"structlog>=26\.1\.0"', '"structlog>=26.1"', text)
    assert bumped != text
    pyproject.write_text(bumped, "utf-8")

    questions = (template / "copier.yml").read_text("utf-8")
    question = "region:\n  type: str\n  help: Where it runs\n  default: eu\n\n"
    # A file that leaves the template stays in _exclude: else an update would delete the team's.
    kept = questions.replace("_exclude:\n", "_exclude:\n  - .editorconfig\n", 1)
    assert kept != questions
    (template / "copier.yml").write_text(question + kept, "utf-8")


def copy(template: Path, destination: Path, version: str, **answers: Any) -> Path:
    copier.run_copy(str(template), destination, answers, vcs_ref=version, **OPTIONS)
    commit(destination)
    return destination


def update(service: Path, version: str | VcsRef = FUTURE, **answers: Any) -> None:
    save(service, "What the team did")
    copier.run_update(service, answers, vcs_ref=version, overwrite=True, **OPTIONS)


def flip(service: Path, **answers: Any) -> None:
    """Change an answer, and stay at the version."""
    update(service, VcsRef.CURRENT, **answers)


def save(service: Path, message: str) -> None:
    git(service, "add", "--all")
    git(service, "commit", "--quiet", "--allow-empty", f"--message={message}")


def conflicts(service: Path) -> list[str]:
    """The files with a marker, and the hunks that found no place."""
    return sorted(
        name
        for name in files(service)
        if name.endswith(".rej") or MARKER.search(read(service / name))
    )


def read(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


class Written(NamedTuple):
    """What a team wrote, noted down line by line before the update."""

    lines: dict[str, list[str]]
    gone: set[str]

    def lost(self, service: Path) -> list[str]:
        """Lines that are in their file no longer, and files that came back."""
        lost = [
            f"{name}: {line}"
            for name, lines in self.lines.items()
            for line in lines
            if line not in (read(service / name).splitlines() if (service / name).exists() else [])
        ]
        return lost + [f"{name} came back" for name in self.gone if (service / name).exists()]


def written(before: Path, after: Path) -> Written:
    """Compare a service with its first state."""
    old, new = files(before), files(after)
    lines = {}
    for name in new:
        known = read(before / name).splitlines() if name in old else []
        lines[name] = [x for x in read(after / name).splitlines() if x.strip() and x not in known]
    return Written({name: found for name, found in lines.items() if found}, old - new)


def insert(path: Path, after: str, *lines: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(f"{after}\n") == 1, (path, after)
    path.write_text(text.replace(f"{after}\n", "\n".join([after, *lines, ""])), "utf-8")


def remove_line(path: Path, line: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(f"{line}\n") == 1, (path, line)
    path.write_text(text.replace(f"{line}\n", ""), "utf-8")
