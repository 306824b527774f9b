"""The rendered service beside the limit, the idiom and the typical stack, in one run."""

import json
import os
import shlex
import signal
import sys
import tempfile
from pathlib import Path

from tests.benchmark import chart, database, load, options, report, result, service
from tests.benchmark import template as own
from tests.benchmark.measure import Measurement
from tests.benchmark.options import Options
from tests.benchmark.result import Document, summary
from tests.rendering import ROOT, SETTINGS, run

DESCRIPTION = f"""{__doc__} Every round starts each server anew, alone beside PostgreSQL. wrk asks
it, first unobserved, then for some seconds of each workload. What that stored is deleted before the
next server starts."""


def run_sync(measured: Measurement) -> Document:
    ids = map(str, measured.users[:2])
    command = [measured.rendered.python, "-m", "tests.benchmark.run_sync", "8", "400", *ids]
    done = run(command, ROOT, measured.database.variables())
    if done.returncode:
        sys.exit(f"The comparison of run_sync failed:\n{done.stdout}")
    return {name: summary(values) for name, values in json.loads(done.stdout).items()}


def measure(chosen: Options, folder: Path) -> Document:
    python = chosen.python or service.python_of_the_image()
    rendered = service.render(folder / "render", python)
    template = own.measure(rendered, folder / "template") if chosen.template else {}
    with database.running(rendered, folder / "postgres") as running:
        measured = Measurement(chosen, rendered, running, folder)
        measured.run()
        document = result.document(measured, shlex.join(["poe", "bench", *sys.argv[1:]]))
        document["run_sync"] = run_sync(measured) if chosen.run_sync else {}
    return document | {"template": template}


def main() -> str:
    chosen = options.parse(DESCRIPTION)
    load.wrk()
    os.environ["COPIER_SETTINGS_PATH"] = str(SETTINGS)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, _: sys.exit(f"Stopped by {signal.strsignal(number)}."))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        document = measure(chosen, Path(folder))
    print(report.text(document))
    if chosen.save:
        chosen.save.mkdir(parents=True, exist_ok=True)
        (chosen.save / "result.json").write_text(json.dumps(document, indent=1) + "\n")
        (chosen.save / "result.svg").write_text(chart.draw(document))
    return "\n".join(result.failures(document))


if __name__ == "__main__":
    sys.exit(main() or 0)
