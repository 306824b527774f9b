"""Ctrl-C and its like: they stop an update, but never in the middle of a change."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# The last one is a closed terminal's; Windows has none.
SIGNALS = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class Stopped(BaseException):
    """A signal came."""


def stop(*_: object) -> None:
    raise Stopped


def stop_on_signals() -> None:
    for number in SIGNALS:
        signal.signal(number, stop)


@contextmanager
def deferred() -> Iterator[list[int]]:
    """Note the signals that come, and let the work end."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
