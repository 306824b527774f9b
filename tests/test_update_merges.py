"""Fewer conflicts than git has: formatters, Dependabot, and files that the template moves."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.commanding import Recorded, record, report
from tests.conftest import Lived, make_once
from tests.rendering import FOLDER, RUFF, files, run
from tests.team import STORIES
from tests.updating import (
    NOW,
    Edit,
    conflicts,
    copy,
    edit,
    edits,
    invent,
    owned_by_the_template,
    read,
    save,
    written,
)

STYLE = """\
line-length = 79

[tool.ruff.format]
quote-style = "single"

[tool.ruff.lint.isort]
force-sort-within-sections = true
"""


def tell(story: str, service: Path, lost: list[str]) -> None:
    print(f"{story}: {len(conflicts(service))} conflicts, {len(lost)} lost lines")  # noqa: T201


def all_of_it(service: Path) -> None:
    for chapter in STORIES["all of it"]:
        chapter(service)


def ruff(service: Path, *args: str) -> str:
    done = run([*RUFF, *args, "--no-cache", "app", "migrations", "scripts", "tests"], service)
    return done.stdout if done.returncode else ""


def format_differently(service: Path) -> None:
    """Shorter lines, single quotes, another order of the imports."""
    pyproject = service / "pyproject.toml"
    text = read(pyproject)
    pyproject.write_text(text.replace("line-length = 100\n", STYLE, 1))
    assert read(pyproject) != text
    ruff(service, "check", "--select=I", "--fix")
    ruff(service, "format")


def carriage_returns(service: Path) -> None:
    """As an editor on Windows leaves them, where nothing makes git take them out."""
    (service / ".gitattributes").unlink()
    save(service, "No attributes")  # git would still take them from its index
    for name in files(service):
        content = (service / name).read_bytes()
        (service / name).write_bytes(content.replace(b"\n", b"\r\n"))


def change_lines_everywhere(template: Path) -> None:
    """A longer name on many lines, so that some break elsewhere."""
    for path in (template / "template" / "app").rglob("*.py"):
        path.write_text(re.sub(r"\b(response|statement|message)\b", r"\1_of_it", read(path)))


def test_a_team_that_formats_differently_has_no_conflicts(
    template: Path, shared: Path, tmp_path: Path
) -> None:
    pair = make_once(
        shared / "lines",
        lambda folder: make_pair(template, folder, unchanged, change_lines_everywhere),
    )
    lived = Path(shutil.copytree(pair / "first" / FOLDER, tmp_path / FOLDER))
    plain = shutil.copytree(lived, lived.with_name("plain"))
    format_differently(plain)
    all_of_it(lived)
    format_differently(lived)
    before = shutil.copytree(lived, lived.with_name("before"))
    save(lived, "Ours")
    said = report(lived, Recorded(pair).environment())
    lost = written(plain, before).lost(lived)
    tell("another format", lived, lost)
    assert (said["code"], said["left"], lost) == (0, [], [])
    assert ruff(lived, "format", "--check") == ""
    assert ruff(lived, "check", "--select=I") == ""
    assert any("message_of_it" in read(path) for path in (lived / "app").rglob("*.py"))


def test_a_team_with_carriage_returns_has_no_conflicts(service: Lived, recorded: Recorded) -> None:
    lived = service()
    all_of_it(lived)
    carriage_returns(lived)
    before = shutil.copytree(lived, lived.with_name("before"))
    save(lived, "Ours")
    said = report(lived, recorded.environment())
    lost = written(service(name="plain"), before).lost(lived)
    tell("carriage returns", lived, lost)
    assert (said["code"], said["left"], lost) == (0, [], []), said["message"]
    for name in ("app/main.py", "pyproject.toml", "app/users/models.py"):
        content = (lived / name).read_bytes()
        assert content.startswith(b"# future\r\n"), name
        assert content.count(b"\r\n") == content.count(b"\n"), name


@pytest.mark.parametrize("story", STORIES)
def test_the_future_reaches_a_team_by_poe_update(
    service: Lived, recorded: Recorded, story: str
) -> None:
    lived = service()
    before = shutil.copytree(lived, lived.with_name("before"))
    for chapter in STORIES[story]:
        chapter(lived)
    team = written(before, lived)
    save(lived, "Ours")
    said = report(lived, recorded.environment())
    tell(f"{story}, by poe update", lived, team.lost(lived))
    assert (said["code"], said["left"], team.lost(lived)) == (0, [], [])
    for name in set(owned_by_the_template()) - team.gone - {".copier-answers.yml"}:
        assert read(lived / name).startswith("# future\n") is (name != ".editorconfig"), name


@settings(
    max_examples=5,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=edits)
def test_no_history_loses_a_line_by_poe_update(
    template: Path, recorded: Recorded, shared: Path, tmp_path: Path, history: list[Edit]
) -> None:
    note(str(history))
    untouched = make_once(shared / "untouched", lambda folder: copy(template, folder, NOW))
    lived = tmp_path / FOLDER
    shutil.rmtree(lived, ignore_errors=True)
    shutil.copytree(untouched, lived)
    for each in history:
        edit(lived, *each)
    # What updates must itself run.
    shutil.rmtree(lived / "scripts")
    shutil.copytree(untouched / "scripts", lived / "scripts")
    team = written(untouched, lived)
    save(lived, "Ours")
    said = report(lived, recorded.environment())
    assert said["code"] == (3 if said["left"] else 0), said
    assert team.lost(lived) == []


CHECKOUT, SETUP = "actions/checkout", "astral-sh/setup-uv"


def pin(service: Path, action: str, commit: str, version: str) -> None:
    for path in (service / ".github" / "workflows").glob("*.yml"):
        pattern = rf"{action}@\w+ # v[\d.]+"
        path.write_text(re.sub(pattern, f"{action}@{commit * 40} # v{version}", read(path)))


def bump(service: Path, name: str, pattern: str, version: str) -> None:
    path = service / name
    text = read(path)
    path.write_text(re.sub(pattern, lambda found: found[1] + version, text))
    assert read(path) != text, (name, pattern)


def template_bumps(template: Path) -> None:
    service = template / "template"
    pin(service, CHECKOUT, "a", "8.0.0")
    pin(service, SETUP, "b", "10.5.0")
    bump(service, "pyproject.toml", r'("structlog>=)[\d.]+', "27.10.0")
    bump(service, "pyproject.toml", r'("alembic>=)[\d.]+', "1.21")
    bump(service, "pyproject.toml", r'("asyncpg>=)[\d.]+', "0.33.0")
    bump(service, "Dockerfile", r"(FROM python:)[\d.]+", "3.14")
    bump(service, "compose.yml", r"(image: postgres:)\d+", "19")


def dependabot(service: Path) -> None:
    pin(service, CHECKOUT, "c", "7.9.0")
    pin(service, SETUP, "d", "11.0.0")
    bump(service, "pyproject.toml", r'("structlog>=)[\d.]+', "27.9.1")
    bump(service, "pyproject.toml", r'("alembic>=)[\d.]+', "1.22.0")
    bump(service, "pyproject.toml", r'("fastapi\[[\w-]+\]>=)[\d.]+', "0.170.0")
    bump(service, "Dockerfile", r"(FROM python:)[\d.]+", "3.15")
    bump(service, "compose.yml", r"(image: postgres:)\d+", "18.6")


def unchanged(_: Path) -> None:
    pass


def make_pair(
    template: Path, folder: Path, old: Callable[[Path], object], new: Callable[[Path], object]
) -> None:
    """Two invented versions, recorded, and the first of them as a service."""
    invent(template, folder / "template", v10000=old, v10001=new)
    record(folder / "template", folder, "10000.0.0", "10001.0.0")
    copy(folder / "template", folder / "first" / FOLDER, "10000.0.0")


def test_a_year_of_dependabot_has_no_conflicts(
    template: Path, shared: Path, tmp_path: Path
) -> None:
    pair = make_once(
        shared / "bumps", lambda folder: make_pair(template, folder, unchanged, template_bumps)
    )
    lived = Path(shutil.copytree(pair / "first" / FOLDER, tmp_path / FOLDER))
    dependabot(lived)
    save(lived, "A year")
    (lived / "uv.lock").write_text("version = 1\n")  # as `uv run` leaves it, where none is kept
    said = report(lived, Recorded(pair).environment())
    tell("Dependabot", lived, [])
    assert (said["code"], said["left"]) == (0, [])
    workflow = read(lived / ".github" / "workflows" / "ci.yml")
    assert f"{CHECKOUT}@{'a' * 40} # v8.0.0" in workflow
    assert f"{SETUP}@{'d' * 40} # v11.0.0" in workflow
    project = read(lived / "pyproject.toml")
    for bound in ("structlog>=27.10.0", "alembic>=1.22.0", "asyncpg>=0.33.0", "]>=0.170.0"):
        assert bound in project
    assert "FROM python:3.15-slim" in read(lived / "Dockerfile")
    assert "image: postgres:19\n" in read(lived / "compose.yml")


def test_another_operator_is_a_conflict(template: Path, shared: Path, tmp_path: Path) -> None:
    """Who writes `==` has a reason, which no number knows."""
    pair = make_once(
        shared / "bumps", lambda folder: make_pair(template, folder, unchanged, template_bumps)
    )
    lived = Path(shutil.copytree(pair / "first" / FOLDER, tmp_path / FOLDER))
    bump(lived, "pyproject.toml", r'("structlog)>=[\d.]+', "==26.2.0")
    save(lived, "Ours")
    said = report(lived, Recorded(pair).environment())
    assert [each["path"] for each in said["left"]] == ["pyproject.toml"]


def before_the_move(template: Path) -> None:
    pack = template / "template" / "app" / "pack"
    (pack / "rest").mkdir(parents=True)
    for name in ("__init__.py", "rest/__init__.py"):
        (pack / name).write_text("")
    (pack / "health.py").write_text(
        'def is_alive() -> bool:\n    """Whether it is."""\n    return True\n'
    )
    (pack / "rest" / "text.py").write_text('SEPARATOR = ","\n')
    (pack / "rest" / "pages.py").write_text(
        "from app.pack.rest.text import SEPARATOR\n\n\n"
        "def count(text: str) -> int:\n    return len(text.split(SEPARATOR))\n\n\n"
        "def first(text: str) -> str:\n    return text.split(SEPARATOR)[0]\n"
    )


def after_the_move(template: Path) -> None:
    before_the_move(template)
    pack = template / "template" / "app" / "pack"
    (pack / "rest").rename(pack / "web")
    (pack / "ops").mkdir()
    (pack / "ops" / "__init__.py").write_text("")
    (pack / "health.py").rename(pack / "ops" / "life.py")
    pages = pack / "web" / "pages.py"
    pages.write_text(
        read(pages).replace("app.pack.rest", "app.pack.web")
        + "\n\ndef last(text: str) -> str:\n    return text.split(SEPARATOR)[-1]\n"
    )
    with (template / "template" / "scripts" / "moves.toml").open("a") as table:
        for old, new in {"rest": "web", "health.py": "ops/life.py"}.items():
            table.write(f'\n[[move]]\nfrom = "app/pack/{old}"\nto = "app/pack/{new}"\n')


OURS = """\
import app.pack.rest.text as words
from app.pack import health, rest
from app.pack.rest.pages import count, first
from app.pack.rest.team import ours

assert (count("a,b"), first("a,b"), ours(), words.SEPARATOR) == (2, "a", 1, ",")
assert health.is_alive() and rest.__name__ == "app.pack.web"
"""


def test_a_team_s_edits_follow_what_the_template_moves(
    template: Path, shared: Path, tmp_path: Path
) -> None:
    pair = make_once(
        shared / "moves",
        lambda folder: make_pair(template, folder, before_the_move, after_the_move),
    )
    lived = Path(shutil.copytree(pair / "first" / FOLDER, tmp_path / FOLDER))
    pages = lived / "app" / "pack" / "rest" / "pages.py"
    pages.write_text(read(pages).replace("len(text.split(SEPARATOR))", "text.count(SEPARATOR) + 1"))
    (lived / "app" / "pack" / "rest" / "team.py").write_text("def ours() -> int:\n    return 1\n")
    (lived / "app" / "ours.py").write_text(OURS)
    save(lived, "Ours")

    said = report(lived, Recorded(pair).environment())

    assert (said["code"], said["left"]) == (0, []), said
    pack = lived / "app" / "pack"
    assert not (pack / "rest").exists()
    assert not (pack / "health.py").exists()
    moved = read(pack / "web" / "pages.py")
    assert "text.count(SEPARATOR) + 1" in moved
    assert "def last(" in moved
    assert ruff(lived, "check", "--select=I,F") == ""
    imported = run([sys.executable, "-c", "import app.ours"], lived)
    assert imported.returncode == 0, imported.stdout
    notes = {each["path"]: each["why"] for each in said["notes"]}
    assert notes["app/pack/rest"] == "moved to app/pack/web"
