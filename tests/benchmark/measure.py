"""One run: each round visits each variant, so that what drifts meanwhile meets them all."""

import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import psutil

from tests.benchmark import count, machine, servers
from tests.benchmark.database import Database
from tests.benchmark.load import Load, shoot
from tests.benchmark.options import Options
from tests.benchmark.servers import Server
from tests.benchmark.service import Rendered
from tests.benchmark.variants import COUNTED, WORKLOADS, Variant, variants


class Setting(NamedTuple):
    workers: int
    rows: int
    clients: int

    def __str__(self) -> str:
        workers = "1 worker" if self.workers == 1 else f"{self.workers} workers"
        return f"{workers}, {self.rows:,} users, {self.clients} clients"


class Key(NamedTuple):
    setting: Setting
    variant: str
    workload: str
    """Or VISIT, for what has been measured once in a visit."""


VISIT = "visit"
# By its name, each figure of each round.
Series = dict[str, list[float]]


def note(progress: str) -> None:
    print(progress, file=sys.stderr)


class Measurement:
    def __init__(
        self, options: Options, rendered: Rendered, database: Database, folder: Path
    ) -> None:
        self.options, self.rendered, self.database = options, rendered, database
        self.folder = folder
        self.variants = [each for each in variants(rendered.services) if each.name in options.only]
        self.counts: dict[str, dict[str, Any]] = defaultdict(dict)
        self.series: dict[Key, Series] = defaultdict(lambda: defaultdict(list))

    def run(self) -> None:
        options = self.options
        for rows in options.rows:
            self.seed(rows)
            if not self.counts:
                self.count()
            rounds = range(options.rounds)
            for number, workers, clients in product(rounds, options.workers, options.clients):
                setting = Setting(workers, rows, clients)
                note(f"round {number + 1} of {options.rounds}: {setting}")
                turn = number % len(self.variants)
                for variant in self.variants[turn:] + self.variants[:turn]:
                    self.visit(variant, setting, number)

    def seed(self, rows: int) -> None:
        self.database.seed(rows)
        self.users = self.database.sample("users")
        self.items = self.database.sample("items")
        self.far = self.database.before_page(10_000)

    def targets(self, variant: Variant, workload: str) -> list[str]:
        """What it GETs: one of these each time. None where the variant has no such thing."""
        if workload == "items":
            return variant.pages(variant.items, self.items) if variant.items else []
        if pages := {"page": self.users, "first": [UUID(int=0)], "far": [self.far]}.get(workload):
            return variant.pages(variant.users, pages)
        return [f"{variant.users}/{each}" for each in self.users]

    def serving(
        self, variant: Variant, workers: int = 1, port: int | None = None
    ) -> AbstractContextManager[Server]:
        log = self.folder / f"{variant.name}.log"
        variables, first = self.database.variables(port), f"{variant.users}/{self.users[0]}"
        return servers.serving(variant, self.rendered, variables, first, log, workers)

    def count(self) -> None:
        note("counting round trips and statements")
        said = {}
        for variant in self.variants:
            with (
                count.proxy(self.database.address) as proxy,
                self.serving(variant, port=proxy.port) as server,
            ):
                for name in COUNTED:
                    if targets := self.targets(variant, name):
                        asked = count.requests(variant, name, targets)
                        self.counts[variant.name][name] = count.count(server, proxy, asked)
                targets = [self.targets(variant, name)[0] for name in ("read", "page")]
                said[variant.name] = [count.users(server, target) for target in targets]
        if any(each != said[self.variants[0].name] for each in said.values()):
            sys.exit(f"They do not answer the same: {said}")
        self.database.reset()

    def visit(self, variant: Variant, setting: Setting, number: int) -> None:
        """A new process, alone beside PostgreSQL, which holds what it held for the one before."""
        others = machine.cores(setting.workers).others
        machine.pin(psutil.Process(), others)
        machine.pin(self.database.postmaster, others)
        with self.serving(variant, setting.workers) as server:
            for name in self.options.workloads:
                if targets := self.targets(variant, name):
                    file = self.folder / "targets"
                    file.write_text("\n".join(targets))
                    options = {"clients": setting.clients, "seed": number}
                    shot = partial(shoot, server, variant, WORKLOADS[name], file, **options)
                    self.keep(Key(setting, variant.name, name), self.load(server, shot))
            visit = {
                "start_ms": server.start_ms,
                "memory_mb": machine.resident_mb(server.process),
                "connections": self.database.connections(),
            }
            self.keep(Key(setting, variant.name, VISIT), visit)
        self.database.reset()

    def load(self, server: Server, shot: Callable[..., Load]) -> dict[str, float]:
        if self.options.warm_up:
            shot(seconds=self.options.warm_up)
        machine.wait_until_idle(server.process)
        before = machine.cpu_seconds(server.process), machine.cpu_seconds(self.database.postmaster)
        load = shot(seconds=self.options.seconds)
        after = machine.cpu_seconds(server.process), machine.cpu_seconds(self.database.postmaster)
        answered = max(load.succeeded + load.refused + load.failed, 1)
        return {
            "requests_per_s": load.succeeded / load.seconds,
            "p50_ms": load.p50_ms,
            "p99_ms": load.p99_ms,
            "p99_over_p50": load.p99_ms / load.p50_ms if load.p50_ms else 0.0,
            "server_cpu_us": (after[0] - before[0]) / answered * 1e6,
            "postgres_cpu_us": (after[1] - before[1]) / answered * 1e6,
            "refused": load.refused,
            "failed": load.failed,
        }

    def keep(self, key: Key, figures: dict[str, float]) -> None:
        for name, figure in figures.items():
            self.series[key][name].append(figure)
