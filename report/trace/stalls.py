"""Why each core waited, gap by gap between its jobs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.schedule.rates import barrier_cycles
from synaptile.simulator.schedule.timeline import Cause, Timeline

INPUT, NETWORK = 1, 2
"""`Stalls.kind`: an input had not been computed; it was on its way, or a receiver had no room."""

STALLS = ("none", "input", "network")
"""Names of the kinds; 0 is no stall."""


@dataclass(frozen=True)
class Stalls:
    """Stretches in which cores were stalled, shape (stalls,), by core and time: from `start_cycles` to before `end_cycles`."""

    core: Int32
    kind: NDArray[np.int8]
    start_cycles: Int64
    end_cycles: Int64


def stalls(timeline: Timeline) -> Stalls:
    """Split the gap before each job where the job that it waited for ended: an input until there, the network after it.

    Until a barrier lets its step begin a core is idle, as it is before its first job. A gap in which a job waited for room at a
    receiver is the network's.
    """
    jobs = timeline.jobs
    before = np.flatnonzero(jobs.core[1:] == jobs.core[:-1])
    job, end = before + 1, jobs.start_cycles[before + 1]
    begin = np.clip(_released(timeline)[job], jobs.end_cycles[before], end)
    cause, waited_for = jobs.cause[job], jobs.waited_for[job]
    awaits = ((cause == Cause.INPUT) | (cause == Cause.NETWORK)) & (waited_for >= 0)
    split = np.clip(np.where(awaits, jobs.end_cycles[waited_for], begin), begin, end)
    core = np.tile(jobs.core[job], 2)
    kind = np.repeat(np.array([INPUT, NETWORK], np.int8), job.size)
    starts, ends = np.concatenate([begin, split]), np.concatenate([split, end])
    kept = np.flatnonzero(ends > starts)
    order = kept[np.lexsort((starts[kept], core[kept]))]
    return Stalls(core[order], kind[order], starts[order], ends[order])


def _released(timeline: Timeline) -> Int64:
    """Cycle from which a barrier let the step of each job begin, shape (jobs,); 0 without barriers."""
    jobs, steps = timeline.jobs, timeline.activity.steps
    if timeline.opened_cycles is not None:
        return timeline.opened_cycles
    released: Int64 = np.zeros(timeline.images * steps, np.int64)
    if timeline.synchronisation == "barrier":
        ended = np.zeros_like(released)
        np.maximum.at(ended, jobs.image * steps + jobs.step, jobs.end_cycles)
        released[1:] = ended[:-1] + barrier_cycles(timeline.program.chip)
    of_job: Int64 = released[jobs.image * steps + jobs.step]
    return of_job
