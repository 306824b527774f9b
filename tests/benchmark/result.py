"""What has been measured, as one JSON document: medians, quartiles, ratios, and their origin."""

import json
from datetime import UTC, datetime
from itertools import product
from statistics import median, quantiles
from typing import Any

from tests.benchmark import machine
from tests.benchmark.load import USUAL_CLIENTS
from tests.benchmark.measure import Key, Measurement, Setting
from tests.benchmark.service import Rendered
from tests.benchmark.variants import RATIOS, WORKLOADS
from tests.rendering import run

PACKAGES = (
    *("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "psycopg2-binary"),
    *("uvicorn", "uvloop", "httptools"),
)
VERSIONS = """
import json, platform, sys
from importlib.metadata import version
names = sys.argv[1:]
print(json.dumps({"python": platform.python_version()} | {name: version(name) for name in names}))
"""

# Without these the figures could not be judged.
NOTES = (
    "Each round starts each server anew, alone beside PostgreSQL, each time another one first.",
    "What a server stored is deleted before the next one starts; PostgreSQL commits durably, and "
    "autovacuum is off.",
    "S is started as its Dockerfile says, with every setting at its default but LOG_JSON=true. Its "
    "read by id, asynchronous whatever default_session is, is made synchronous in S-sync.",
    "B creates as FastAPI's tutorial does: add, commit, refresh.",
    "A ratio is that of the requests/s of one round; its median is that of the rounds.",
    "A round trip is a change of direction on a connection, however many messages go at once. A "
    "statement is what PostgreSQL reports as complete, BEGIN included.",
)

Document = dict[str, Any]


def summary(values: list[float]) -> Document:
    """The quartiles of a single value are that value."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {
        "median": round(median(values), 4),
        "quartiles": [round(low, 4), round(high, 4)],
        "values": [round(value, 4) for value in values],
    }


def versions(rendered: Rendered, postgres: str) -> dict[str, str]:
    asked = run([rendered.python, "-c", VERSIONS, *PACKAGES], rendered.environment)
    return {**json.loads(asked.stdout), "postgresql": postgres}


def ratios(measured: Measurement, setting: Setting, workload: str) -> Document:
    """Of requests/s, round by round: both were measured within the same minute."""
    found = {}
    for ours, others in RATIOS.items():
        for other in others:
            above, below = (Key(setting, name, workload) for name in (ours, other))
            if above in measured.series and below in measured.series:
                pairs = zip(
                    measured.series[above]["requests_per_s"],
                    measured.series[below]["requests_per_s"],
                    strict=True,
                )
                found[f"{ours}/{other}"] = summary([a / b if b else 0.0 for a, b in pairs])
    return found


def of_setting(measured: Measurement, setting: Setting) -> Document:
    variants: Document = {}
    for key, series in measured.series.items():
        if key.setting == setting:
            summaries = {name: summary(values) for name, values in series.items()}
            variants.setdefault(key.variant, {})[key.workload] = summaries
    return {
        "says": str(setting),
        **setting._asdict(),
        "cores": str(machine.cores(setting.workers)),
        "variants": variants,
        "ratios": {name: ratios(measured, setting, name) for name in measured.options.workloads},
    }


def document(measured: Measurement, command: str) -> Document:
    options = measured.options
    settings = sorted({key.setting for key in measured.series})
    offered = {key.workload for key in measured.series}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": command,
        "machine": machine.describe(),
        "versions": versions(measured.rendered, measured.database.version()),
        "notes": NOTES,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "variants": {each.name: each.says for each in measured.variants},
        "workloads": {name: WORKLOADS[name].says for name in options.workloads if name in offered},
        "counts": measured.counts,
        "settings": [of_setting(measured, setting) for setting in settings],
    }


def failures(document: Document) -> list[str]:
    """What was answered with neither a 2xx nor, where more clients than usual ask, a 503."""
    found = []
    for setting, name, workload in product(
        document["settings"], document["variants"], document["workloads"]
    ):
        if figures := setting["variants"][name].get(workload):
            where = f"{name}, {workload}, {setting['says']}"
            if not all(figures["requests_per_s"]["values"]):
                found.append(f"{where}: there was a round in which nothing was answered.")
            refused, failed = (sum(figures[each]["values"]) for each in ("refused", "failed"))
            if failed or (refused and setting["clients"] <= USUAL_CLIENTS):
                found.append(
                    f"{where}: {refused:.0f} requests were answered with a 503, "
                    f"and {failed:.0f} with another error or not at all."
                )
    return found
