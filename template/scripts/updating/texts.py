"""One file on the three sides, and the ways to merge it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts.updating.trees import merge_file
from scripts.updating.versions import align_versions


class Sides(NamedTuple):
    """One file on the three sides, with line feeds."""

    base: bytes
    ours: bytes
    theirs: bytes


def attempts(plain: Sides, formatted: Sides | None) -> Iterator[Sides]:
    """The ways to merge a file, the best first."""
    if formatted is None:
        yield plain
    elif formatted.ours == plain.ours:
        yield formatted
        yield plain
    else:
        yield plain
        yield formatted


def first_clean(folder: Path, tries: Iterator[Sides], *, aligned: bool) -> tuple[bytes, bool]:
    """The first way that leaves nothing to merge, or else what the best one leaves."""
    worst: tuple[bytes, bool] | None = None
    for sides in tries:
        result, clean = merge_file(folder, *(align(sides) if aligned else sides))
        if clean:
            return result, True
        worst = worst or (result, False)
    return worst or (b"", False)


def align(sides: Sides) -> Sides:
    """Bytes that are no UTF-8 come out as they went in."""
    texts = align_versions(*(side.decode(errors="surrogateescape") for side in sides))
    return Sides(*(text.encode(errors="surrogateescape") for text in texts))


def has_crlf(content: bytes) -> bool:
    return 2 * content.count(b"\r\n") > content.count(b"\n")


def to_line_feeds(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n") if has_crlf(content) else content
