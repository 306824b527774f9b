"""The benchmark works and counts. Figures of time belong to a quiet machine: none is asserted."""

import copy
import json
import os
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmark.result import Document, failures
from tests.benchmark.variants import MORE_NAMES, NAMES, RATIOS
from tests.rendering import ROOT, clean_environment, run, uv

# What one request asks of PostgreSQL: its round trips, and the statements in them.
IDIOM = {
    "read": (3, "BEGIN, SELECT, ROLLBACK"),
    "page": (3, "BEGIN, SELECT, ROLLBACK"),
    "create": (6, "BEGIN, INSERT, COMMIT, BEGIN, SELECT, ROLLBACK"),
}
SERVICE = {
    "read": (1, "SELECT"),
    "page": (1, "SELECT"),
    "create": (3, "BEGIN, INSERT, COMMIT"),
    "items": (2, "SELECT, SELECT"),
}
# asyncpg's pool cleans up what a borrower may have left, in one round trip.
RESET = "SELECT, CLOSE CURSOR ALL, UNLISTEN, RESET"
COUNTS = {
    "L": {
        "read": (2, f"a first row, {RESET}"),
        "page": (2, f"SELECT, {RESET}"),
        "create": (2, f"a first row, {RESET}"),
    },
    "B": IDIOM,
    "B-sync": IDIOM,
    "T": {
        "read": (6, "BEGIN, ROLLBACK, BEGIN, SELECT, COMMIT"),
        "page": (6, "BEGIN, ROLLBACK, BEGIN, SELECT, COMMIT"),
        "create": (7, "BEGIN, ROLLBACK, BEGIN, INSERT, SELECT, COMMIT"),
    },
    "S": SERVICE,
    "S-sync": SERVICE,
    "S-bare": SERVICE,
    "S+60": SERVICE,
}
ALL = NAMES + MORE_NAMES
WORKLOADS = ("read", "create")
RATES = {"requests_per_s", "p50_ms", "p99_ms", "p99_over_p50"}
FIGURES = RATES | {"server_cpu_us", "postgres_cpu_us"}
OF_A_VISIT = {"start_ms", "memory_mb", "connections"}

# One run for all tests, wherever pytest-xdist puts them.
pytestmark = pytest.mark.xdist_group("benchmark")


class Smoke:
    def __init__(self, printed: str, folder: Path) -> None:
        self.printed = printed
        self.document: Document = json.loads((folder / "result.json").read_text("utf-8"))
        self.chart = ElementTree.parse(folder / "result.svg")  # noqa: S314 - it is our own
        (self.setting,) = self.document["settings"]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    if not shutil.which("wrk"):
        needed = {"CI", "NEED_WRK"} & os.environ.keys()
        (pytest.fail if needed else pytest.skip)("wrk is not installed: `apt-get install wrk`")
    folder = tmp_path_factory.mktemp("benchmark")
    options = ["--rounds=1", "--seconds=1", "--warm-up=0", f"--only={','.join(ALL)}"]
    options.append(f"--workloads={','.join(WORKLOADS)}")
    done = run([uv(), "run", "poe", "bench", *options, "--save", folder], ROOT, timeout=600)
    assert done.returncode == 0, done.stdout
    return Smoke(done.stdout, folder)


def test_every_figure_is_there_and_positive(smoke: Smoke) -> None:
    assert tuple(smoke.setting["variants"]) == ALL
    for workloads in smoke.setting["variants"].values():
        assert workloads.keys() == {*WORKLOADS, "visit"}
        for workload, figures in workloads.items():
            expected = OF_A_VISIT if workload == "visit" else FIGURES
            assert figures.keys() >= expected
            for figure in expected:
                assert figures[figure]["median"] > 0, (workload, figure)


def test_every_request_is_answered(smoke: Smoke) -> None:
    for workloads in smoke.setting["variants"].values():
        for workload in WORKLOADS:
            assert workloads[workload]["refused"]["values"] == [0]
            assert workloads[workload]["failed"]["values"] == [0]


def test_a_ratio_is_that_of_two_rates(smoke: Smoke) -> None:
    names = {f"{ours}/{other}" for ours, others in RATIOS.items() for other in others}
    variants = smoke.setting["variants"]
    for workload in WORKLOADS:
        ratios = smoke.setting["ratios"][workload]
        assert ratios.keys() == names
        for name, ratio in ratios.items():
            above, below = (
                variants[each][workload]["requests_per_s"]["median"] for each in name.split("/")
            )
            assert ratio["median"] == pytest.approx(above / below, abs=0.001)


def test_a_request_costs_as_many_round_trips_and_statements_as_it_did(smoke: Smoke) -> None:
    counted = {
        name: {
            request: (each["round_trips"], ", ".join(each["statements"]))
            for request, each in requests.items()
        }
        for name, requests in smoke.document["counts"].items()
    }
    assert counted == COUNTS


def test_the_result_says_where_it_comes_from(smoke: Smoke) -> None:
    assert smoke.document["command"].startswith("poe bench --rounds=1 ")
    assert smoke.document["versions"].keys() >= {"python", "fastapi", "sqlalchemy", "postgresql"}
    assert "core" in smoke.setting["cores"] or "not pinned" in smoke.setting["cores"]
    assert smoke.document["machine"]["cores"] >= 1


def test_the_chart_has_a_bar_for_each_server_and_workload(smoke: Smoke) -> None:
    bars = smoke.chart.findall(".//{http://www.w3.org/2000/svg}rect")
    assert len(bars) == len(ALL) * len(WORKLOADS)
    assert all(float(bar.attrib["width"]) > 0 for bar in bars)


def test_a_row_is_printed_for_each_server(smoke: Smoke) -> None:
    rows = [line.split("|")[1].strip() for line in smoke.printed.splitlines() if "|" in line]
    for name in ALL:
        assert rows.count(name) >= len(WORKLOADS) + 1


def test_an_error_makes_the_run_fail_and_a_503_only_where_few_ask(smoke: Smoke) -> None:
    def with_one(kind: str, clients: int) -> list[str]:
        document = copy.deepcopy(smoke.document)
        document["settings"][0]["clients"] = clients
        document["settings"][0]["variants"]["S"]["read"][kind]["values"] = [1]
        return failures(document)

    assert failures(smoke.document) == []
    assert len(with_one("failed", 32)) == len(with_one("failed", 512)) == 1
    assert len(with_one("refused", 32)) == 1
    assert with_one("refused", 512) == []


def test_without_wrk_one_sentence_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "uv").symlink_to(uv())
    done = run([uv(), "run", "poe", "-q", "bench"], ROOT, clean_environment(PATH=str(tmp_path)))
    assert done.returncode != 0
    assert done.stdout == "wrk is not installed: `apt-get install wrk`, or `brew install wrk`.\n"
