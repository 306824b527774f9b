"""What runs on which core, and what a process and its children cost."""

import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil


class Cores(NamedTuple):
    """Empty, where there are too few to keep the server apart from what asks it."""

    server: list[int]
    others: list[int]

    def __str__(self) -> str:
        if not self.server:
            return "not pinned: wrk and PostgreSQL take from the server's time"
        return f"server on core {joined(self.server)}, wrk and PostgreSQL on {joined(self.others)}"


def joined(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def usable() -> list[int]:
    # macOS cannot pin a process.
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


USABLE = usable()


def cores(workers: int) -> Cores:
    """A core for each worker, where that leaves one for the rest."""
    if len(USABLE) <= workers:
        return Cores([], [])
    return Cores(USABLE[:workers], USABLE[workers:])


def tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def pin(process: psutil.Process, chosen: list[int]) -> None:
    """The process, and what it starts from now on."""
    if USABLE:
        for each in tree(process):
            with suppress(psutil.NoSuchProcess):  # a backend that has ended meanwhile
                each.cpu_affinity(chosen or USABLE)


def own_cpu_seconds(process: psutil.Process) -> float:
    if platform.system() == "Linux":
        # What clock_getcpuclockid makes of a pid: /proc counts in hundredths of a second only.
        return time.clock_gettime(~process.pid << 3 | 2)
    return sum(process.cpu_times()[:2])


def cpu_seconds(process: psutil.Process) -> float:
    """Of the process and its children, also of those that have ended."""
    used = 0.0
    for each in tree(process):
        with suppress(OSError, psutil.NoSuchProcess):
            used += own_cpu_seconds(each)
    ended = process.cpu_times()
    return used + ended.children_user + ended.children_system


def wait_until_idle(process: psutil.Process) -> None:
    """What nobody waits for any more is still worked on, and would fall to the next measurement."""
    used = -1.0
    while (now := cpu_seconds(process)) - used > 0.01:
        used = now
        time.sleep(0.1)


def resident_mb(process: psutil.Process) -> float:
    """Of the largest: with several workers that is one of them, not what watches over them."""
    return max(each.memory_info().rss for each in tree(process)) / 2**20


def describe() -> dict[str, str | int]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": len(USABLE) or os.cpu_count() or 1,
        "system": platform.system(),
    }
