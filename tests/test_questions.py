import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import Render
from tests.rendering import FOLDER, ROOT, run

QUESTIONS = {
    "project_name",
    "project_description",
    "default_session",
    "db_host",
    "db_port",
    "db_name",
    "db_username",
    "db_password",
}
SETTINGS = {
    "_subdirectory",
    "_min_copier_version",
    "_envops",
    "_skip_if_exists",
    "_exclude",
    "_message_after_copy",
    "_message_after_update",
}
KEYS = {"type", "help", "default", "placeholder", "choices", "secret", "validator", "when"}

# A question, an answer that it refuses, and the reason that it gives.
REFUSED = [
    ("project_name", "", "contains no letter a-z and no digit"),
    ("project_name", "- _ .", "contains no letter a-z and no digit"),
    ("project_name", "数据", "contains no letter a-z and no digit"),
    ("project_name", "x" * 65, "longer than 64 characters"),
    ("project_name", "Order\nService", "control character"),
    ("project_name", "Order\x7f", "control character"),
    ("project_name", "Order\x85", "control character"),
    ("project_name", "Order\u2028", "control character"),
    ("project_name", "Order \udcff", "control character"),
    ("project_name", "FastAPI", "becomes the package 'fastapi'"),
    ("project_name", "pydantic.settings!", "becomes the package 'pydantic-settings'"),
    ("project_name", "Mako", "becomes the package 'mako'"),
    ("project_description", "two\nlines", "control character"),
    ("project_description", "a\x00", "control character"),
    ("default_session", "Async", "not in"),
    ("default_session", "", "not in"),
    ("db_host", "", "neither a host name"),
    ("db_host", "db.example.com:5432", "neither a host name"),
    ("db_host", "postgresql://db", "neither a host name"),
    ("db_host", "user@db", "neither a host name"),
    ("db_host", "db host", "neither a host name"),
    ("db_host", "db\n", "neither a host name"),
    ("db_host", "db'; DROP", "neither a host name"),
    ("db_host", "/run/$HOME", "neither a host name"),
    ("db_host", "x" * 254, "neither a host name"),
    ("db_port", "abc", "from 1 to 65535"),
    ("db_port", "0", "from 1 to 65535"),
    ("db_port", "65536", "from 1 to 65535"),
    ("db_port", "-1", "from 1 to 65535"),
    ("db_port", "5432\n", "from 1 to 65535"),
    ("db_port", "5432.0", "from 1 to 65535"),
    ("db_port", "", "from 1 to 65535"),
    *(
        (question, answer, reason)
        for question in ("db_name", "db_username")
        for answer, reason in (
            ("", "not a plain PostgreSQL identifier"),
            ("Orders", "not a plain PostgreSQL identifier"),
            ("1st", "not a plain PostgreSQL identifier"),
            ("order-service", "not a plain PostgreSQL identifier"),
            ('x"; DROP DATABASE y; --', "not a plain PostgreSQL identifier"),
            ("orders\n", "not a plain PostgreSQL identifier"),
            ("äpfel", "not a plain PostgreSQL identifier"),
            ("x" * 64, "not a plain PostgreSQL identifier"),
            ("user", "a word that PostgreSQL keeps for itself"),
            ("postgres", "a word that PostgreSQL keeps for itself"),
            ("pg_orders", "a word that PostgreSQL keeps for itself"),
        )
    ),
    ("db_password", "it's", "contains ' or \\"),
    ("db_password", "back\\slash", "contains ' or \\"),
    ("db_password", "${HOME}", "contains ' or \\"),
    ("db_password", "a\tb", "a control character"),
    ("db_password", "a\x00b", "a control character"),
]

ACCEPTED = [
    ("project_name", "x" * 64),
    ("project_name", "3D Shop"),
    ("project_name", "Order"),
    ("project_description", ""),
    ("db_host", "db.example.com"),
    ("db_host", "10.0.0.5"),
    ("db_host", "::1"),
    ("db_host", "/var/run/postgresql"),
    ("db_port", "1"),
    ("db_port", "65535"),
    ("db_name", "_"),
    ("db_username", "x" * 63),
    ("db_password", "$HOME $$ {x} $ {"),
]


def copier_yml() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    return loaded


def asked() -> dict[str, Any]:
    """What copier.yml asks; the rest of its questions are computed."""
    return {
        name: question
        for name, question in copier_yml().items()
        if not name.startswith("_") and question.get("when") is not False
    }


def copy(
    source: Path, destination: Path, answers: dict[str, Any], exclude: tuple[str, ...] = ()
) -> None:
    copier.run_copy(
        str(source),
        destination,
        answers,
        defaults=True,
        quiet=True,
        unsafe=False,
        exclude=exclude,
    )


@pytest.mark.parametrize(("question", "answer", "reason"), REFUSED)
def test_a_wrong_answer_is_refused_with_its_reason(
    source: Path, tmp_path: Path, question: str, answer: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=question) as refusal:
        copy(source, tmp_path / FOLDER, {question: answer})
    assert reason in str(refusal.value)
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_copier_says_on_the_command_line_which_answer_is_wrong(
    source: Path, tmp_path: Path, question: str
) -> None:
    answer = next(answer for name, answer, _ in REFUSED if name == question)
    command = [sys.executable, "-m", "copier", "copy", "--defaults"]
    done = run([*command, f"--data={question}={answer}", source, FOLDER], tmp_path)
    assert done.returncode != 0
    assert question in done.stdout.splitlines()[-1]
    assert not (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(("question", "answer"), ACCEPTED)
def test_an_unusual_answer_is_accepted(
    source: Path, tmp_path: Path, question: str, answer: str
) -> None:
    copy(source, tmp_path / FOLDER, {question: answer}, exclude=("app", "tests", "migrations"))
    assert (tmp_path / FOLDER).exists()


@pytest.mark.parametrize(
    ("folder", "name", "database"),
    [
        ("order-service", "Order Service", "order_service"),
        ("order_service.v2", "Order Service V2", "order_service_v2"),
        ("OrderAPI", "OrderAPI", "orderapi"),
        ("3d-shop", "3d Shop", "app_3d_shop"),
        ("user", "User", "app_user"),
        ("postgres", "Postgres", "app_postgres"),
        ("pg-tools", "Pg Tools", "app_pg_tools"),
        ("fastapi", "Fastapi Service", "fastapi_service"),
        ("数据", "数据 Service", "service"),
        ("it's $HOME", "it's $HOME", "it_s_home"),
        ("x" * 100, "X" + "x" * 55, "x" * 56),
    ],
)
def test_the_defaults_come_from_the_folder_and_are_valid(
    source: Path, tmp_path: Path, folder: str, name: str, database: str
) -> None:
    copy(source, tmp_path / folder, {}, exclude=("app", "tests", "migrations"))
    answers = yaml.safe_load((tmp_path / folder / ".copier-answers.yml").read_text("utf-8"))
    assert answers["project_name"] == name
    assert answers["db_name"] == answers["db_username"] == database


@pytest.mark.parametrize("name", ["x" * 64, "9" * 64, "Order", "pg " + "x" * 61])
def test_the_database_of_every_legal_name_is_a_legal_one(
    source: Path, tmp_path: Path, name: str
) -> None:
    copy(source, tmp_path / "first", {"project_name": name}, exclude=("app", "tests"))
    answers = yaml.safe_load((tmp_path / "first" / ".copier-answers.yml").read_text("utf-8"))
    given = {question: answers[question] for question in ("db_name", "db_username")}
    copy(source, tmp_path / "second", given, exclude=("app", "tests"))


def test_a_shell_reads_the_password_as_it_was_given(render: Render) -> None:
    password = """ p@ss:/%#?&$"` =é🎉; """
    env = render(db_password=password) / ".env"
    script = '. "$0"; printf %s "$DB_PASSWORD"'
    done = subprocess.run(["sh", "-c", script, env], capture_output=True, text=True, check=True)
    assert done.stdout == password


def test_the_questions_are_these() -> None:
    assert asked().keys() == QUESTIONS


def test_copier_yml_uses_known_keys_only() -> None:
    """Copier ignores what it does not know: a misspelt key would go unnoticed."""
    for name, question in copier_yml().items():
        if name.startswith("_"):
            assert name in SETTINGS
        else:
            assert name.isidentifier()
            assert question.keys() <= KEYS


def test_copier_yml_needs_no_trust() -> None:
    unsafe = {"_tasks", "_migrations", "_jinja_extensions"}
    assert not unsafe & copier_yml().keys()


def test_every_question_explains_itself() -> None:
    for question in asked().values():
        assert question["help"]
        assert "default" in question


def test_no_dependency_can_be_shadowed() -> None:
    """By a project of the same name, which uv would install in its place."""
    project = tomllib.loads((ROOT / "template" / "pyproject.toml").read_text("utf-8"))
    requirements = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    direct = {Requirement(text).name for text in requirements}
    assert direct <= set(copier_yml()["taken_names"]["default"].split())


def test_the_message_after_the_copy_names_the_commands_of_that_service(
    source: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "copier", "copy", "--defaults", str(source)]
    said = run([*command, "my shop"], tmp_path).stdout
    for line in ("cd 'my shop'\n", "git init && ", "uv run poe dev", "uv run pytest"):
        assert f"    {line}" in said
    (tmp_path / "here").mkdir()
    assert "cd " not in run([*command, "."], tmp_path / "here").stdout
