"""The first weeks of a team: what its changes turn red, and what they do not.

`uv run pytest tests/test_stories.py -rP` prints the lines that each story touches.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests import stories
from tests.conftest import Environments, Render
from tests.rendering import NOT_SLOW, commit, git, oldest_python, run, uv
from tests.serving import serving
from tests.updating import save

# Without the tests of faults, minutes in which no team's code is run.
ALL = ("--all", "--ignore=tests/kit/faults")
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/[^: ]+)", re.MULTILINE)
FEATURES = ("tests/users/", "tests/items/")


@pytest.fixture
def variables(environment: Environments) -> dict[str, str]:
    return environment(oldest_python()).variables()


@pytest.fixture
def service(project: Render) -> Path:
    service = project()
    commit(service)
    return service


def pytest_in(
    service: Path, variables: dict[str, str], *options: str
) -> subprocess.CompletedProcess[str]:
    program = Path(variables["UV_PROJECT_ENVIRONMENT"]) / "bin" / "pytest"
    return run([program, "-q", *options], service, variables, timeout=600)


def red(service: Path, variables: dict[str, str], *options: str) -> set[str]:
    """The files of the tests that fail."""
    tested = pytest_in(service, variables, *options)
    found = set(FAILED.findall(tested.stdout))
    assert tested.returncode == (1 if found else 0), tested.stdout
    return found


def tell(service: Path, story: str) -> None:
    save(service, story)
    changed = git(service, "diff", "--shortstat", "HEAD^", "--", "app", "tests").strip()
    print(f"{story}: {changed}")  # noqa: T201


def test_a_required_field_is_red_in_its_features_tests_alone(
    service: Path, variables: dict[str, str]
) -> None:
    stories.require_a_phone(service)
    tell(service, "a required field on User and UserCreate")
    failed = red(service, variables, *ALL, *NOT_SLOW)
    assert failed
    assert all(name.startswith(FEATURES) for name in failed), failed
    stories.give_the_factory_a_phone(service)
    tell(service, "its line in factories.py")
    assert red(service, variables) == set()


def test_groups_and_profiles_leave_as_the_readme_says(
    service: Path, variables: dict[str, str]
) -> None:
    stories.delete_groups_and_profiles(service)
    tell(service, "groups and profiles deleted")
    checked = run([uv(), "run", "--no-sync", "poe", "fix"], service, variables)
    assert checked.returncode == 0, checked.stdout
    assert red(service, variables) == set()


def test_a_field_is_renamed(service: Path, variables: dict[str, str]) -> None:
    stories.rename_the_full_name(service)
    tell(service, "full_name renamed")
    assert red(service, variables) == set()


def test_items_leave_as_the_readme_says(service: Path, variables: dict[str, str]) -> None:
    stories.delete_items(service)
    tell(service, "items deleted")
    assert red(service, variables) == set()


def test_a_required_setting_is_one_sentence_and_one_line(
    service: Path, variables: dict[str, str]
) -> None:
    stories.require_a_setting(service)
    tell(service, "a required setting without a default")
    refused = pytest_in(service, variables)
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert refused.stdout.strip().splitlines() == [
        "ERROR: ORDERS_LIMIT: Field required.",
        "Set it in the environment or in .env.",
        "Give the tests a value: ENVIRONMENT in tests/conftest.py.",
    ]
    stories.give_the_tests_the_setting(service)
    tell(service, "its line in conftest.py")
    assert red(service, variables, "tests/users") == set()


def test_what_a_shop_has_disturbs_no_test_and_is_not_called_by_any(
    service: Path, variables: dict[str, str]
) -> None:
    """A stream, a side effect, /users/me, Decimal and Enum, undocumented routes, TestClient."""
    stories.open_a_shop(service)
    with serving(service, variables | {"UV_NO_SYNC": "1"}):
        poe = [uv(), "run", "--no-sync", "poe"]
        revised = run([*poe, "revision", "-m", "articles"], service, variables)
        assert revised.returncode == 0, revised.stdout
    tell(service, "a shop")
    assert red(service, variables, *ALL) == set()
    assert not (service / "called.txt").exists()


def test_an_override_of_the_session_is_refused_in_a_sentence(
    service: Path, variables: dict[str, str]
) -> None:
    stories.override_the_session(service)
    refused = pytest_in(service, variables, "tests/test_override.py")
    assert refused.returncode != 0
    assert "TypeError: get_db cannot be overridden: write() and read() open" in refused.stdout


def test_a_team_without_the_tests_of_the_kit_loses_nothing_else(
    service: Path, variables: dict[str, str]
) -> None:
    git(service, "rm", "-r", "--quiet", "tests/kit")
    assert red(service, variables, *ALL) == set()
