"""What `poe ddl` refuses, and how a revision excepts a rule."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config

from scripts import ddl
from tests.conftest import ROOT

REVISION = '''"""scratch"""

import sqlalchemy as sa
from alembic import op

revision = {!r}
down_revision = {!r}
branch_labels = None
depends_on = None
{}

def upgrade() -> None:
    {}
'''
CONCURRENTLY = """with op.get_context().autocommit_block():
        op.create_index("ix", "things", ["n"], postgresql_concurrently=True)"""
NEW_TABLE = """op.create_table("orders", sa.Column("n", sa.Integer(), nullable=False))
    op.create_index("ix", "orders", ["n"])"""
READ = 'op.get_bind().execute(sa.text("SELECT 1")).scalar()'
DROP = 'op.drop_column("things", "n")'

Refused = Callable[..., str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """What is said against a revision with this body, after one that the main branch has."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(tmp_path))
    merged = tmp_path / "merged.py"
    merged.write_text(REVISION.format("merged", None, "", DROP), "utf-8")
    known = {Path(os.path.relpath(merged, ROOT)).as_posix()}

    def refused(body: str, *comments: str) -> str:
        text = REVISION.format("scratch", "merged", "\n".join(comments), body)
        (tmp_path / "scratch.py").write_text(text, "utf-8")
        return "".join(ddl.find_danger(config, known))

    return refused


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (
            'op.add_column("things", sa.Column("n", sa.Integer(), nullable=False))',
            "adding-required-field",
        ),
        ('op.create_index("ix", "things", ["n"])', "require-concurrent-index-creation"),
        ('op.alter_column("things", "n", type_=sa.BigInteger())', "changing-column-type"),
        (DROP, "ban-drop-column"),
    ],
)
def test_a_dangerous_revision_is_refused_by_name(refused: Refused, body: str, rule: str) -> None:
    said = refused(body)
    assert "scratch.py, as SQL" in said
    assert rule in said


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        NEW_TABLE,
        CONCURRENTLY,
        'op.add_column("things", sa.Column("n", sa.String(40), nullable=True))',
        'op.add_column("things", sa.Column("n", sa.Integer(), server_default="1", nullable=False))',
    ],
)
def test_a_harmless_revision_passes(refused: Refused, body: str) -> None:
    assert refused(body) == ""


def test_a_rule_is_excepted_by_a_comment_of_the_revision(refused: Refused) -> None:
    assert refused(DROP, "# squawk-ignore-file ban-drop-column") == ""
    assert "ban-drop-column" in refused(DROP, "# squawk-ignore-file renaming-column")
    assert "unknown name ban-drop-colunm" in refused(DROP, "# squawk-ignore-file ban-drop-colunm")


def test_a_revision_that_reads_rows_says_how_it_is_linted(refused: Refused) -> None:
    said = refused(READ)
    assert "scratch.py needs a database to write its SQL" in said
    assert refused(f"if not op.get_context().as_sql:\n        {READ}") == ""


def test_what_the_main_branch_has_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*args: str) -> None:
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        done = subprocess.run(["git", *identity, *args], cwd=tmp_path, check=False)
        assert done.returncode == 0

    def commit(name: str) -> None:
        path = tmp_path / "migrations" / "versions" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        git("add", "--all")
        git("-c", "commit.gpgsign=false", "commit", "--quiet", f"--message={name}")

    git("init", "--quiet", "--initial-branch=main")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert ddl.merged() == set()
    commit("a.py")
    assert ddl.merged() == set()
    commit("b.py")
    assert ddl.merged() == {"migrations/versions/a.py"}
    git("switch", "--quiet", "--create", "feature")
    commit("ç.py")
    assert ddl.merged() == {"migrations/versions/a.py", "migrations/versions/b.py"}
    git("switch", "--quiet", "main")
    git("merge", "--quiet", "--ff-only", "feature")
    commit("d.py")
    assert "migrations/versions/ç.py" in ddl.merged()
    monkeypatch.setenv("PATH", "")
    assert ddl.merged() == set()
