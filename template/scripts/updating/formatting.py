"""Python files in the format of this service: by its own ruff, with its own settings."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.updating.git import ROOT

Files = Mapping[str, bytes]
SETTINGS = (".ruff.toml", "ruff.toml", "pyproject.toml")


def find_settings(folder: Path = ROOT) -> Path | None:
    """The settings that ruff would take: those of the nearest folder that has some."""
    for parent in (folder, *folder.parents):
        for name in SETTINGS:
            path = parent / name
            if path.is_file() and (name != "pyproject.toml" or "[tool.ruff" in path.read_text()):
                return path
    return None


def format_files(files: Files, beside: Iterable[str], settings: bytes | None) -> dict[str, bytes]:
    """The files, their imports sorted and their code formatted; as they were, where ruff cannot.

    `beside` are the paths of the service: ruff looks which modules are there, and so its own.
    `settings` replace the pyproject.toml of the service, where ruff reads that.
    """
    wanted = {path: content for path, content in files.items() if path.endswith(".py")}
    if not wanted:
        return {}
    with TemporaryDirectory() as name:
        folder = Path(name)
        empty = {path: b"" for path in beside if path.endswith(".py")}
        for path, content in (empty | wanted).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        found = find_settings()
        if found == ROOT / "pyproject.toml" and settings is not None:
            found = folder / "pyproject.toml"
            found.write_bytes(settings)
        given = ["--isolated"] if found is None else [f"--config={found}"]
        for command in (["check", "--select=I", "--fix-only"], ["format"]):
            run_ruff(
                folder, [*command, "--quiet", "--no-cache", "--force-exclude", *given, *wanted]
            )
        return {path: (folder / path).read_bytes() for path in wanted}


def run_ruff(folder: Path, args: list[str]) -> None:
    """A file that ruff cannot parse stays as it is; so do all without a ruff."""
    command = [sys.executable, "-m", "ruff", *args]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
