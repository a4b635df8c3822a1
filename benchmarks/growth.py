"""How the time of a run grows with steps, tokens, width and activity: fitted exponents, one thread, CPU time."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np

from benchmarks.measure import fit_exponent, print_table, time_in_turn
from benchmarks.workloads import EMITTED, network, program_of, random_events, random_images
from synaptile.simulator import execute
from synaptile.simulator.activity import OPS
from synaptile.simulator.kernels.synapse import accumulate, pack_tiles

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Names of the GNU C library's options."""
Axes = dict[str, list[tuple[int, int, int, int, int]]]
"""What grows: depth, tokens, width, steps and images of each run."""


def print_tables(*, quick: bool = False) -> None:
    """Growth of the synapse kernel, then of whole runs."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    _keep_memory()
    try:
        rounds = 3 if quick else 9
        _print_kernel(rounds)
        _print_runs(rounds)
    finally:
        numba.set_num_threads(before)


def _keep_memory() -> None:
    """Let the C library keep what is freed, where it can: fresh pages cost what the machine's host asks for them, run by run."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def _print_kernel(rounds: int) -> None:
    """Time against accumulates, as one extent grows; 197 tokens, 768 -> 1536 and density 0.4 where it stays."""
    axes: dict[str, list[tuple[int, int, int, float]]] = {
        "tokens": [(tokens, 768, 1536, 0.4) for tokens in (64, 128, 256, 512)],
        "fan-in": [(197, fan_in, 1536, 0.4) for fan_in in (384, 768, 1536, 3072)],
        "outputs": [(197, 768, outputs, 0.4) for outputs in (384, 768, 1536, 3072)],
        "density": [(197, 768, 1536, density) for density in (0.1, 0.2, 0.4, 0.8)],
    }
    rows = []
    for axis, cases in axes.items():
        candidates: dict[int, Callable[[], Any]] = {}
        for case in cases:
            call, work = _case(*case)
            candidates[work] = call
        timings = time_in_turn(candidates, rounds)
        rates = [f"{work / timing.best / 1e9:.1f}" for work, timing in timings.items()]
        exponent = fit_exponent(np.array(list(timings)), np.array([timing.best for timing in timings.values()]))
        rows.append((axis, *rates, f"{exponent:.2f}"))
    header = ("axis, x1 x2 x4 x8", "G acc/s", "G acc/s", "G acc/s", "G acc/s", "time ~ accumulates^")
    print_table("Synapse kernel, float32", header, rows)


def _case(tokens: int, fan_in: int, outputs: int, density: float) -> tuple[Callable[[], Any], int]:
    weight = np.random.default_rng(0).standard_normal((outputs, fan_in)).astype(np.float32)
    tiles, events = pack_tiles(weight, [(0, outputs, 0, fan_in)]), random_events(tokens, fan_in, density)
    bias, out = np.zeros(outputs, np.float32), np.empty((tokens, outputs), np.float32)
    return lambda: accumulate(events, EMITTED, tiles, bias, out), int(events.counts.sum()) * outputs


def _print_runs(rounds: int) -> None:
    """Time of whole runs: of a small network, and of blocks as wide and with as many tokens as EVA-g's."""
    small: Axes = {
        "steps T": [(2, 65, 192, steps, 1) for steps in (2, 4, 8, 16)],
        "tokens": [(2, tokens, 192, 4, 1) for tokens in (65, 129, 257)],
        "width": [(2, 65, width, 4, 1) for width in (192, 384, 768)],
        "depth": [(depth, 65, 192, 4, 1) for depth in (1, 2, 4, 8)],
    }
    wide: Axes = {
        "steps T": [(2, 577, 1408, steps, 1) for steps in (4, 8, 16)],
        "images": [(1, 577, 1408, 4, images) for images in (1, 2, 4)],
        "depth": [(depth, 577, 1408, 4, 1) for depth in (2, 4, 8)],
    }
    _print_growth("2 blocks, 65 tokens, width 192, T = 4 where it stays", small, 64, rounds)
    _print_growth(
        "EVA-g's blocks: 577 tokens, width 1408; 2 blocks, T = 4 where they stay (images: 1 block)", wide, 88, (rounds + 1) // 2
    )


def _print_growth(title: str, axes: Axes, head_width: int, rounds: int) -> None:
    """Time of whole runs, with all counts, against accumulates executed and against what grows.

    The two differ where a larger run fires more for its size: a network's first step fires least, and so does its first block.
    """
    rows = []
    for axis, cases in axes.items():
        candidates: dict[int, Callable[[], Any]] = {}
        for depth, tokens, width, steps, count in cases:
            graph = network(depth, tokens, width, width // head_width, classes=10)
            program, images = program_of(graph), random_images(graph, count)
            candidates[accumulates(program, images, steps)] = partial(execute, program, images, steps, threads=1)
        timings = time_in_turn(candidates, rounds)
        sizes, times = np.array(list(timings)), np.array([timing.best for timing in timings.values()])
        extent = fit_exponent(np.array([np.prod(case) for case in cases], np.float64), times)
        cells = [f"{size / 1e6:.0f}: {time * 1e3:.0f}" for size, time in zip(sizes, times, strict=True)]
        rows.append((axis, *cells, *[""] * (4 - len(cells)), f"{fit_exponent(sizes, times):.2f}", f"{extent:.2f}"))
    header = ("axis", *["M acc: ms"] * 4, "time ~ accumulates^", "~ size^")
    print_table(f"Whole runs with all counts, float32; {title}", header, rows)


def accumulates(program: Any, images: Any, steps: int) -> int:
    """Accumulates that the cores issued: what is executed, not the published formula, whose product terms grow with T."""
    operations = execute(program, images, steps, threads=1).operations
    return int(operations.count[operations.op == OPS.index("ac")].sum())
