"""What threads bring: the largest kernels and a whole run on one thread and on all, wall time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numba
import numpy as np

from benchmarks.measure import print_table, time_in_turn
from benchmarks.workloads import EMITTED, network, program_of, random_events, random_images
from synaptile.simulator import execute
from synaptile.simulator.kernels.synapse import accumulate, pack_tiles


def print_tables(*, quick: bool = False) -> None:
    """Wall time by number of threads; results are the same for all."""
    available = numba.get_num_threads()
    counts = sorted({1, *(2**k for k in range(1, 8) if 2**k <= available), available})
    graph = network(depth=2)
    program, images = program_of(graph), random_images(graph)
    rng = np.random.default_rng(0)
    tiles = pack_tiles(rng.standard_normal((1536, 384)).astype(np.float32), [(0, 1536, 0, 384)])
    events, bias, out = random_events(197, 384, 0.47), np.zeros(1536, np.float32), np.empty((197, 1536), np.float32)

    def kernel(threads: int) -> Callable[[], Any]:
        def call() -> None:
            numba.set_num_threads(threads)
            accumulate(events, EMITTED, tiles, bias, out)

        return call

    candidates: dict[tuple[str, int], Callable[[], Any]] = {}
    for threads in counts:
        candidates["197 x 384 -> 1536 at 47 %", threads] = kernel(threads)
        candidates["2 blocks of ViT-S/16, T = 4", threads] = partial(execute, program, images, 4, threads=threads)
    before = numba.get_num_threads()
    try:
        timings = time_in_turn(candidates, 5 if quick else 15, wall=True)
    finally:
        numba.set_num_threads(before)
    rows = []
    for (name, threads), timing in sorted(timings.items()):
        speedup = timings[name, 1].best / timing.best
        rows.append((name, str(threads), f"{timing.best * 1e3:.1f}", f"{timing.median * 1e3:.1f}", f"{speedup:.2f}"))
    print_table("Threads, wall time", ("what", "threads", "best ms", "median ms", "speed-up"), rows)
