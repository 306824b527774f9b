"""Whatever is answered is refused by name, or comes back unchanged from every file it went into."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from dotenv import dotenv_values
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic_settings import BaseSettings

from tests.conftest import make_once
from tests.rendering import FOLDER, files
from tests.test_questions import QUESTIONS

IN_ENV = {name: name.upper() for name in QUESTIONS if name.startswith("db_")}

HOSTILE = [
    *("", " ", " lead", "trail ", "a b", "'", '"', "`", "'''", '"""', "it's", 'say "hi"', "a`b`"),
    *("{{ 7*7 }}", "{% raw %}", "{# x #}", "{{ _copier_conf }}", "{%", "}}", "${{ secrets.X }}"),
    *("a\nb", "a\r\nb", "a\tb", "a\x00b", "\x1b[31m", "\x7f", "\x85", "\u2028", "\ud800", "\ufeff"),
    *("🎉", "שלום", "\u202eabc", "Ünïcödé", "数据", "\uff41\uff42", "e\u0301", "ß"),
    *("1abc", "-x", "--help", "_", "9" * 10, "0", "65535", "0x1F", "1e3", "\uff11\uff12"),
    *("class", "import", "None", "true", "null", "~", "yes", "no", "select", "user", "postgres"),
    *("fastapi", "FastAPI", "sqlalchemy", "alembic", "pytest", "app", "test", "x" * 200),
    *(".", "..", "../../etc/passwd", "/etc/passwd", "C:\\Windows", "con", "a/b", "~/x"),
    *("%", "%(x)s", "%s", "100%", "$", "$HOME", "${HOME}", "$(id)", "`id`", "$$", "#", "# x"),
    *("\\", "a\\nb", "\\u0041", "a\\", ";", "a;b", "&", "*a", "!x", "|", ">", "- a", "a: b", "? a"),
    *("[", "]", "{", "}", "[a]", "{a: b}", "@", "a@b", "=", "a=b", ",", "<!--", "</script>"),
]

# What an answer is printed in; the rest of a service is the same for all.
ANSWERED = {"pyproject.toml", ".env", ".env.example", "README.md", ".copier-answers.yml"}
PRINTED = ("pyproject.toml*", ".env*", "README.md*", "{{_copier_conf.answers_file}}.jinja")


class Settings(BaseSettings, extra="ignore"):
    db_host: str
    db_port: int
    db_name: str
    db_username: str
    db_password: str


def check(source: Path, service: Path, question: str, answer: str) -> bool:
    """Whether the answer was accepted; either way the promise holds."""
    shutil.rmtree(service, ignore_errors=True)
    options: dict[str, Any] = {"defaults": True, "quiet": True, "unsafe": False}
    try:
        copier.run_copy(str(source), service, {question: answer}, **options)
    except ValueError as error:
        refusal = str(error)
        assert question in refusal
        assert not service.exists()
        return False
    assert files(service) == ANSWERED
    metadata = tomllib.loads((service / "pyproject.toml").read_text("utf-8"))["project"]
    kept = yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8"))
    env, example = (dotenv_values(service / name) for name in (".env", ".env.example"))
    read = Settings(_env_file=service / ".env").model_dump()  # type: ignore[call-arg]
    assert env | {"DB_PASSWORD": ""} == example
    if question == "db_password":
        assert question not in kept
        assert answer in ("", env["DB_PASSWORD"])
    else:
        assert kept[question] == answer
    if question == "project_name":
        assert (service / "README.md").read_text("utf-8").startswith(f"# {answer}\n")
    if question == "project_description":
        assert metadata["description"] == answer
    if question in IN_ENV and answer:
        assert env[IN_ENV[question]] == answer
        assert str(read[question]) == answer
    return True


@pytest.fixture(scope="session")
def small(shared: Path, source: Path) -> Path:
    """The template with nothing but the files that print an answer: it renders faster."""

    def make(folder: Path) -> None:
        (folder / "template").mkdir()
        shutil.copy(source / "copier.yml", folder)
        for pattern in PRINTED:
            for path in (source / "template").glob(pattern):
                shutil.copy(path, folder / "template")

    return make_once(shared / "small", make)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydantic-settings would prefer the environment of the tests."""
    for name in IN_ENV.values():
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_a_hostile_answer_is_refused_or_comes_back(
    small: Path, tmp_path: Path, quiet: None, question: str
) -> None:
    accepted = [each for each in HOSTILE if check(small, tmp_path / FOLDER, question, each)]
    assert len(accepted) < len(HOSTILE)


@pytest.mark.parametrize("question", sorted(QUESTIONS))
@settings(
    max_examples=200,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(answer=st.text(max_size=80) | st.from_regex(r"\A[ -~]{1,70}\Z") | st.from_regex(r"\A\w+\Z"))
def test_a_generated_answer_is_refused_or_comes_back(
    small: Path, tmp_path: Path, quiet: None, question: str, answer: str
) -> None:
    check(small, tmp_path / FOLDER, question, answer)
