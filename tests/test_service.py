"""Each render passes the checks and the tests that it was rendered with."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg2
import pytest
from psycopg2 import sql

from tests.conftest import Environment, Environments, Render
from tests.rendering import (
    ANSWERS,
    NOT_SLOW,
    commit,
    find_python,
    git,
    oldest_python,
    run,
    uv,
)

SERVER = "host=127.0.0.1 port=5432 user={} dbname=postgres connect_timeout=2"
PASSWORD = "".join(("p@ss:/%#?&$", '"', "` =", secrets.token_hex(4)))


@pytest.fixture(params=["3.11", "3.13"])
def python(request: pytest.FixtureRequest, environment: Environments) -> Environment:
    if request.param == "3.11":
        return environment(oldest_python())
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"uv finds no Python {request.param} on this machine")
    return environment(found)


every_case = pytest.mark.parametrize(
    ("answers", "python"),
    [*((answers, "3.11") for answers in ANSWERS.values()), (ANSWERS["async"], "3.13")],
    ids=[*(f"{name}, 3.11" for name in ANSWERS), "async, 3.13"],
    indirect=["python"],
)


def superuser() -> str:
    """A PostgreSQL of the machine's that lets us in without a password, if there is one."""
    for user in ("postgres", "root"):
        try:
            with closing(psycopg2.connect(SERVER.format(user))) as connection:
                if connection.info.parameter_status("is_superuser") == "on":
                    return user
        except psycopg2.OperationalError:
            continue
    pytest.skip("127.0.0.1:5432 lets neither postgres nor root in without a password")


@contextmanager
def role_on_the_server() -> Iterator[dict[str, str]]:
    """A role that may create databases, there for one run of the tests."""
    role = sql.Identifier(name := f"template_tests_{secrets.token_hex(4)}")
    password = sql.Literal(PASSWORD)
    with closing(psycopg2.connect(SERVER.format(superuser()))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        create = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
        cursor.execute(create.format(role, password))
        try:
            yield {
                "DB_HOST": "127.0.0.1",
                "DB_PORT": "5432",
                "DB_USERNAME": name,
                "DB_PASSWORD": PASSWORD,
            }
        finally:
            # What a run that failed left behind.
            cursor.execute(
                "SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = %s", [name]
            )
            for (database,) in cursor.fetchall():
                drop = sql.SQL("DROP DATABASE {} WITH (FORCE)")
                cursor.execute(drop.format(sql.Identifier(database)))
            cursor.execute(sql.SQL("DROP ROLE {}").format(role))


@every_case
def test_its_checks_pass(project: Render, python: Environment, answers: dict[str, str]) -> None:
    service = project(**answers)
    commit(service)
    checked = run([uv(), "run", "poe", "check"], service, python.variables())
    assert checked.returncode == 0, checked.stdout
    assert git(service, "status", "--porcelain").splitlines() in ([], ["?? uv.lock"])


@every_case
def test_its_tests_pass_on_their_own_postgresql(
    project: Render, python: Environment, answers: dict[str, str]
) -> None:
    # The slow ones, minutes in all of these cases, look at no name and no password.
    chosen = ["--all"] if answers in (ANSWERS["async"], ANSWERS["sync"]) else []
    tested = run([uv(), "run", "pytest", *chosen], project(**answers), python.variables())
    assert tested.returncode == 0, tested.stdout


# Every run there uses the same names of databases.
@pytest.mark.xdist_group("server")
@every_case
def test_its_tests_pass_on_the_server_of_the_machine(
    project: Render, python: Environment, answers: dict[str, str]
) -> None:
    service = project(**answers)
    with role_on_the_server() as server:
        # The slow ones bring a PostgreSQL of their own, to stop and to freeze.
        chosen = ["--all", *NOT_SLOW] if answers == ANSWERS["async"] else []
        tested = run([uv(), "run", "pytest", *chosen], service, python.variables(**server))
    assert tested.returncode == 0, tested.stdout
