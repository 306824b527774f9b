"""The weekly workflow of a service, run step by step against a bare repository."""

import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from tests.commanding import UVX, Recorded, executable
from tests.conftest import Lived, Render
from tests.rendering import FOLDER, ROOT, git, oldest_python, run, uv
from tests.updating import NOW, copy, insert, read, save

BRANCH = "template-update"
GH = '#!/bin/sh\necho "$*" >> "$LOG"\n[ "$2" != create ] || [ -z "$OPEN" ]\n'
UV = """\
#!/bin/sh
shift 3
[ -n "$UV_FROZEN" ] || echo "version = 1" > uv.lock
exec "$PYTHON" -m scripts.update "$@"
"""
CASE = 'case " $* " in\n'
CHECKING_UVX = UVX.replace(CASE, f'{CASE}*" check-update "*) exit "$CHECK" ;;\n')
FAILING_UVX = f'#!/bin/sh\n{CASE}*" check-update "*) exit 2 ;;\nesac\nexit 1\n'


class Monday:
    """A repository, its clone of the day, and the steps of the workflow in it."""

    def __init__(self, folder: Path, recorded: Recorded, origin: Path, service: str = ".") -> None:
        self.folder, self.origin, self.service = folder, origin, service
        for name, program in {"gh": GH, "uv": UV, "uvx": CHECKING_UVX}.items():
            executable(folder / "bin" / name, program)
        self.log = folder / "gh.log"
        self.variables = recorded.environment() | {
            "LOG": str(self.log),
            "PYTHON": sys.executable,
            "RUNNER_TEMP": str(folder),
            "GITHUB_OUTPUT": str(folder / "output"),
            "CHECK": "2",
            "OPEN": "",
            "UV": uv(),
        }
        self.variables["PATH"] = f"{folder / 'bin'}:{self.variables['PATH']}"

    def run(self, workflow: Path | None = None, **variables: str) -> str:
        """What the steps say, to the end or to the first that fails."""
        clone = self.folder / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        git(self.folder, "clone", "--quiet", str(self.origin), str(clone))
        self.log.unlink(missing_ok=True)
        found = workflow or clone / ".github" / "workflows" / "template.yml"
        job = yaml.safe_load(read(found))["jobs"]["update"]
        outputs: dict[str, str] = {"matrix.service": self.service}
        said = ""
        for step in (step for step in job["steps"] if "run" in step):
            condition = re.fullmatch(r"(\S+) == 'true'", step.get("if", ""))
            if condition and outputs.get(condition[1]) != "true":
                continue
            output = self.folder / "output"
            output.write_text("")
            environment = {
                name: re.sub(r"\${{ (.+?) }}", lambda m: outputs.get(m[1], ""), value)
                for name, value in (job["env"] | step.get("env", {})).items()
            }
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = run(command, clone / self.service, self.variables | environment | variables)
            said += done.stdout
            if done.returncode:
                return f"{said}failed with {done.returncode}"
            for line in output.read_text().splitlines():
                name, value = line.split("=", 1)
                outputs[f"steps.{step.get('id')}.outputs.{name}"] = value
        return said

    def asked(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [" ".join(line.split()[:2]) for line in lines if line.startswith("pr ")]

    def branch(self, name: str = BRANCH) -> str:
        refs = git(self.origin, "for-each-ref", "--format=%(objectname)", f"refs/heads/{name}")
        return refs.strip()


@pytest.fixture
def lived(service: Lived) -> Path:
    return service()


def publish(service: Path, folder: Path) -> Path:
    git(folder, "clone", "--quiet", "--bare", str(service), str(folder / "origin.git"))
    return folder / "origin.git"


@pytest.fixture
def monday(lived: Path, recorded: Recorded, tmp_path: Path) -> Monday:
    return Monday(tmp_path, recorded, publish(lived, tmp_path))


def test_a_newer_version_comes_as_a_pull_request(monday: Monday) -> None:
    monday.run()
    assert monday.asked() == ["pr create"]
    first = monday.branch()
    assert "# future" in git(monday.origin, "show", f"{first}:app/main.py")
    assert "uv.lock" not in git(monday.origin, "ls-tree", "--name-only", first)

    monday.run(OPEN="1")  # the next week, when nobody has looked at it
    assert monday.asked() == ["pr create", "pr edit"]
    assert git(monday.origin, "rev-list", "--count", f"main..{monday.branch()}") == "1\n"


def test_what_somebody_did_on_the_branch_stays(monday: Monday) -> None:
    monday.run()
    colleague = monday.folder / "colleague"
    git(monday.folder, "clone", "--quiet", "--branch", BRANCH, str(monday.origin), str(colleague))
    (colleague / "merged.py").write_text("# by hand\n")
    save(colleague, "Merge it")
    git(colleague, "push", "--quiet", "origin", BRANCH)
    worked = monday.branch()
    said = monday.run(OPEN="1")
    assert "::notice::template-update has commits of others" in said
    assert "failed" not in said
    assert monday.branch() == worked
    assert monday.asked() == []


def test_what_is_pushed_meanwhile_stays(monday: Monday) -> None:
    """Between the look at the branch and the push somebody pushes."""
    monday.run()
    worked = git(monday.origin, "commit-tree", "-p", BRANCH, "-m", "x", f"{BRANCH}^{{tree}}")
    hook = monday.folder / "bin" / "uv"
    update = f'git -C "{monday.origin}" update-ref refs/heads/{BRANCH} {worked.strip()}\n'
    executable(hook, UV.replace("shift 3\n", f"shift 3\n{update}"))
    said = monday.run(OPEN="1")
    assert "failed with" in said
    assert monday.branch() == worked.strip()


def test_what_is_left_to_merge_stands_in_the_pull_request(
    lived: Path, recorded: Recorded, tmp_path: Path
) -> None:
    main = lived / "app" / "main.py"
    main.write_text(f"# ours\n{read(main)}")
    save(lived, "Ours")
    monday = Monday(tmp_path, recorded, publish(lived, tmp_path))
    monday.run()
    assert "app/main.py: both sides changed the same lines" in read(tmp_path / "body.md")
    assert "<<<<<<< before" in git(monday.origin, "show", f"{monday.branch()}:app/main.py")


def test_an_update_that_fails_pushes_nothing(monday: Monday) -> None:
    executable(monday.folder / "bin" / "uvx", FAILING_UVX)
    assert "failed with 1" in monday.run()
    assert (monday.branch(), monday.asked()) == ("", [])


def test_without_news_nothing_happens(monday: Monday) -> None:
    assert "failed" not in monday.run(CHECK="0")
    assert (monday.branch(), monday.asked()) == ("", [])


def test_a_service_can_be_held_at_a_version(monday: Monday) -> None:
    assert "failed" not in monday.run(TEMPLATE_REF=NOW)
    assert (monday.branch(), monday.asked()) == ("", [])


def test_each_service_starts_at_a_time_of_its_own(render: Render) -> None:
    names = ("Orders", "Users", "Billing")
    services = [render(project_name=name) for name in names]
    workflows = [read(each / ".github" / "workflows" / "template.yml") for each in services]
    times = {yaml.safe_load(text)[True]["schedule"][0]["cron"] for text in workflows}
    assert len(times) == len(names)
    for minute, hour, *rest in (each.split() for each in times):
        assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*", "*", "1"])


def test_what_the_workflow_runs_is_pinned(render: Render) -> None:
    workflow = read(render() / ".github" / "workflows" / "template.yml")
    for action in re.findall("uses: (.+)", workflow):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", action)
    script = read(ROOT / "template" / "scripts" / "updating" / "copier.py")
    copier = re.findall(r"copier==[\d.]+", f"{workflow}{script}")
    assert len(copier) == 2
    assert len(set(copier)) == 1


def test_each_push_is_tested_on_the_python_of_the_image(render: Render) -> None:
    workflow = yaml.safe_load(read(render() / ".github" / "workflows" / "ci.yml"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    weekly, pushed = (yaml.safe_load(each) for each in re.findall(r"'(\[.+?\])'", matrix))
    image = re.findall(r"FROM python:([\d.]+)", read(render() / "Dockerfile"))
    assert pushed == [image[-1]]
    assert set(pushed) < set(weekly)
    assert "schedule" in workflow[True]


def test_a_monorepo_updates_each_of_its_services(
    template: Path, recorded: Recorded, tmp_path: Path
) -> None:
    """A uv workspace with one lock at its root; a change elsewhere is nobody's matter."""
    root = tmp_path / "work"
    orders = copy(template, root / "services" / FOLDER, NOW)
    users = copy(template, root / "services" / "users", NOW, project_name="Users")
    for each in (orders, users):
        shutil.rmtree(each / ".git")
    (root / "pyproject.toml").write_text(
        '[project]\nname = "work"\nversion = "0"\nrequires-python = ">=3.11"\n\n'
        '[tool.uv.workspace]\nmembers = ["services/*"]\n'
    )
    workflows = root / ".github" / "workflows"
    workflows.mkdir(parents=True)
    text = read(orders / ".github" / "workflows" / "template.yml")
    listed = f'service: ["services/{FOLDER}", "services/users"]'
    (workflows / "template.yml").write_text(text.replace('service: ["."]', listed))
    locking = [uv(), "lock", "--quiet", "--python", oldest_python()]
    locked = run(locking, root)
    assert locked.returncode == 0, locked.stdout
    git(root, "init", "--quiet", "--initial-branch=main")
    save(root, "Everything")
    before = git(root, "rev-parse", "HEAD:services/users")

    recorded = Recorded(Path(shutil.copytree(recorded.folder, tmp_path / "recorded")))
    insert(
        recorded.folder / "new" / FOLDER / "pyproject.toml",
        '    "asyncpg>=0.32.0",',
        '    "itsdangerous>=2.2",',
    )
    monday = Monday(tmp_path, recorded, publish(root, tmp_path), f"services/{FOLDER}")
    said = monday.run()

    branch = monday.branch(f"{BRANCH}-services-{FOLDER}")
    assert branch, said
    assert git(monday.origin, "rev-parse", f"{branch}:services/users") == before
    assert "# future" in git(monday.origin, "show", f"{branch}:services/{FOLDER}/app/main.py")
    clone = tmp_path / "clone"
    assert "uv.lock" in git(clone, "diff", "--name-only", "origin/main", "HEAD").splitlines()
    checked = run([*locking, "--check"], clone)
    assert checked.returncode == 0, checked.stdout

    (root / "services" / "users" / "notes.md").write_text("Not committed.\n")
    variables = recorded.environment()
    updated = run([sys.executable, "-m", "scripts.update"], orders, variables)
    assert updated.returncode == 0, updated.stdout
    assert "?? services/users/notes.md" in git(root, "status", "--porcelain")
