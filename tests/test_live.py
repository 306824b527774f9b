import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Environments, Render
from tests.rendering import (
    ANSWERS,
    ROOT,
    clean_environment,
    commit,
    find_python,
    git,
    oldest_python,
    run,
    uv,
)
from tests.serving import (
    Serving,
    close_the_terminal,
    ctrl_c_twice,
    free_port,
    left_in,
    poe_dev,
    serving,
    terminate,
)

USERS = "/api/v1/users"
ADA = {"email": "ada@example.com", "full_name": "Ada Lovelace"}
NOBODY = 65534


@pytest.fixture(scope="session")
def variables(environment: Environments) -> dict[str, str]:
    return environment(oldest_python()).variables()


def create_and_read_a_user(served: Serving) -> None:
    created = served.ask("POST", USERS, ADA)
    assert created.status == 201
    read = served.ask("GET", created.headers["Location"])
    assert read.status == 200
    assert read.body["email"] == ADA["email"]
    assert "Server-Timing" in read.headers


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_a_user_is_created_and_read_until_ctrl_c_stops_everything(
    project: Render, variables: dict[str, str], answers: dict[str, str]
) -> None:
    service = project(**answers)
    commit(service)
    with serving(service, variables) as served:
        create_and_read_a_user(served)
        checked = run([uv(), "run", "alembic", "check"], service, variables)
        assert checked.returncode == 0, checked.stdout
        assert left_in(service)
    assert "Traceback" not in served.log.read_text()
    assert git(service, "status", "--porcelain").splitlines() in ([], ["?? uv.lock"])


@pytest.mark.parametrize("stop", [ctrl_c_twice, terminate, close_the_terminal])
def test_what_was_written_is_there_after_a_stop_and_a_start(
    project: Render,
    variables: dict[str, str],
    stop: Callable[[subprocess.Popen[str]], None],
) -> None:
    service = project()
    with serving(service, variables, stop=stop) as served:
        location = served.ask("POST", USERS, ADA).headers["Location"]
    with serving(service, variables) as served:
        assert served.ask("GET", location).status == 200


def test_a_second_poe_dev_says_so_in_one_sentence(
    project: Render, variables: dict[str, str]
) -> None:
    service = project()
    with serving(service, variables) as served:
        second = run([uv(), *poe_dev(free_port())], service, variables, timeout=30)
        assert second.returncode != 0
        said = [line for line in second.stdout.splitlines() if not line.startswith("Poe =>")]
        assert said == ["`poe dev` is running here already: stop that one first."]
        assert served.is_ready()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that an ordinary user can reach: pytest's own are root's alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def python_for_everybody() -> str | None:
    """The oldest interpreter that lies where an ordinary user can reach it."""
    candidates = (find_python(f"/usr/bin/python3.{minor}") for minor in range(11, 20))
    return next((found for found in candidates if found), None)


def test_it_works_as_an_ordinary_user(render: Render, public: Path) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("every other test here runs as an ordinary user already: this is not root")
    if not shutil.which("setpriv"):
        pytest.skip("setpriv, which starts a command as another user, is not installed")
    python = python_for_everybody()
    if python is None:
        pytest.skip("there is no Python of at least 3.11 in /usr/bin, where everybody can reach it")

    service = Path(shutil.copytree(render(), public / "order-service"))
    # Copied, not linked: the owner of a linked file would change in uv's cache too.
    synced = run(
        [uv(), "sync", "--python", python], service, clean_environment(UV_LINK_MODE="copy")
    )
    assert synced.returncode == 0, synced.stdout
    uv_for_everybody = shutil.copy(Path(uv()).resolve(), public / "uv")
    home = public / "home"
    home.mkdir()
    for path in (public, *public.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    variables = clean_environment(
        HOME=str(home),
        UV=str(uv_for_everybody),
        UV_CACHE_DIR=str(home / "cache"),
        UV_NO_SYNC="1",
        UV_PYTHON=python,
    )
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
    with serving(service, variables, ["setpriv", *user, str(uv_for_everybody)]) as served:
        create_and_read_a_user(served)
    assert (service / ".postgres" / "data").stat().st_uid == NOBODY


def test_what_the_readme_and_the_message_after_the_copy_say_works(
    repository: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    clone = Path(shutil.copytree(repository, tmp_path / "template"))
    line = re.search(r"uvx copier (copy .+)", (ROOT / "README.md").read_text("utf-8"))
    assert line
    copy = f"{shlex.quote(sys.executable)} -m copier {line[1]}"
    copied = run(["sh", "-ec", copy], clone, variables)
    assert copied.returncode == 0, copied.stdout
    assert "Warning" not in copied.stdout
    commands = re.findall(r"^ {4}(.+?)(?: {2,}#.*)?$", copied.stdout, re.MULTILINE)
    assert commands[1:3] == ["uv run poe dev", "uv run pytest"]
    names = {f"GIT_{who}_NAME": "Somebody" for who in ("AUTHOR", "COMMITTER")}
    emails = {f"GIT_{who}_EMAIL": "a@example.com" for who in ("AUTHOR", "COMMITTER")}
    done = run(
        ["sh", "-ec", "; ".join([commands[0], commands[3]])], clone, variables | names | emails
    )
    assert done.returncode == 0, done.stdout
    with serving(tmp_path / "order-service", variables) as served:
        create_and_read_a_user(served)
