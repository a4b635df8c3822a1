"""Timing that bears a busy machine: candidates in turn, round after round, medians and minima."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Figures = dict[str, float]
"""What a table adds to the history: ratios to something else that was timed in the same run, by name."""
Name = TypeVar("Name", bound=Hashable)
SHORTEST_NS = 2_000_000
"""A candidate is repeated until it takes this long, so that the clock's grain does not show."""


class Timing(NamedTuple):
    """Seconds a call: the best and the median round."""

    best: float
    median: float


def time_in_turn(candidates: Mapping[Name, Callable[[], Any]], rounds: int, *, wall: bool = False) -> dict[Name, Timing]:
    """Time every candidate once a round, so that a change of the machine's speed meets all of them.

    Single-threaded work is timed in CPU time of this thread, which leaves out the time other processes ran; `wall` is for
    work on several threads.
    """
    clock = time.perf_counter_ns if wall else time.thread_time_ns
    repeats: dict[Name, int] = {}
    for name, call in candidates.items():
        call()
        start = clock()
        call()
        repeats[name] = max(1, SHORTEST_NS // max(1, clock() - start))
    taken: dict[Name, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, call in candidates.items():
            start = clock()
            for _ in range(repeats[name]):
                call()
            taken[name].append((clock() - start) / repeats[name] * 1e-9)
    return {name: Timing(min(times), float(np.median(times))) for name, times in taken.items()}


class Child(NamedTuple):
    """What a process took: CPU and wall time, seconds; peak resident memory, GiB."""

    cpu: float
    wall: float
    peak: float


def run_child(command: Sequence[str]) -> Child:
    """Run a command to its end, its output away. Raises CalledProcessError where it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    return Child(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 2**20)


def fit_exponent(sizes: NDArray[Any], times: NDArray[Any]) -> float:
    """The exponent p of time ~ size^p, by least squares on logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def print_table(title: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A plain table, numbers to the right, the machine's load beside the title."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}  [load {load:.1f} on {os.cpu_count()} processors]")
    for row in [header, tuple("-" * width for width in widths), *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        print("  ".join(cells))
