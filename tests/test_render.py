import ast
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from dotenv import dotenv_values
from pytest_copie.plugin import Copie

from tests.conftest import Render
from tests.rendering import ANSWERS, FOLDER, RUFF, commit, files, git, run
from tests.updating import classes

JINJA = re.compile(r"(?<!\$)\{\{-? *\w|\{%|\{#")
ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[. ]$|^(?i:con|prn|aux|nul|com\d|lpt\d)(\.|$)')

every_answer_set = pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
plain_answer_sets = pytest.mark.parametrize(
    "answers", [ANSWERS["async"], ANSWERS["sync"]], ids=["async", "sync"]
)


def test_pytest_copie_copies_the_template(copie: Copie, source: Path) -> None:
    result = copie.copy(extra_answers={"project_name": "Order Service"}, template_dir=source)
    assert result.exception is None
    assert result.project_dir
    assert files(result.project_dir) == classes().keys()


@every_answer_set
def test_a_render_has_the_listed_files(render: Render, answers: dict[str, str]) -> None:
    assert files(render(**answers)) == classes().keys()


def test_an_update_treats_every_file_as_its_class_says(repository: Path, tmp_path: Path) -> None:
    """A template's is merged, a seam comes back when it is missing, a copy-only file does not."""
    template = Path(shutil.copytree(repository, tmp_path / "template"))
    git(template, "tag", "1.0.0")
    options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": False}
    service = tmp_path / FOLDER
    copier.run_copy(str(template), service, **options)
    for name, kind in classes().items():
        if kind != "template":
            (service / name).unlink()
    commit(service)

    for path in (template / "template").rglob("*"):
        if path.is_file() and "_copier_conf" not in path.name:
            path.write_text(f"# future\n{path.read_text('utf-8')}", "utf-8")
    git(template, "commit", "--all", "--quiet", "--message=Future")
    git(template, "tag", "2.0.0")
    copier.run_update(service, overwrite=True, **options)

    there = files(service)
    future = {name for name in there if "# future\n" in (service / name).read_text("utf-8")}
    kinds = classes()
    assert there == {name for name, kind in kinds.items() if kind != "copy-only"}
    assert future == there - {".copier-answers.yml"}


def test_a_second_copy_keeps_what_the_team_wrote(source: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": False}
    service = tmp_path / FOLDER
    copier.run_copy(str(source), service, **options)
    for name in classes().keys() - {".copier-answers.yml"}:
        (service / name).write_text("The team's.\n")
    copier.run_recopy(service, overwrite=True, **options)
    kept = {name for name in files(service) if (service / name).read_text() == "The team's.\n"}
    assert kept == {name for name, kind in classes().items() if kind != "template"}


def test_an_update_without_news_changes_nothing(repository: Path, tmp_path: Path) -> None:
    service = tmp_path / FOLDER
    options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": False}
    copier.run_copy(str(repository), service, {"db_password": "secret"}, **options)
    before = (service / ".env").read_text()
    commit(service)
    copier.run_update(service, overwrite=True, **options)
    assert git(service, "status", "--porcelain") == ""
    assert (service / ".env").read_text() == before


@plain_answer_sets
def test_no_jinja_is_left(render: Render, answers: dict[str, str]) -> None:
    service = render(**answers)
    for name in files(service):
        assert not JINJA.search((service / name).read_text("utf-8")), name


@every_answer_set
def test_every_file_parses_and_ends_with_one_newline(
    render: Render, answers: dict[str, str]
) -> None:
    parsers: dict[str, Callable[[str], object]] = {
        ".py": ast.parse,
        ".toml": tomllib.loads,
        ".yml": yaml.safe_load,
    }
    service = render(**answers)
    for name in files(service):
        text = (service / name).read_bytes().decode()
        parsers.get(Path(name).suffix, str)(text)
        assert "\r" not in text, name
        assert not text or re.search(r"[^\n]\n\Z", text), name


def test_the_project_called_app_is_the_template_itself(render: Render, source: Path) -> None:
    """Whatever a recipe includes comes out as it went in, but for the answers."""
    service = render(project_name="App", db_password="unused")
    template = source / "template"
    plain = files(service) & files(template)
    assert {"pyproject.toml", ".env.example", "app/users/router.py"} <= plain
    for name in plain:
        assert (service / name).read_bytes() == (template / name).read_bytes(), name


def test_the_routers_have_the_colour_of_the_answer(render: Render, source: Path) -> None:
    for feature in ("users", "items"):
        for answer, plain in {"async": "router.py", "sync": "router_sync.py"}.items():
            rendered = render(default_session=answer) / "app" / feature / "router.py"
            expected = source / "template" / "app" / feature / plain
            assert rendered.read_bytes() == expected.read_bytes()


def test_the_metadata_are_the_answers(render: Render) -> None:
    answers = ANSWERS["hostile"]
    service = render(**answers)
    metadata = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))["project"]
    assert metadata["name"] == "pfel-birnen-b-1-7-7-x-100-o-neil-home"
    assert metadata["description"] == answers["project_description"]
    example = dotenv_values(service / ".env.example")
    expected = {"DB_NAME": answers["db_name"], "DB_USERNAME": answers["db_username"]}
    assert expected.items() <= example.items()
    assert answers["project_name"] in (service / "README.md").read_text("utf-8")


@every_answer_set
def test_the_formatter_and_the_linter_change_nothing(
    project: Render, answers: dict[str, str]
) -> None:
    service = project(**answers)
    commit(service)
    for command in (["format"], ["check", "--fix", "--unsafe-fixes"]):
        run([*RUFF, *command, "."], service)
        assert git(service, "status", "--porcelain") == ""


def test_the_password_is_in_env_and_nowhere_else(project: Render) -> None:
    service = project(db_password="open sesame")
    commit(service)
    found = {n for n in files(service) if "open sesame" in (service / n).read_text("utf-8")}
    assert found == {".env"}
    assert ".env" not in git(service, "ls-files").splitlines()
    assert dotenv_values(service / ".env.example")["DB_PASSWORD"] == ""


def test_a_password_that_is_not_given_is_random(render: Render) -> None:
    passwords = [
        dotenv_values(render(default_session=answer) / ".env")["DB_PASSWORD"] or ""
        for answer in ("async", "sync")
    ]
    for password in passwords:
        assert re.fullmatch("[0-9a-f]{48}", password)
        assert len(set(password)) > 5
    assert len(set(passwords)) == 2


def test_env_differs_from_its_example_in_the_password_alone(render: Render) -> None:
    service = render(**ANSWERS["hostile"])
    env, example = (dotenv_values(service / name) for name in (".env", ".env.example"))
    assert env | {"DB_PASSWORD": ""} == example


def test_what_is_left_in_the_template_by_its_tools_is_not_copied(
    source: Path, tmp_path: Path
) -> None:
    template = Path(shutil.copytree(source, tmp_path / "template"))
    for name in (
        *(".env", ".DS_Store", ".coverage", "uv.lock", "app/main.pyc", ".venv/bin/python"),
        *(".postgres/data/base", ".mypy_cache/x", ".ruff_cache/x", "app/__pycache__/main.pyc"),
    ):
        path = template / "template" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left over")
    service = tmp_path / FOLDER
    copier.run_copy(str(template), service, defaults=True, quiet=True, unsafe=False)
    assert files(service) == classes().keys()
    assert "left over" not in (service / ".env").read_text()


def test_every_file_name_is_one_on_windows_too(source: Path) -> None:
    for name in files(source):
        assert not any(ON_WINDOWS.search(part) for part in name.split("/")), name
