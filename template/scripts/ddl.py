"""`poe ddl`: squawk over the SQL of the revisions that the main branch does not have."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from io import StringIO
from itertools import chain
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import Script, ScriptDirectory

ROOT = Path(__file__).parents[1]
MAIN = ("origin/HEAD", "origin/main", "main")
EXCEPTION = re.compile("^# (squawk-ignore-file .+)", re.MULTILINE)
REMEDY = """\
Change the revision, or except a rule in it, and say why:

    # No release reads it any more.
    # squawk-ignore-file ban-drop-column"""


def git(*args: str) -> list[str]:
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def merged() -> set[str]:
    """The main branch's revisions, or on that branch itself those before its last commit."""
    if shutil.which("git") is None:
        return set()
    bases = chain.from_iterable(git("merge-base", "HEAD", branch) for branch in MAIN)
    if not (base := next(bases, "")):
        return set()
    if [base] == git("rev-parse", "HEAD"):
        base += "^"
    listing = ("ls-tree", "-r", "--name-only", base, "migrations/versions")
    return {*git("-c", "core.quotePath=false", *listing)}


def write_sql(config: Config, scripts: ScriptDirectory, revision: Script) -> str:
    """As `alembic upgrade --sql`, for this revision alone, also where it merges two others."""
    step = MigrationStep.upgrade_from_script(scripts.revision_map, revision)
    config.output_buffer = written = StringIO()
    with EnvironmentContext(
        config,
        scripts,
        fn=lambda *_: [step],
        as_sql=True,
        starting_rev=revision.down_revision or "base",
    ):
        scripts.run_env()
    return written.getvalue()


def lint(sql: str, name: str) -> str:
    squawk = shutil.which("squawk", path=sysconfig.get_path("scripts"))
    linted = subprocess.run(
        [squawk or "squawk", f"--stdin-filepath={name}, as SQL"],
        cwd=ROOT,
        input=sql,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return f"{linted.stdout}{linted.stderr}" if linted.returncode else ""


def find_danger(config: Config, known: set[str]) -> list[str]:
    """What squawk says against the revisions that are not known."""
    scripts = ScriptDirectory.from_config(config)
    said = []
    for revision in scripts.walk_revisions():
        name = os.path.relpath(revision.path, ROOT)
        if Path(name).as_posix() in known:
            continue
        try:
            sql = write_sql(config, scripts, revision)
        except Exception as error:
            said.append(
                f"{name} needs a database to write its SQL ({error!r}): put what reads rows"
                " under `if not op.get_context().as_sql:`."
            )
            continue
        exceptions = EXCEPTION.findall(Path(revision.path).read_text("utf-8"))
        said.append(lint("".join(f"-- {exception}\n" for exception in exceptions) + sql, name))
    return [sentence for sentence in reversed(said) if sentence]


def main() -> None:
    if said := find_danger(Config(toml_file=ROOT / "pyproject.toml"), merged()):
        sys.exit("\n".join([*said, REMEDY]))


if __name__ == "__main__":
    main()
