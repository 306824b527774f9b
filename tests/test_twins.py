"""`router_sync.py` says what `router.py` says, in the other colour, and nothing else."""

import re
from pathlib import Path

import pytest

from tests.rendering import ROOT, RUFF, run

FEATURES = ("users", "items")
# One endpoint stays asynchronous in both, so that both engines are always in use.
ASYNCHRONOUS = "async def get_user("

RULES = [
    (r"\basync def ", "def "),
    (r"\bawait async_", ""),
    (r"(?<=^from app\.database import ).+$", "async_read_rows, read, read_rows, write, write_once"),
]


def router(feature: str, name: str) -> str:
    return (ROOT / "template" / "app" / feature / name).read_text("utf-8")


def flip(source: str, rules: list[tuple[str, str]], folder: Path) -> str:
    blocks = source.split("\n\n\n")
    for number, block in enumerate(blocks):
        if ASYNCHRONOUS not in block:
            for pattern, replacement in rules:
                block = re.sub(pattern, replacement, block, flags=re.MULTILINE)
            blocks[number] = block
    flipped = folder / "router.py"
    flipped.write_text("\n\n\n".join(blocks), "utf-8")
    settings = f"--config={ROOT / 'template' / 'pyproject.toml'}"
    run([*RUFF, "check", settings, "--fix", "--select=F401", flipped], folder)
    run([*RUFF, "format", settings, flipped], folder)
    return flipped.read_text("utf-8")


@pytest.mark.parametrize("feature", FEATURES)
def test_the_twins_differ_in_their_colour_alone(tmp_path: Path, feature: str) -> None:
    flipped = flip(router(feature, "router.py"), RULES, tmp_path)
    assert flipped == router(feature, "router_sync.py")


@pytest.mark.parametrize("rule", RULES, ids=[pattern for pattern, _ in RULES])
def test_every_rule_of_the_flip_is_needed(tmp_path: Path, rule: tuple[str, str]) -> None:
    others = [other for other in RULES if other != rule]
    assert any(
        flip(router(feature, "router.py"), others, tmp_path) != router(feature, "router_sync.py")
        for feature in FEATURES
    )


@pytest.mark.parametrize("name", ["router.py", "router_sync.py"])
def test_reading_a_user_is_asynchronous_in_both(name: str) -> None:
    assert ASYNCHRONOUS in router("users", name)


def test_only_reading_a_user_is_asynchronous_in_the_synchronous_routers() -> None:
    sources = [router(feature, "router_sync.py") for feature in FEATURES]
    found = [line for source in sources for line in source.splitlines() if "async def" in line]
    assert [line.split("(")[0] + "(" for line in found] == [ASYNCHRONOUS]


def test_every_folder_with_a_synchronous_router_is_compared() -> None:
    routers = (ROOT / "template" / "app").rglob("router_sync.py")
    assert {path.parent.name for path in routers} == set(FEATURES)
