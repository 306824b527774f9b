"""What `poe bench` can be told."""

import argparse
from collections.abc import Callable
from pathlib import Path

from tests.benchmark.load import USUAL_CLIENTS
from tests.benchmark.variants import MORE_NAMES, NAMES, USUAL, WORKLOADS


class Options(argparse.Namespace):
    only: list[str]
    workloads: list[str]
    rounds: int
    seconds: int
    warm_up: int
    workers: list[int]
    rows: list[int]
    clients: list[int]
    python: str | None
    run_sync: bool
    template: bool
    save: Path | None


def whole(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is less than {least}")
        return int(text)

    return number


def several(least: int) -> Callable[[str], list[int]]:
    return lambda text: [whole(least)(each) for each in text.split(",")]


def chosen(*choices: str) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        if unknown := [each for each in text.split(",") if each not in choices]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(choices)}")
        return [each for each in choices if each in text.split(",")]

    return names


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(
        prog="poe bench",
        description=description,
        epilog="Several names or numbers have commas between them. Of several workers, rows and "
        "clients each combination is measured, and a table compares them.",
    )
    add = parser.add_argument
    add("--rounds", type=whole(1), default=5, help="default: 5")
    add("--seconds", type=whole(1), default=5, help="of each workload in each round; default: 5")
    add("--warm-up", type=whole(0), default=1, help="seconds before those; default: 1")
    add(
        "--only",
        type=chosen(*NAMES, *MORE_NAMES),
        default=[*NAMES],
        help=f"servers: {','.join(NAMES)}, or {' or '.join(MORE_NAMES)}; default: the former",
    )
    add(
        "--workloads",
        type=chosen(*WORKLOADS),
        default=[*USUAL],
        help=f"of {','.join(WORKLOADS)}; default: {','.join(USUAL)}",
    )
    add("--workers", type=several(1), default=[1], help="processes of a server; default: 1")
    add("--rows", type=several(100), default=[10_000], help="users stored; default: 10000")
    add("--clients", type=several(1), default=[USUAL_CLIENTS], help="default: 32")
    add("--python", help="of all servers; default: the image's, where this machine has it")
    add("--run-sync", action="store_true", help="also compare run_sync with awaiting")
    add("--template", action="store_true", help="also measure copier copy, poe dev, pytest")
    add(
        "--save",
        type=Path,
        nargs="?",
        const=Path(__file__).parent,
        metavar="FOLDER",
        help="write result.json and result.svg; default: beside the benchmark",
    )
    return parser.parse_args(namespace=Options())
