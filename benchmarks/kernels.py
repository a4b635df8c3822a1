"""Accumulate kernels against dense sgemm, the first-level cache and memory, single thread against single thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np
import torch

from benchmarks import limits
from benchmarks.measure import Figures, Timing, print_table, time_in_turn
from benchmarks.workloads import EMITTED, LEVELS, random_events
from synaptile.simulator.kernels.integer import IntegerScale, accumulate_integer
from synaptile.simulator.kernels.machine import PANEL, VECTOR_BITS
from synaptile.simulator.kernels.synapse import accumulate, pack_tiles

SHAPES = ((197, 384, 1536), (197, 1536, 384), (577, 1408, 6144))
DENSITIES = (0.47, 0.2, 0.1)
Key = tuple[str, float]


def print_tables(*, quick: bool = False) -> Figures:
    """The rate of each shape at each density; for the history, against sgemm and as a share of first-level loads."""
    figures: Figures = {}
    threads, torch_threads = numba.get_num_threads(), torch.get_num_threads()
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    try:
        rounds = time_in_turn({"cached": limits.cached_loads(), "streamed": limits.streamed_loads()}, 9)
        cached = limits.CACHED_FLOATS * limits.PASSES / rounds["cached"].best
        streamed = limits.STREAMED_FLOATS / rounds["streamed"].best
        print(f"\nLimits: {cached / 1e9:.1f} G floats/s loaded from first-level cache, {streamed / 1e9:.1f} streamed from memory")
        for shape in SHAPES[:2] if quick else SHAPES:
            figures |= _print_shape(shape, cached, 5 if shape == SHAPES[2] else 15)
    finally:
        numba.set_num_threads(threads)
        torch.set_num_threads(torch_threads)
    return figures


def _print_shape(shape: tuple[int, int, int], cached: float, rounds: int) -> Figures:
    tokens, fan_in, channels = shape
    macs = tokens * fan_in * channels
    events = {density: random_events(tokens, fan_in, density) for density in DENSITIES}
    timings = time_in_turn(_candidates(shape, events), rounds)
    dense = timings["sgemm", 1.0]
    rows, figures = [], Figures()
    for (name, density), timing in timings.items():
        work = macs if density == 1.0 else int(events[density].counts.sum()) * channels
        rows.append((name, f"{density:.0%}", *_cells(timing, work, macs, dense, cached)))
        if name in ("float32", "int8"):
            place = f"{tokens} x {fan_in} -> {channels}, {name} at {density:.0%}"
            figures |= {f"{place}, x sgemm": dense.best / timing.best, f"{place}, of L1 loads": work / timing.best / cached}
    title = f"{tokens} x {fan_in} -> {channels}, one thread, {VECTOR_BITS}-bit vectors, panels of {PANEL}"
    header = ("kernel", "density", "best ms", "median ms", "G acc/s", "of L1 loads", "G dense MAC/s", "x sgemm", "median x")
    print_table(title, header, rows)
    return figures


def _candidates(shape: tuple[int, int, int], events: dict[float, Any]) -> dict[Key, Callable[[], Any]]:
    tokens, fan_in, channels = shape
    rng = np.random.default_rng(0)
    weight, x = (rng.standard_normal((n, fan_in)).astype(np.float32) for n in (channels, tokens))
    turned, out = np.ascontiguousarray(weight.T), np.empty((tokens, channels), np.float32)
    one, bias = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    levels = np.clip(np.rint(weight * 30), -127, 127).astype(np.int8)
    whole = [(0, channels, 0, fan_in)]
    tiles, integer_tiles, scale = pack_tiles(weight, whole), pack_tiles(levels, whole), IntegerScale(one, one, bias)
    torch_x, torch_weight = torch.from_numpy(x), torch.from_numpy(weight)
    candidates: dict[Key, Callable[[], Any]] = {
        ("sgemm", 1.0): lambda: np.dot(x, turned, out=out),
        ("torch linear", 1.0): lambda: torch.nn.functional.linear(torch_x, torch_weight),
    }
    for density, some in events.items():
        candidates["float32", density] = partial(accumulate, some, EMITTED, tiles, bias, out)
        candidates["int8", density] = partial(accumulate_integer, some, integer_tiles, scale, out, LEVELS)
    return candidates


def _cells(timing: Timing, work: int, macs: int, dense: Timing, cached: float) -> tuple[str, ...]:
    return (
        f"{timing.best * 1e3:.2f}",
        f"{timing.median * 1e3:.2f}",
        f"{work / timing.best / 1e9:.1f}",
        f"{work / timing.best / cached:.0%}",
        f"{macs / timing.best / 1e9:.1f}",
        f"{dense.best / timing.best:.2f}",
        f"{dense.median / timing.median:.2f}",
    )
