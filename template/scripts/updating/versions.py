"""Version bounds and pins that both sides raised: the higher one wins."""

import re
from collections.abc import Mapping

# Each names what is pinned by `key`. A bound of another operator or another variant is another key.
PATTERNS = (
    # "fastapi>=0.165.0"
    r'"(?P<key>[A-Za-z0-9._-]+(?:\[[^\]\n]*\])?\s*(?:>=|~=|==)\s*)(?P<version>\d[\w.!+-]*)(?=")',
    # uses: actions/checkout@3d3c42e # v7.0.1
    r"(?P<key>uses:\s+[\w./-]+@)(?P<version>[\w.-]+(?: # v[\w.]+)?)",
    # FROM python:3.13-slim-trixie@sha256:...
    r"(?P<key>(?:FROM |--from=|image: )[\w./:-]+?:)(?P<version>\d[\d.]*(?:@sha256:\w+)?)",
    r"(?P<key>(?:FROM |--from=|image: )[\w./:-]+?:)"
    r"(?P<version>\d[\d.]*(?P<variant>-[\w.-]+)(?:@sha256:\w+)?)",
)
PINS = [re.compile(rf"{pattern}(?![\w.@-])") for pattern in PATTERNS]


def key_of(found: re.Match[str]) -> str:
    return found["key"] + (found.groupdict().get("variant") or "")


def find_pins(text: str) -> dict[str, str]:
    """What is pinned, and at which version; not what is pinned at several."""
    pins: dict[str, set[str]] = {}
    for pattern in PINS:
        for found in pattern.finditer(text):
            pins.setdefault(key_of(found), set()).add(found["version"])
    return {key: next(iter(versions)) for key, versions in pins.items() if len(versions) == 1}


def rank(version: str) -> tuple[int, ...] | None:
    """None for a commit without a version behind it."""
    release = version.split("# v")[-1].split("@")[0].removeprefix("v")
    if re.fullmatch("[0-9a-f]{40}", release) or not release[:1].isdigit():
        return None
    numbers = tuple(int(number) for number in re.findall(r"\d+", release))
    return tuple(numbers[: len(numbers) - trailing_zeros(numbers)])


def trailing_zeros(numbers: tuple[int, ...]) -> int:
    return next((n for n, number in enumerate(reversed(numbers)) if number), len(numbers))


def choose(base: str | None, ours: str, theirs: str) -> str | None:
    if base == ours:
        return theirs
    if theirs in (base, ours):
        return ours
    ranks = rank(ours), rank(theirs)
    if ranks[0] is None or ranks[1] is None:
        return None
    return theirs if ranks[1] > ranks[0] else ours


def set_pins(text: str, chosen: Mapping[str, str]) -> str:
    def replace(found: re.Match[str]) -> str:
        start = found.start("version") - found.start()
        end = found.end("version") - found.start()
        version = chosen.get(key_of(found), found["version"])
        return found[0][:start] + version + found[0][end:]

    for pattern in PINS:
        text = pattern.sub(replace, text)
    return text


def align_versions(base: str, ours: str, theirs: str) -> tuple[str, str, str]:
    """The three sides with the version that wins, so that a merge finds no difference in it."""
    pins = [find_pins(text) for text in (base, ours, theirs)]
    chosen = {}
    for key in pins[1].keys() & pins[2].keys():
        if version := choose(pins[0].get(key), pins[1][key], pins[2][key]):
            chosen[key] = version
    return set_pins(base, chosen), set_pins(ours, chosen), set_pins(theirs, chosen)
