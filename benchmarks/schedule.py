"""The schedule: messages a second of the event loop alone, on one thread and several, and of all that `schedule` does.

Loops side by side are independent schedules, as those of phases and of groups of images that share a load are; a stream that the
whole chip takes is one pipeline, and one loop. Beside them what one access to memory takes where nothing foretells the next, over
as many bytes as the records of jobs fill: a job is met from several sides, and what a cache does not hold bounds the loop.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
from numba import get_num_threads

from benchmarks.measure import print_table, time_in_turn
from benchmarks.workloads import network, program_of, random_images
from synaptile.simulator import execute, schedule
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.compiled import kernel
from synaptile.simulator.parallel import in_threads
from synaptile.simulator.schedule.kernel import Status, prepare, run
from synaptile.simulator.schedule.loads import loads_of
from synaptile.simulator.schedule.plan import preference
from synaptile.simulator.schedule.records import JOB
from synaptile.simulator.schedule.state import Costs, initial_state
from synaptile.simulator.schedule.tables import Tables, tables_of
from synaptile.simulator.schedule.work import work_of

STEPS, STREAM = 4, 4
LIMIT = 5 * 1.7
"""Million messages a second of the event loop: five times what it did at first."""


def print_tables(*, quick: bool = False) -> None:
    """ViT-Ti/16's shape at T = 4, dataflow: one image, and a stream."""
    graph = network(width=192, heads=3)
    program, images = program_of(graph), random_images(graph, STREAM)
    activity, tables = execute(program, images, STEPS), tables_of(program)
    rows, threads = [], get_num_threads()
    for count in (1,) if quick else (1, STREAM):
        counts = SpikeCounts(activity, count)
        work, loads = work_of(program, tables.jobs, counts, STEPS, count), loads_of(program, tables, counts, (count, STEPS))
        rank, job_at = preference(program, tables.jobs, STEPS)
        costs = Costs(work.duration, loads.flits, loads.busy, -1, 1, rank, job_at, STEPS)
        loop, beside = [], []
        for _ in range(3 if quick else 7):
            loop.append(_loop(tables, costs))
            start = time.perf_counter()
            list(in_threads(partial(_loop, tables), 2 * threads * [costs]))
            beside.append((time.perf_counter() - start) / (2 * threads))
        whole = time_in_turn({"whole": partial(schedule, activity, images=count)}, 1 if quick else 3)["whole"].best
        messages = loads.flits.size / 1e6
        rates = messages / min(loop[1:]), messages / min(beside[1:]), messages / whole
        access = random_access_ns(work.duration.size * JOB.itemsize)
        met = ", ".join("yes" if rate >= LIMIT else "no" for rate in rates[:2])
        rows.append(
            (
                f"{count}",
                f"{work.duration.size / 1e6:.2f}",
                f"{messages:.2f}",
                *(f"{r:.2f}" for r in rates),
                f"{access:.0f}",
                f"{LIMIT}",
                met,
            )
        )
    header = (
        "images",
        "M jobs",
        "M messages",
        "event loop, M messages per s",
        f"{2 * threads} loops on {threads} threads",
        "schedule()",
        "a random access, ns",
        "limit of the loop",
        "met by one, by several",
    )
    print_table("Schedule of ViT-Ti/16, T = 4: CPU time, of several loops the time on the clock", header, rows)


def _loop(tables: Tables, costs: Costs) -> float:
    """Seconds of CPU of one whole event loop."""
    state = initial_state(tables, costs)
    start = time.thread_time()
    prepare(tables, costs, state)
    assert run(tables, costs, state, costs.duration.size + 1) == Status.DONE
    return time.thread_time() - start


def random_access_ns(size: int) -> float:
    """Nanoseconds of a load of which the one before gives the address, over `size` bytes, a cache line each."""
    lines = np.random.default_rng(0).permutation(max(size // 64, 2))
    following = np.zeros(lines.size * 8, np.int64)
    following[lines * 8] = np.roll(lines, -1) * 8
    walk = partial(_walk, following, lines.size)
    return time_in_turn({"walk": walk}, 3)["walk"].best / lines.size * 1e9


@kernel
def _walk(following: Any, count: int) -> int:
    at = 0
    for _ in range(count):
        at = following[at]
    return at
