"""The service as a user gets it: a copy of the working tree, with an environment of its own."""

import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import copier

from tests.rendering import FOLDER, ROOT, clean_environment, copy_source, find_python, run, uv
from tests.test_twins import ASYNCHRONOUS, RULES

FEATURES = 60


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


def replace(file: Path, old: str, new: str) -> None:
    source = file.read_text("utf-8")
    if source.count(old) != 1:
        sys.exit(f"{file.name} has changed, and the benchmark has not: {old!r} is not in it once.")
    file.write_text(source.replace(old, new), "utf-8")


def without_middleware(service: Path) -> None:
    main = service / "app" / "main.py"
    call = re.search(r"^    add_middleware\(\n.*?^    \)\n", main.read_text("utf-8"), re.S | re.M)
    replace(main, call[0] if call else "add_middleware", "")


def with_sixty_features_more(service: Path) -> None:
    """All before the users, whom a request would find last if it had to look through them."""
    users = "api_router.include_router(users_router)\n"
    more = f"""for number in range({FEATURES}):
    api_router.include_router(items_router, prefix=f"/feature-{{number}}")
"""
    replace(service / "app" / "routes.py", users, more + users)


def render(folder: Path, python: str) -> Rendered:
    source, environment = folder / "source", folder / "environment"
    copy_source(source)
    services = {}
    for colour in ("async", "sync"):
        services[colour] = folder / colour / FOLDER
        answers = {"default_session": colour}
        copier.run_copy(str(source), services[colour], answers, defaults=True, quiet=True)
    make_synchronous(services["sync"] / "app" / "users" / "router.py")
    for name, change in {"bare": without_middleware, "more": with_sixty_features_more}.items():
        services[name] = shutil.copytree(services["async"], folder / name / FOLDER)
        change(services[name])
    variables = clean_environment(UV_PROJECT_ENVIRONMENT=str(environment))
    synced = run([uv(), "sync", "--quiet", "--python", python], services["async"], variables)
    if synced.returncode:
        sys.exit(f"The rendered service could not be installed:\n{synced.stdout}")
    return Rendered(services, environment)
