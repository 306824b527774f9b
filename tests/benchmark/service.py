"""The service as a user gets it: a copy of the working tree, with an environment of its own."""

import re
import sys
from pathlib import Path
from typing import NamedTuple

import copier

from tests.rendering import FOLDER, ROOT, clean_environment, copy_source, find_python, run, uv
from tests.test_twins import ASYNCHRONOUS, RULES


class Rendered(NamedTuple):
    services: dict[str, Path]
    environment: Path

    @property
    def python(self) -> str:
        return self.program("python")

    def program(self, name: str) -> str:
        return str(self.environment / "bin" / name)


def python_of_the_image() -> str:
    """The image's Python if this machine has it, else the one that runs this."""
    dockerfile = (ROOT / "template" / "Dockerfile").read_text("utf-8")
    version = re.search(r"python:(\d+\.\d+)", dockerfile)
    return (version and find_python(version[1])) or sys.executable


def make_synchronous(router: Path) -> None:
    """The read by id stays asynchronous in a service of either colour; measured is one of each."""
    source = router.read_text("utf-8")
    start = source.index(ASYNCHRONOUS)
    end = source.index("\n\n\n", start)
    flipped = source[start:end]
    for pattern, replacement in RULES:
        flipped = re.sub(pattern, replacement, flipped, flags=re.MULTILINE)
    router.write_text(source[:start] + flipped + source[end:], "utf-8")


def render(folder: Path, python: str) -> Rendered:
    source, environment = folder / "source", folder / "environment"
    copy_source(source)
    services = {}
    for colour in ("async", "sync"):
        services[colour] = folder / colour / FOLDER
        answers = {"default_session": colour}
        copier.run_copy(str(source), services[colour], answers, defaults=True, quiet=True)
    make_synchronous(services["sync"] / "app" / "users" / "router.py")
    variables = clean_environment(UV_PROJECT_ENVIRONMENT=str(environment))
    synced = run([uv(), "sync", "--quiet", "--python", python], services["async"], variables)
    if synced.returncode:
        sys.exit(f"The rendered service could not be installed:\n{synced.stdout}")
    return Rendered(services, environment)
