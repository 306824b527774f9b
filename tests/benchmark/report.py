"""The tables that are printed, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from tests.benchmark.result import Document

FIGURES = {
    "requests_per_s": "requests/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "p99_over_p50": "p99/p50",
    "server_cpu_us": "server CPU µs",
    "postgres_cpu_us": "PostgreSQL CPU µs",
}
VISIT_FIGURES = {
    "start_ms": "start to first answer ms",
    "memory_mb": "resident MiB",
    "connections": "connections",
}


def number(value: float) -> str:
    """With three digits that matter."""
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"


def spread(summary: Document) -> str:
    middle, (low, high) = number(summary["median"]), map(number, summary["quartiles"])
    return f"{middle} ({low}..{high})" if len(summary["values"]) > 1 else middle


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, figures to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])])
    return "\n".join(
        "| " + " | ".join([first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) + " |"
        for first, *rest in lines
    )


def of_workload(document: Document, setting: Document, workload: str) -> str:
    rows = []
    for name, variant in setting["variants"].items():
        if figures := variant.get(workload):
            spreads = (spread(figures[figure]) for figure in FIGURES)
            rows.append([name, *spreads, number(sum(figures["refused"]["values"]))])
    head = [workload, *FIGURES.values(), "503s"]
    return f"{document['workloads'][workload]}\n\n{table(head, rows)}"


def of_visits(setting: Document) -> str:
    rows = (
        [name, *(spread(figures["visit"][figure]) for figure in VISIT_FIGURES)]
        for name, figures in setting["variants"].items()
    )
    return table(["server", *VISIT_FIGURES.values()], rows)


def of_ratios(setting: Document) -> str | None:
    names = list(next(iter(setting["ratios"].values())))
    rows = (
        [workload, *(spread(ratios[name]) for name in names)]
        for workload, ratios in setting["ratios"].items()
        if ratios
    )
    return table(["requests/s", *names], rows) if names else None


def of_counts(document: Document) -> str:
    rows = []
    for name, requests in document["counts"].items():
        for request, counted in requests.items():
            which = counted["statements"]
            cells = str(counted["round_trips"]), str(len(which)), ", ".join(which)
            rows.append([name, request, *cells])
    return table(["server", "request", "round trips", "statements", "which"], rows)


def of_summaries(unit: str, summaries: Document) -> str:
    return table(["", unit], ([name, spread(each)] for name, each in summaries.items()))


def of_scale(document: Document, workload: str) -> str:
    """A row for each setting, so that one sees what grows with what."""
    rows = []
    for setting in document["settings"]:
        figures = (setting["variants"][name].get(workload) for name in document["variants"])
        rows.append([setting["says"], *map(scaled, figures)])
    return table([f"{workload}: requests/s, p99 ms", *document["variants"]], rows)


def scaled(figures: Document | None) -> str:
    if figures is None:
        return ""
    return f"{number(figures['requests_per_s']['median'])}, {number(figures['p99_ms']['median'])}"


def origin(document: Document) -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    yield f"{document['date']}, {document['command']}"
    yield f"{document['machine']['cpu']}, {document['machine']['cores']} cores"
    yield versions


def sections(document: Document) -> Iterator[str]:
    yield "\n".join(origin(document))
    yield "\n".join(f"{name}: {says}" for name, says in document["variants"].items())
    rounds, seconds = document["rounds"], document["seconds"]
    medians = f"Medians (and quartiles) of {rounds} rounds, {seconds} s of each workload in each."
    yield "\n".join([medians, *document["notes"]])
    for setting in document["settings"]:
        yield f"## {setting['says']}; {setting['cores']}"
        for workload in document["workloads"]:
            yield of_workload(document, setting, workload)
        yield of_visits(setting)
        if ratios := of_ratios(setting):
            yield ratios
    if len(document["settings"]) > 1:
        yield "## Scale"
        yield from (of_scale(document, workload) for workload in document["workloads"])
    if run_sync := document.get("run_sync"):
        yield "## run_sync against awaiting, one AsyncSession for each operation"
        yield of_summaries("CPU µs", run_sync)
    if template := document.get("template"):
        yield "## The template itself"
        yield of_summaries("ms", template)
    yield "## Round trips and statements of one request"
    yield of_counts(document)


def text(document: Document) -> str:
    return "\n\n".join(sections(document))
