"""Real updates without trust: a copy, the team's life in it, an update; then the comparison."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import copier
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.conftest import Environments, Lived, make_once
from tests.rendering import (
    FOLDER,
    NOT_SLOW,
    ROOT,
    clean_environment,
    files,
    git,
    oldest_python,
    run,
    uv,
)
from tests.serving import serving
from tests.team import STORIES, add_a_feature, delete_the_example
from tests.updating import (
    NOW,
    OPTIONS,
    Edit,
    classes,
    conflicts,
    copy,
    edit,
    edits,
    flip,
    insert,
    owned_by_the_template,
    promised,
    read,
    release,
    released,
    save,
    update,
    written,
)

PASSWORD = "open sesame"


@pytest.fixture
def variables(environment: Environments) -> dict[str, str]:
    found = environment(oldest_python())
    return found.variables(PATH=f"{found.folder / 'bin'}:{os.environ['PATH']}")


def tool(variables: dict[str, str], name: str) -> str:
    """A program of the shared environment; `uv run` would write a lock first."""
    return str(Path(variables["UV_PROJECT_ENVIRONMENT"]) / "bin" / name)


def is_shallow() -> bool:
    return git(ROOT, "rev-parse", "--is-shallow-repository").strip() == "true"


def tell(story: str, conflicted: list[str], lost: list[str]) -> None:
    print(f"{story}: {len(conflicted)} conflicts, {len(lost)} lost lines")  # noqa: T201


@pytest.mark.skipif(is_shallow(), reason="a shallow clone has no released versions")
def test_an_untouched_service_of_a_released_version_becomes_a_fresh_one(service: Lived) -> None:
    assert released()
    fresh = service(name="fresh/order-service")
    own = {name for name, kind in classes().items() if kind != "template"}
    for version in released():
        lived = service(version, f"from-{version}/order-service")
        update(lived, NOW)
        tell(f"{version} to now", conflicts(lived), [])
        assert conflicts(lived) == []
        assert files(lived) - own == files(fresh) - own
        for name in files(fresh) - own - {".copier-answers.yml", ".env.example"}:
            assert read(lived / name) == read(fresh / name), name


@pytest.mark.skipif(is_shallow(), reason="a shallow clone has no released versions")
@pytest.mark.parametrize("story", STORIES)
def test_every_promised_version_updates_to_this_one(service: Lived, story: str) -> None:
    """The first is FIRST_PROMISED: what a team wrote for an older one may have to move by hand."""
    for version in promised():
        lived = service(version, f"from-{version}")
        before = shutil.copytree(lived, lived.with_name(f"before-{version}"))
        for chapter in STORIES[story]:
            chapter(lived)
        team = written(before, lived)
        update(lived, NOW)
        tell(f"{story}, {version} to now", conflicts(lived), team.lost(lived))
        assert conflicts(lived) == []
        assert team.lost(lived) == []


@pytest.mark.parametrize("story", STORIES)
def test_the_future_reaches_a_team_and_takes_nothing_from_it(service: Lived, story: str) -> None:
    lived = service(db_password=PASSWORD)
    before = shutil.copytree(lived, lived.with_name("before"))
    for chapter in STORIES[story]:
        chapter(lived)
    team = written(before, lived)
    update(lived)
    tell(f"{story}, now to the future", conflicts(lived), team.lost(lived))
    assert conflicts(lived) == []
    assert team.lost(lived) == []
    assert read(lived / ".env") == read(before / ".env")
    assert (lived / "app" / "audit" / "service.py").exists()
    assert (lived / ".editorconfig").exists()
    for name in set(owned_by_the_template()) - team.gone - {".copier-answers.yml"}:
        expected = name not in {".editorconfig"}
        assert read(lived / name).startswith("# future\n") is expected, name


def test_a_service_passes_its_tests_after_the_update(
    service: Lived, variables: dict[str, str]
) -> None:
    lived = service()
    for chapter in STORIES["all of it"]:
        chapter(lived)
    update(lived)
    tested = run([tool(variables, "pytest"), "-q", *NOT_SLOW], lived, variables)
    assert tested.returncode == 0, tested.stdout


@settings(
    max_examples=8,
    deadline=None,
    print_blob=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(history=edits)
def test_no_history_loses_a_line(
    template: Path, shared: Path, tmp_path: Path, history: list[Edit]
) -> None:
    note(str(history))
    untouched = make_once(shared / "untouched", lambda folder: copy(template, folder, NOW))
    lived = tmp_path / FOLDER
    shutil.rmtree(lived, ignore_errors=True)
    shutil.copytree(untouched, lived)
    for each in history:
        edit(lived, *each)
    team = written(untouched, lived)
    update(lived)
    assert team.lost(lived) == []


def test_a_real_conflict_keeps_both_sides(service: Lived) -> None:
    lived = service()
    path = lived / "app" / "kit" / "rest" / "text.py"
    path.write_text(read(path).replace('"""Text as', '"""Our text as', 1))
    update(lived)
    assert conflicts(lived) == ["app/kit/rest/text.py"]
    assert "# future\n" in read(path)
    assert '"""Our text as' in read(path)


@pytest.mark.parametrize("answers", [("async", "sync"), ("sync", "async")], ids=" to ".join)
def test_a_flip_makes_an_untouched_service_a_fresh_one(
    service: Lived, answers: tuple[str, str]
) -> None:
    first, second = answers
    flipped = service(default_session=first, db_password=PASSWORD)
    fresh = service(name="fresh/order-service", default_session=second, db_password=PASSWORD)
    flip(flipped, default_session=second)
    assert files(flipped) == files(fresh)
    for name in files(fresh):
        assert read(flipped / name) == read(fresh / name), name


def test_a_flip_keeps_the_features_of_the_team(service: Lived, variables: dict[str, str]) -> None:
    lived = service()
    before = shutil.copytree(lived, lived.with_name("before"))
    for chapter in STORIES["all of it"]:
        chapter(lived)
    team = written(before, lived)
    flip(lived, default_session="sync")
    assert conflicts(lived) == []
    assert team.lost(lived) == []
    assert "\ndef list_users(" in read(lived / "app" / "users" / "router.py")
    tested = run([tool(variables, "pytest"), "-q", *NOT_SLOW], lived, variables)
    assert tested.returncode == 0, tested.stdout


@pytest.mark.parametrize("life", ["update", "skip answered", "recopy", "flip"])
def test_the_password_file_is_never_touched(service: Lived, life: str) -> None:
    lived = service(db_password=PASSWORD)
    env = lived / ".env"
    env.write_text(f"{read(env)}OURS='1'\n")
    expected = read(env)
    save(lived, "The team's")
    match life:
        case "update":
            update(lived)
        case "skip answered":
            # Nobody is there to answer: a question that is asked again fails.
            options = OPTIONS | {"defaults": False, "skip_answered": True}
            copier.run_update(lived, overwrite=True, vcs_ref=NOW, **options)
        case "recopy":
            copier.run_recopy(lived, overwrite=True, vcs_ref=NOW, **OPTIONS)
        case "flip":
            flip(lived, default_session="sync", db_password="another")
    assert read(env) == expected
    save(lived, "After")
    assert PASSWORD not in git(lived, "log", "--patch")
    assert ".env" not in git(lived, "ls-files").splitlines()


def test_a_clone_without_a_password_file_gets_none_by_an_update(service: Lived) -> None:
    lived = service()
    clone = lived.with_name("clone")
    git(lived, "clone", "--quiet", str(lived), str(clone))
    update(clone)
    assert not (clone / ".env").exists()
    assert conflicts(clone) == []


def test_copier_never_says_the_password(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "copier", "copy", "--defaults", f"--vcs-ref={NOW}"]
    for number, password in enumerate([PASSWORD, f"{PASSWORD}'"]):
        to = f"service-{number}"
        done = run([*command, f"--data=db_password={password}", template, to], tmp_path)
        assert (done.returncode == 0) is (password == PASSWORD)
        assert PASSWORD not in done.stdout


def poe_update(service: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run([tool(variables, "poe"), "update"], service, variables)


def test_poe_update_refuses_what_is_not_committed(
    service: Lived, variables: dict[str, str]
) -> None:
    lived = service()
    (lived / "new.py").write_text("")
    refused = poe_update(lived, variables)
    assert refused.returncode == 4
    assert "Commit or stash what is not committed, then update:\n  ?? new.py\n" in refused.stdout
    assert git(lived, "status", "--porcelain") == "?? new.py\n"


def test_poe_update_succeeds_and_says_that_a_revision_is_due(
    service: Lived, variables: dict[str, str]
) -> None:
    lived = service()
    updated = poe_update(lived, variables)
    assert updated.returncode == 0, updated.stdout
    assert read(lived / "app" / "main.py").startswith("# future\n")
    assert "app/users/models.py: A model changed" in updated.stdout
    assert (lived / ".env").stat().st_mode & 0o777 == 0o600


def test_poe_update_fails_and_names_what_is_left_to_merge(
    service: Lived, variables: dict[str, str]
) -> None:
    lived = service()
    path = lived / "app" / "kit" / "rest" / "text.py"
    path.write_text(f"# ours\n{read(path)}")
    save(lived, "Ours")
    updated = poe_update(lived, variables)
    assert updated.returncode == 3
    assert re.search(r"Merge by hand:\n  app/kit/rest/text\.py: both sides changed", updated.stdout)
    tested = run(
        [uv(), "run", "--no-sync", "pytest", "-q", "tests/test_update.py"], lived, variables
    )
    assert tested.returncode != 0
    assert "app/kit/rest/text.py" in tested.stdout


def test_a_changed_model_makes_a_revision_due(
    template: Path, service: Lived, variables: dict[str, str], tmp_path: Path
) -> None:
    future = Path(shutil.copytree(template, tmp_path / "template"))
    git(future, "reset", "--quiet", "--hard", NOW)
    insert(
        future / "template" / "app" / "users" / "models.py",
        "    full_name: Mapped[str] = mapped_column(String(200))",
        "    nickname: Mapped[str | None] = mapped_column(String(40), default=None)",
    )
    release(future, "10000.0.0")
    lived = copy(future, tmp_path / "lived", NOW)
    add_a_feature(lived)
    delete_the_example(lived)
    revision = lived / "migrations" / "versions" / "2026_12_01_orders.py"
    revision.write_text(read(revision).replace("    op.add_column(", "    # op.add_column("))
    revision.write_text(read(revision).replace("    op.drop_column(", "    # op.drop_column("))
    update(lived, "10000.0.0")
    assert conflicts(lived) == []

    check = [tool(variables, "poe"), "drift"]
    drifted = run(check, lived, variables)
    assert drifted.returncode != 0
    assert "nickname" in drifted.stdout
    with serving(lived, variables | {"UV_NO_SYNC": "1"}):
        revise = [tool(variables, "poe"), "revision", "-m", "nicknames"]
        revised = run(revise, lived, variables)
        assert revised.returncode == 0, revised.stdout
    checked = run(check, lived, variables)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.skipif(is_shallow(), reason="a shallow clone has no released versions")
def test_one_revision_brings_what_a_released_version_stored_to_this_one(
    service: Lived,
) -> None:
    users, ada = "/api/v1/users", {"email": "ada@example.com", "full_name": "Ada"}
    # Not the shared environment: an older version may depend on what this one does not.
    variables = clean_environment(UV_PYTHON=oldest_python())
    for version in released():
        lived = service(version, f"from-{version}")
        with serving(lived, variables) as served:
            url = served.ask("POST", users, ada).headers["Location"]
        update(lived, NOW)
        with serving(lived, variables) as served:
            for command in (["revision", "-m", "the update"], ["migrate"], ["drift"]):
                done = run([uv(), "run", "poe", *command], lived, variables)
                assert done.returncode == 0, done.stdout
            found = served.ask("GET", url)
            assert (found.status, found.body["email"]) == (200, ada["email"])
            assert served.ask("PATCH", url, {"full_name": "Ada King"}).status == 200


@pytest.mark.parametrize("version", ["9.15.0", "newest"])
def test_the_oldest_and_the_newest_copier_copy_and_update(
    template: Path, tmp_path: Path, version: str
) -> None:
    package = "copier" if version == "newest" else f"copier=={version}"
    command = [uv(), "tool", "run", "--from", package, "copier"]
    common = ["--defaults", "--quiet"]
    made = run([*command, "copy", *common, f"--vcs-ref={NOW}", template, FOLDER], tmp_path)
    assert made.returncode == 0, made.stdout
    lived = tmp_path / FOLDER
    git(lived, "init", "--quiet")
    before = read(lived / ".env")
    add_a_feature(lived)
    save(lived, "Everything")
    updated = run([*command, "update", *common], lived)
    assert updated.returncode == 0, updated.stdout
    assert conflicts(lived) == []
    assert read(lived / ".env") == before
    assert read(lived / "app" / "main.py").startswith("# future\n")


def test_a_path_of_a_promised_version_is_still_there_or_left_alone(template: Path) -> None:
    """A path that leaves the template must stand in _exclude, or an update deletes the team's."""
    excluded = read(ROOT / "copier.yml").split("_exclude:")[1]
    for version in promised():
        for name in git(template, "ls-tree", "-r", "--name-only", version).splitlines():
            there = (ROOT / name).exists() or (ROOT / f"{name}.jinja").exists()
            if name.startswith("template/") and not there:
                assert name.removeprefix("template/").removesuffix(".jinja") in excluded, name
