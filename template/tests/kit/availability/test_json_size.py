"""What is counted without parsing is what parsing finds."""

import json
from typing import Any

import pytest

from app.kit.http.json_size import is_within

TEXTS = [
    "1",
    "[]",
    "{}",
    '""',
    "[1, 2, [3, {}]]",
    '{"a": {"b": [1, "[,{", "\\"[[", "\\\\"]}, "c": null}',
    '["\\\\\\\\", "\\\\\\"[[[,", "ä", "\\ud83d\\ude00"]',
    '[{"a,": []}, "x"]',
]


def count(value: Any) -> tuple[int, int]:
    inside = [*value.values()] if isinstance(value, dict) else value
    if not isinstance(inside, list):
        return 1, 0
    values, depths = zip(*map(count, inside), strict=True) if inside else ((), ())
    return 1 + sum(values), 1 + max(depths, default=0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("text", TEXTS)
def test_values_and_depth_are_those_that_parsing_finds(text: str, encoding: str) -> None:
    values, depth = count(json.loads(text))
    # An empty array or object counts as one that has a value.
    values += text.count("[]") + text.count("{}")
    encoded = text.encode(encoding)
    assert is_within(encoded, most_values=values, deepest=depth)
    if depth:
        assert not is_within(encoded, most_values=values, deepest=depth - 1)
        assert not is_within(encoded, most_values=values - 1, deepest=depth)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_no_encoding_hides_values(encoding: str) -> None:
    text = json.dumps(['"', *range(100)]).encode(encoding)
    assert not is_within(text, most_values=50, deepest=10)
