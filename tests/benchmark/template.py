"""How fast the template itself is: a copy, the start of `poe dev`, the tests of a render."""

import re
import sys
import time
from pathlib import Path

from tests.benchmark.result import Document, summary
from tests.benchmark.service import Rendered
from tests.rendering import FOLDER, clean_environment, commit, copy_source, run, uv
from tests.serving import serving

TIMES = 5


def copy_ms(repository: Path, destination: Path) -> float:
    command = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet"]
    started = time.perf_counter()
    copied = run([*command, repository, destination], repository)
    if copied.returncode:
        sys.exit(f"The copy failed:\n{copied.stdout}")
    return (time.perf_counter() - started) * 1000


def dev_ms(service: Path, variables: dict[str, str]) -> float:
    started = time.perf_counter()
    with serving(service, variables):
        return (time.perf_counter() - started) * 1000


def test_ms(service: Path, variables: dict[str, str]) -> float:
    """Of one test, its share of the start included."""
    tested = run([uv(), "run", "pytest", "-q"], service, variables)
    seconds = re.search(r" in ([\d.]+)s", tested.stdout)
    if not seconds:
        sys.exit(f"The rendered tests did not run:\n{tested.stdout}")
    if tested.returncode:
        print(f"Some of the rendered tests failed:\n{tested.stdout}", file=sys.stderr)
    ended = re.findall(r"(\d+) (?:passed|failed)", tested.stdout)
    return float(seconds[1]) / sum(map(int, ended)) * 1000


def measure(rendered: Rendered, folder: Path) -> Document:
    repository = folder / "repository"
    copy_source(repository)
    commit(repository)
    copies = [copy_ms(repository, folder / f"copy-{n}" / FOLDER) for n in range(TIMES)]
    service = folder / "copy-0" / FOLDER
    variables = clean_environment(UV_PROJECT_ENVIRONMENT=str(rendered.environment))
    starts = [dev_ms(service, variables) for _ in range(TIMES + 1)]
    return {
        "copier copy": summary(copies),
        "poe dev to the first answer, for the first time": summary(starts[:1]),
        "poe dev to the first answer, again": summary(starts[1:]),
        "a test of the rendered suite": summary([test_ms(service, variables)]),
    }
