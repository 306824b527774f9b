import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import copier
import pytest
from filelock import FileLock

from tests.commanding import Recorded, record
from tests.rendering import FOLDER, SETTINGS, clean_environment, commit, copy_source, run, uv
from tests.updating import NOW, copy, make_template

Render = Callable[..., Path]
Lived = Callable[..., Path]


class Environment(NamedTuple):
    """A virtual environment with everything that a rendered service depends on."""

    python: str
    folder: Path
    lock: Path

    def variables(self, **more: str) -> dict[str, str]:
        return clean_environment(
            UV_PROJECT_ENVIRONMENT=str(self.folder), UV_PYTHON=self.python, **more
        )


Environments = Callable[[str], Environment]


@pytest.fixture(scope="session", autouse=True)
def _settings() -> None:
    os.environ["COPIER_SETTINGS_PATH"] = str(SETTINGS)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the workers of pytest-xdist have in common."""
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)
    return shared


def make_once(folder: Path, make: Callable[[Path], object]) -> Path:
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.exists():
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


@pytest.fixture(scope="session")
def source(shared: Path) -> Path:
    """The template in a folder without git: Copier renders from it fastest."""
    return make_once(shared / "source", copy_source)


@pytest.fixture(scope="session")
def repository(shared: Path, source: Path) -> Path:
    """The template as a repository with one commit: what a clone is to a user."""

    def make(folder: Path) -> None:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        commit(folder)

    return make_once(shared / "repository", make)


@pytest.fixture(scope="session")
def render(shared: Path, source: Path) -> Render:
    """Render once for each set of answers. What comes back is shared: look, do not touch."""

    def render(**answers: Any) -> Path:
        def make(folder: Path) -> None:
            copier.run_copy(
                str(source), folder / FOLDER, answers, defaults=True, quiet=True, unsafe=False
            )

        return make_once(shared / f"render-{digest(answers)}", make) / FOLDER

    return render


@pytest.fixture
def project(render: Render, tmp_path: Path) -> Render:
    """A render of the test's own, to work in."""

    def project(**answers: Any) -> Path:
        return Path(shutil.copytree(render(**answers), tmp_path / FOLDER))

    return project


@pytest.fixture(scope="session")
def environment(shared: Path, render: Render) -> Environments:
    """One virtual environment for all the renders, for each version of Python."""

    def environment(python: str) -> Environment:
        folder = shared / f"environment-{digest(python)}"

        def make(unfinished: Path) -> None:
            service = Path(shutil.copytree(render(), unfinished / "service"))
            # Not in `unfinished`: a virtual environment does not survive being moved.
            venv = folder.with_name(f"{folder.name}-venv")
            variables = clean_environment(UV_PROJECT_ENVIRONMENT=str(venv))
            synced = run([uv(), "sync", "--python", python], service, variables)
            assert synced.returncode == 0, synced.stdout

        lock = make_once(folder, make) / "service" / "uv.lock"
        return Environment(python, folder.with_name(f"{folder.name}-venv"), lock)

    return environment


@pytest.fixture(scope="session")
def template(shared: Path) -> Path:
    """The template as a repository with every released version, this one and an invented one."""
    return make_once(shared / "versions", make_template)


@pytest.fixture
def service(template: Path, tmp_path: Path) -> Lived:
    """A service of one version, committed."""

    def service(version: str = NOW, name: str = FOLDER, **answers: str) -> Path:
        return copy(template, tmp_path / name, version, **answers)

    return service


@pytest.fixture(scope="session")
def recorded(template: Path, shared: Path) -> Recorded:
    """From this version to the invented one, without Copier's time."""
    return Recorded(make_once(shared / "recorded", lambda folder: record(template, folder)))
