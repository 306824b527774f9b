"""What `poe update` says: nothing is hidden, and what cannot be done is refused beforehand."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.commanding import contents, executable, poe, report
from tests.conftest import make_once
from tests.rendering import FOLDER, clean_environment, git, run
from tests.updating import NOW, copy, invent, read, save

CHANGED = "--vcs-ref=10000.0.0"
STRICTER = "--vcs-ref=10001.0.0"
QUESTIONS = "--vcs-ref=10002.0.0"
MORE = "--vcs-ref=10003.0.0"


def change_much(template: Path) -> None:
    service = template / "template"
    for name in (
        "app/kit/rest/text.py",
        "app/kit/ops/log.py",
        "CLAUDE.md",
        "AGENTS.md",
        "app/items/models.py",
    ):
        path = service / name
        path.write_text(f"# the template's\n{read(path)}")
    (service / "app" / "kit" / "ops" / "budget.py").unlink()
    (service / "docs").mkdir(exist_ok=True)
    (service / "docs" / "new.md").write_text("New.\n")


def change_more(template: Path) -> None:
    change_much(template)
    with (template / "template" / "app" / "kit" / "ops" / "log.py").open("a") as file:
        file.write("# the template's end\n")


def refuse_an_answer(template: Path) -> None:
    questions = template / "copier.yml"
    text = read(questions)
    questions.write_text(text.replace("[1-9][0-9]{0,4}\\\\Z')", "[1-9][0-9]{3,4}\\\\Z')", 1))
    assert read(questions) != text


def ask_more(template: Path) -> None:
    questions = template / "copier.yml"
    questions.write_text(
        "database:\n  type: str\n  choices: [postgresql, sqlite]\n  default: postgresql\n\n"
        "addons:\n  type: str\n  multiselect: true\n  choices: [mail, auth, jobs]\n"
        "  default: []\n\n" + read(questions)
    )
    (template / "template" / "AGENTS.md").write_text("Newer.\n")


@pytest.fixture(scope="session")
def invented(template: Path, shared: Path) -> Path:
    def make(folder: Path) -> None:
        invent(
            template,
            folder,
            v10000=change_much,
            v10001=refuse_an_answer,
            v10002=ask_more,
            v10003=change_more,
        )

    return make_once(shared / "invented", make)


@pytest.fixture
def lived(invented: Path, tmp_path: Path, shared: Path) -> Path:
    first = make_once(shared / "first", lambda folder: copy(invented, folder, NOW))
    return Path(shutil.copytree(first, tmp_path / FOLDER))


def first_line(path: Path, line: str) -> None:
    path.write_text(f"{line}\n{read(path)}")


def test_each_thing_that_wants_a_look_is_named(lived: Path) -> None:
    first_line(lived / ".gitignore", "app/kit/ops/log.py")
    first_line(lived / "app" / "kit" / "ops" / "log.py", "# ours")
    first_line(lived / "app" / "kit" / "ops" / "budget.py", "# ours")
    (lived / "AGENTS.md").unlink()
    (lived / "CLAUDE.md").unlink()
    (lived / "CLAUDE.md").symlink_to("README.md")
    (lived / "app" / "kit" / "rest" / "text.py").rename(lived / "app" / "kit" / "rest" / "words.py")
    shutil.move(lived / "app" / "items", lived / "libs" / "items")
    (lived / "app" / "items").symlink_to("../libs/items")
    save(lived, "Ours")
    linked = read(lived / "libs" / "items" / "models.py")

    said = report(lived, None, CHANGED)

    assert (said["status"], said["code"]) == ("left", 3)
    assert (said["from"], said["to"]) == (NOW, "10000.0.0")
    left = {each["path"]: each for each in said["left"]}
    assert set(left) == {"app/kit/ops/log.py", "app/kit/ops/budget.py", "CLAUDE.md"}
    assert "the template has it no longer" in left["app/kit/ops/budget.py"]["why"]
    assert git(lived, "ls-files", "--unmerged", "--", *left).count("\t") == 3 + 2 + 3
    assert read(lived / "app" / "kit" / "ops" / "budget.py").startswith("# ours\n")
    assert (lived / "CLAUDE.md").is_symlink()
    assert {"# ours", "# the template's"} <= set(
        read(lived / "app" / "kit" / "ops" / "log.py").splitlines()
    )

    notes = {each["path"]: each for each in said["notes"]}
    assert "you moved it to app/kit/rest/words.py" in notes["app/kit/rest/text.py"]["why"]
    assert "you deleted it" in notes["AGENTS.md"]["why"]
    command = notes["app/kit/rest/text.py"]["do"].split("`")[1].split()
    assert "+# the template's" in run(command, lived).stdout
    assert read(lived / "libs" / "items" / "models.py") == linked
    assert "app/items/models.py" in notes

    unmerged = poe(lived, None, script="merged")
    assert unmerged.returncode == 1
    assert all(path in unmerged.stdout for path in left)
    again = poe(lived, None, CHANGED)
    assert again.returncode == 4
    assert "Something is left to merge from before" in again.stdout


def test_a_local_file_is_never_overwritten(lived: Path) -> None:
    first_line(lived / ".gitignore", "docs/")
    save(lived, "Ours")
    (lived / "docs").mkdir()
    (lived / "docs" / "new.md").write_text("A note of this machine's.\n")
    before = contents(lived)
    refused = poe(lived, None, CHANGED)
    assert refused.returncode == 4
    assert "\n  docs/new.md\n" in refused.stdout
    assert contents(lived) == before
    assert git(lived, "status", "--porcelain") == ""
    without = poe(lived, None, CHANGED, "--exclude", "docs/new.md")
    assert without.returncode == 0, without.stdout
    assert read(lived / "docs" / "new.md") == "A note of this machine's.\n"


def test_a_link_to_a_local_folder_is_never_followed(lived: Path, tmp_path: Path) -> None:
    first_line(lived / ".gitignore", "docs")
    save(lived, "Ours")
    (tmp_path / "elsewhere").mkdir()
    (lived / "docs").symlink_to(tmp_path / "elsewhere")
    refused = poe(lived, None, CHANGED)
    assert refused.returncode == 4
    assert "\n  docs\n" in refused.stdout
    assert not any((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("left", ["markers", "rejected", "uncommitted", "interrupted copier"])
def test_what_is_left_from_before_is_merged_first(lived: Path, left: str) -> None:
    first_line(lived / ".gitignore", "*.rej")
    save(lived, "Ours")
    expected = "Something is left to merge from before"
    match left:
        case "markers":
            first_line(lived / "app" / "kit" / "ops" / "log.py", "<<<<<<< before updating")
            save(lived, "Oh")
        case "rejected":
            (lived / "app" / "kit" / "ops" / "log.py.rej").write_text("@@ -1 +1 @@\n")
        case "uncommitted":
            (lived / "new.py").write_text("")
            expected = "Commit or stash what is not committed"
        case "interrupted copier":
            first_line(lived / ".copier-answers.yml", "# new")
            expected = "`git reset --hard && git clean -fd`"
    before = contents(lived)
    refused = report(lived, None, CHANGED)
    assert (refused["status"], refused["code"]) == ("refused", 4)
    assert expected in refused["message"]
    assert contents(lived) == before


@pytest.mark.parametrize(
    ("stored", "args", "expected"),
    [
        ("db_port: '80'", [STRICTER], "does not accept the answer db_port: '80'"),
        ("db_port: '80'", [STRICTER, "--data=db_port=8000"], None),
        ("db_port: '80'", [STRICTER, "--data=db_port=70000"], "db_port is not a port"),
        ("database: sqlite", [QUESTIONS, "-d", "database=postgresql"], "is answered once"),
        ("", [QUESTIONS, "--data=database=sqlite"], "is answered once"),
        ("addons: [mail, jobs]", [QUESTIONS, "-d", "addons=[mail]"], "without jobs"),
        ("addons: [mail]", [QUESTIONS, "--data=addons=[mail, auth]"], None),
        ("", ["--vcs-ref=1.2.3.4"], "has no version 1.2.3.4"),
    ],
)
def test_an_answer_changes_only_when_somebody_passes_it(
    invented: Path, lived: Path, stored: str, args: list[str], expected: str | None
) -> None:
    answers = lived / ".copier-answers.yml"
    if stored:
        name = stored.split(":")[0]
        kept = [line for line in read(answers).splitlines() if not line.startswith(name)]
        answers.write_text("\n".join([*kept, stored, ""]))
        if name == "db_port":
            example = lived / ".env.example"
            example.write_text(read(example).replace("5432", "80"))
        else:
            answers.write_text(read(answers).replace(NOW, "10002.0.0"))
    save(lived, "An answer")
    before = contents(lived)
    said = report(lived, None, *args)
    if expected is None:
        assert said["code"] == 0, said
    else:
        assert said["code"] == (1 if "version" in expected else 4), said
        assert expected in said["message"]
        assert "Traceback" not in said["message"]
        assert contents(lived) == before


@pytest.mark.parametrize(
    "args",
    [["--conflict=rej"], ["--pretend"], ["--unknown"], ["--data=x"], ["--data-file=nowhere.yml"]],
    ids=" ".join,
)
def test_what_poe_update_does_not_take_is_one_sentence(lived: Path, args: list[str]) -> None:
    refused = poe(lived, None, *args)
    assert refused.returncode == 4
    assert refused.stdout.count("\n") == 1


OLD_GIT = '#!/bin/sh\n[ "$1" = version ] || exit 128\necho "git version 2.11.0"\n'
DISTRUST = """\
#!/bin/sh
[ "$1" != version ] || { echo "git version 2.40.0"; exit; }
echo "fatal: detected dubious ownership in repository" >&2
exit 128
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (None, "There is no git on the PATH"),
        (OLD_GIT, "needs git 2.25 or newer"),
        (DISTRUST, "git config --global --add safe.directory"),
    ],
    ids=["none", "old", "distrust"],
)
def test_a_git_that_cannot_work_is_one_sentence(
    lived: Path, tmp_path: Path, program: str | None, expected: str
) -> None:
    if program:
        executable(tmp_path / "bin" / "git", program)
    variables = clean_environment(PATH=str(tmp_path / "bin"))
    for script in ("update", "merged"):
        done = poe(lived, variables, script=script)
        assert done.returncode == (4 if script == "update" else 0), done.stdout
        assert (expected in done.stdout) is (script == "update")
        assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    ("address", "code", "expected"),
    [
        ("/nowhere/template", 1, "cannot be read from /nowhere/template"),
        ("file:///nowhere/template.git", 1, "cannot be read from file:///nowhere"),
        (".", 4, "a path from where the first copy ran"),
    ],
)
def test_a_template_that_is_not_there_is_one_sentence(
    lived: Path, address: str, code: int, expected: str
) -> None:
    answers = lived / ".copier-answers.yml"
    lines = read(answers).splitlines()
    moved = [f"_src_path: {address}" if x.startswith("_src_path") else x for x in lines]
    answers.write_text("\n".join([*moved, ""]))
    save(lived, "Moved")
    before = contents(lived)
    failed = poe(lived, None)
    assert failed.returncode == code
    assert expected in failed.stdout
    assert "Traceback" not in failed.stdout
    assert contents(lived) == before


def test_a_copy_from_a_relative_path_updates_later(invented: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(invented, tmp_path / "template"))
    git(folder, "reset", "--quiet", "--hard", NOW)
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet", f"-r{NOW}"]
    made = run([*command, os.curdir, str(tmp_path / FOLDER)], folder)
    assert made.returncode == 0, made.stdout
    lived = tmp_path / FOLDER
    assert f"_src_path: {folder}\n" in read(lived / ".copier-answers.yml")
    git(lived, "init", "--quiet")
    save(lived, "Everything")
    updated = poe(lived, None, CHANGED)
    assert updated.returncode == 0, updated.stdout


def test_a_file_of_the_same_name_is_merged_and_not_replaced(lived: Path) -> None:
    (lived / "docs").mkdir()
    (lived / "docs" / "new.md").write_text("Ours.\n")
    save(lived, "Ours")
    said = report(lived, None, CHANGED)
    assert [each["path"] for each in said["left"]] == ["docs/new.md"]
    assert {"Ours.", "New."} <= set(read(lived / "docs" / "new.md").splitlines())


def test_what_was_merged_by_hand_does_not_come_back(lived: Path) -> None:
    path = lived / "app" / "kit" / "ops" / "log.py"
    first_line(path, "# ours")
    save(lived, "Ours")
    assert report(lived, None, CHANGED)["code"] == 3
    kept = [x for x in read(path).splitlines() if not x.startswith(("<<<", "===", ">>>"))]
    path.write_text("\n".join([*kept, ""]))
    save(lived, "Merged")
    again = report(lived, None, MORE)
    assert (again["code"], again["left"]) == (0, [])
    assert read(path).startswith("# ours\n")
    assert read(path).endswith("# the template's end\n")
