"""A rendered service behind PgBouncer: its tests, and a pooler that goes away."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import Environment, Environments, Render
from tests.pooling import ROLE, Pooler, execute, pooling, wait_for
from tests.rendering import FOLDER, NOT_SLOW, oldest_python, run, uv
from tests.serving import Serving, free_port

pytestmark = pytest.mark.xdist_group("pooler")

DATABASE = "pooled"
# Those of tests.kit.faults.faulty, which no revision has.
MAKE_TABLES = """
from app.database import engine
from tests.kit.things import ThingBase

ThingBase.metadata.create_all(engine)
"""
WORK = [(method, path) for method in ("GET", "POST") for path in ("/sync", "/async")]


@pytest.fixture(scope="module")
def python(environment: Environments) -> Environment:
    return environment(oldest_python())


@pytest.fixture(scope="module")
def service(render: Render, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(render(), tmp_path_factory.mktemp("pooler") / FOLDER))


@pytest.fixture(scope="module")
def pooler(
    python: Environment, service: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pooler]:
    folder = tmp_path_factory.mktemp("postgres")
    with pooling(python.folder / "bin" / "python", service, folder) as pooler:
        yield pooler


# Over TLS, the connections of a closed event loop wait for the garbage collector, and the pooler
# has few: without the tests of FastAPI's TestClient.
ALL = ["--all", "--ignore=tests/kit/test_sessions.py"]


@pytest.mark.parametrize(
    ("session", "tests"), [("async", ALL), ("sync", ["tests/users", "tests/items"])]
)
def test_the_tests_of_a_render_pass_through_a_pooler(
    project: Render, python: Environment, pooler: Pooler, session: str, tests: list[str]
) -> None:
    command = [uv(), "run", "pytest", *NOT_SLOW, *tests]
    variables = python.variables(**pooler.variables)
    tested = run(command, project(default_session=session), variables)
    assert tested.returncode == 0, tested.stdout


@pytest.fixture(scope="module")
def variables(service: Path, python: Environment, pooler: Pooler) -> dict[str, str]:
    """Those of a service with a migrated database behind the pooler."""
    execute(pooler.server, f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    variables = python.variables(**pooler.variables, DB_NAME=DATABASE)
    migrated = run([uv(), "run", "alembic", "upgrade", "head"], service, variables)
    assert migrated.returncode == 0, migrated.stdout
    made = run([uv(), "run", "python", "-c", MAKE_TABLES], service, variables)
    assert made.returncode == 0, made.stdout
    return variables


@pytest.fixture
def served(service: Path, python: Environment, variables: dict[str, str]) -> Iterator[Serving]:
    port, log = free_port(), service.with_name("uvicorn.log")
    uvicorn = python.folder / "bin" / "uvicorn"
    with log.open("w") as output:
        process = subprocess.Popen(
            [uvicorn, "tests.kit.faults.faulty:app", "--port", str(port)],
            cwd=service,
            env=variables,
            stderr=output,
            text=True,
        )
    try:
        wait_for(port, process)
        yield Serving(process, port, log)
    finally:
        process.terminate()
        process.wait(20)


class Answer(NamedTuple):
    begun: float
    status: int


@contextmanager
def traffic(served: Serving) -> Iterator[list[Answer]]:
    answers: list[Answer] = []
    stopped = threading.Event()

    def keep_asking(method: str, path: str) -> None:
        while not stopped.wait(0.02):
            begun = time.monotonic()
            answers.append(Answer(begun, served.ask(method, path).status))

    threads = [threading.Thread(target=keep_asking, args=each) for each in WORK]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    # pytest reports the thread that met anything but an answer.


def test_a_pooler_that_restarts_is_a_503_and_keeps_no_prepared_statement(
    served: Serving, pooler: Pooler
) -> None:
    with traffic(served) as answers:
        time.sleep(1)
        assert set(pooler.prepared_statements(DATABASE)) == {0}
        assert {answer.status for answer in answers} == {200, 201}
        pooler.stop()
        time.sleep(0.5)
        pooler.start()
        back = time.monotonic()
        time.sleep(1.5)
    assert {answer.status for answer in answers} == {200, 201, 503}
    assert {answer.status for answer in answers if answer.begun > back + 0.5} == {200, 201}
    assert served.ask("GET", "/taken").body == 0


@pytest.mark.parametrize(("authority", "failures"), [("certificate", 0), ("other-certificate", 4)])
def test_both_drivers_verify_who_answers(
    service: Path, variables: dict[str, str], pooler: Pooler, authority: str, failures: int
) -> None:
    """Of four engines, two of each driver, each says why it does not connect."""
    demand = {"DB_SSL_MODE": "verify-full", "PGSSLROOTCERT": str(pooler.folder / authority)}
    command = [uv(), "run", "python", "-m", "app.doctor"]
    examined = run(command, service, variables | demand)
    assert examined.returncode == bool(failures), examined.stdout
    assert examined.stdout.count("certificate verify failed") == failures, examined.stdout
