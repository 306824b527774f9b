"""What a process of the service sets before its first request."""

import gc
import signal
import sys
import threading
from types import FrameType

from anyio import to_thread


def prepare_process(*, threads: int) -> None:
    # What is imported stays: looking through all of it again would stop every request for 0.1 s.
    # The thresholds stay too: with higher ones, what bursts leave behind is never collected.
    gc.collect()
    gc.freeze()
    # Python's own 4,300 let 1 MiB of such numbers hold the event loop for 0.1 s.
    sys.set_int_max_str_digits(1_000)
    to_thread.current_default_thread_limiter().total_tokens = threads
    end_at_the_second_sigterm()


def end_at_the_second_sigterm() -> None:
    """uvicorn lets requests finish at the first one, and waits for them at every other one too."""
    finish = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(finish):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        finish(number, frame)

    signal.signal(signal.SIGTERM, handle)
