"""What is measured, and how each is asked."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from tests.rendering import ROOT


class Variant(NamedTuple):
    name: str
    says: str
    command: list[str]
    folder: Path
    users: str
    items: str | None
    after: Callable[[UUID], str]
    """The query of the page after this row."""

    def pages(self, path: str, ids: list[UUID]) -> list[str]:
        return [f"{path}?{self.after(each)}" for each in ids]


class Workload(NamedTuple):
    says: str
    write_every: int = 0
    """0: no request creates a user; 1: each does."""


WORKLOADS = {
    "read": Workload("GET of a user by id, ids at random"),
    "page": Workload("GET of a page of 20 users, after a user at random"),
    "first": Workload("GET of page 1"),
    "far": Workload("GET of page 10,000, or of the last"),
    "items": Workload("GET of a page of 20 items with their owners, of the service alone"),
    "mix": Workload("20 reads by id, then 1 create", 21),
    "create": Workload("POST of a user, e-mail addresses unique", 1),
}
USUAL = ("read", "page", "mix", "create")
COUNTED = ("read", "page", "create", "items")

NAMES = ("L", "B", "B-sync", "T", "S", "S-sync")
# Only where they are asked for.
MORE_NAMES = ("S-bare", "S+60")
RATIOS = {
    "S": ("B", "T", "L"),
    "S-sync": ("B-sync", "T", "L"),
    "S-bare": ("S",),
    "S+60": ("S",),
}


def ours(name: str, says: str, module: str, *options: str) -> Variant:
    command = ["uvicorn", f"tests.benchmark.{module}:app", *options]
    return Variant(name, says, command, ROOT, "/users", None, "after={}".format)


def cursor(key: UUID) -> str:
    """As app.kit.rest.pages writes it."""
    written = json.dumps(["id", str(key)], separators=(",", ":"))
    return "cursor=" + urlsafe_b64encode(written.encode()).decode().rstrip("=")


def shipped(name: str, says: str, service: Path) -> Variant:
    """Started as the Dockerfile starts it."""
    dockerfile = (service / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    line = next(line for line in dockerfile.splitlines() if line.startswith("CMD ["))
    command = json.loads(line.removeprefix("CMD"))
    return Variant(name, says, command, service, "/api/v1/users", "/api/v1/items", cursor)


def variants(services: dict[str, Path]) -> list[Variant]:
    quiet = "--no-access-log"
    return [
        ours("L", "the limit: bare ASGI over asyncpg", "limit", quiet),
        ours("B", "the idiom: FastAPI, AsyncSession", "idiom", quiet),
        ours("B-sync", "the idiom's sync twin: def, psycopg2", "idiom_sync", quiet),
        ours("T", "the typical template stack", "typical"),
        shipped("S", "the service as it ships, async", services["async"]),
        shipped("S-sync", "the service as it ships, sync", services["sync"]),
        shipped("S-bare", "S without its middleware", services["bare"]),
        shipped("S+60", "S with 60 features more", services["more"]),
    ]
