"""The schedule: messages a second on one core, of the event loop alone and of all that `schedule` does.

Beside them what one access to memory takes where nothing foretells the next, over as many bytes as the records of jobs fill: a
message comes with more than one job, each met from several sides, and what a cache does not hold bounds the loop.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np

from benchmarks.measure import print_table, time_in_turn
from benchmarks.workloads import network, program_of, random_images
from synaptile.simulator import execute, schedule
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.compiled import kernel
from synaptile.simulator.schedule.kernel import Status, prepare, run
from synaptile.simulator.schedule.loads import loads_of
from synaptile.simulator.schedule.plan import preference
from synaptile.simulator.schedule.records import JOB
from synaptile.simulator.schedule.state import Costs, initial_state
from synaptile.simulator.schedule.tables import tables_of
from synaptile.simulator.schedule.work import work_of

STEPS, STREAM = 4, 4
LIMIT = 5 * 1.7
"""Million messages a second of the event loop: five times what it did at first."""


def print_tables(*, quick: bool = False) -> None:
    """ViT-Ti/16's shape at T = 4, dataflow: one image, and a stream."""
    graph = network(width=192, heads=3)
    program, images = program_of(graph), random_images(graph, STREAM)
    activity, tables = execute(program, images, STEPS), tables_of(program)
    rows = []
    for count in (1,) if quick else (1, STREAM):
        counts = SpikeCounts(activity, count)
        work, loads = work_of(program, tables.jobs, counts, STEPS, count), loads_of(program, tables, counts, (count, STEPS))
        rank, job_at = preference(program, tables.jobs, STEPS)
        costs = Costs(work.duration, loads.flits, loads.busy, -1, 1, rank, job_at, STEPS)
        loop = []
        for _ in range(3 if quick else 7):
            state = initial_state(tables, costs)
            start = time.thread_time()
            prepare(tables, costs, state)
            assert run(tables, costs, state, work.duration.size + 1) == Status.DONE
            loop.append(time.thread_time() - start)
        whole = time_in_turn({"whole": partial(schedule, activity, images=count)}, 1 if quick else 3)["whole"].best
        messages = loads.flits.size / 1e6
        rates = messages / min(loop[1:]), messages / whole
        access = random_access_ns(work.duration.size * JOB.itemsize)
        met = "yes" if rates[0] >= LIMIT else "no"
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
        "schedule(), M messages per s",
        "a random access, ns",
        "limit of the loop",
        "met",
    )
    print_table("Schedule of ViT-Ti/16, T = 4, one thread, CPU time", header, rows)


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
