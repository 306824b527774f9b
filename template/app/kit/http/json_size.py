"""How many values a JSON text has, and how deeply they are nested, found without parsing it."""

from itertools import accumulate

STEPS = {b"["[0]: 1, b"{"[0]: 1, b"]"[0]: -1, b"}"[0]: -1}
NO_BRACKETS = bytes(byte for byte in range(256) if byte not in STEPS)


def openings(text: bytes) -> int:
    return text.count(b"[") + text.count(b"{")


def values(text: bytes) -> int:
    """Each value but the first follows a comma or opens an array or an object."""
    return 1 + text.count(b",") + openings(text)


def depth(text: bytes) -> int:
    brackets = text.translate(None, NO_BRACKETS)
    return max(accumulate(map(STEPS.__getitem__, brackets)), default=0)


def is_within(text: bytes, *, most_values: int, deepest: int) -> bool:
    # Strings can only add to both, so most texts are looked through no further.
    if values(text) <= most_values and openings(text) <= deepest:
        return True
    if b"\0" not in text:  # else it is UTF-16 or UTF-32, where a quote is more than one byte
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        # Each string is a value, or a key that has one.
        if text.count(b'"') > 4 * most_values:
            return False
        text = b"".join(text.split(b'"')[::2])
    return values(text) <= most_values and depth(text) <= deepest
