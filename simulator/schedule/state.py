"""What changes while the event loop goes on, and what everything costs: arrays, grouped for the kernel."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.schedule.fabric import UNBOUNDED, FlitState, idle_flits
from synaptile.simulator.schedule.links import LinkState, idle_links
from synaptile.simulator.schedule.records import JOB, MESSAGE
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import Int8
from synaptile.simulator.schedule.wheel import Wheel, empty_wheel

READY = 1 << 60
"""Added to a job's number in an event that makes it ready: at one cycle, ends come before."""

SENT = 1 << 61
"""Added to a core's number in an event by which messages have left it: an output buffer is free."""

OUTPUT_BUFFERS = 2
"""Jobs whose output a core holds, the running one's included, where queues are bounded."""


IDLE = -1
"""In place of the cycle in which a core's job ends."""


class Total(IntEnum):
    """Places in `State.totals`: jobs that ended, jobs left in a step with a barrier, messages sent."""

    FINISHED = 0
    LEFT_IN_STEP = 1
    SENT = 2


class Costs(NamedTuple):
    """What jobs and messages of a stream take, its images' steps one after another.

    `duration` has shape (steps, jobs), cycles; `flits` and `busy`, cycles of a link, (steps, messages). `barrier_cycles` is -1
    without barriers. `hold` is how many steps a receiver holds of each token, `rank` and `job_at` the order in which a core takes
    ready jobs, see `plan.preference`. `image_steps` are the steps of an image.
    """

    duration: Int64
    flits: Int32
    busy: Int32
    barrier_cycles: int
    hold: int
    rank: Int32
    job_at: Int32
    image_steps: int


class Cores(NamedTuple):
    """Cores. Ready jobs of core c are a heap of `waiting[c]` at ``queue[offset[c]:]``.

    `until` is when its job `last[c]` ends, IDLE where none runs. `touched` lists cores that may start a job, marked in `mark`;
    `starting` the jobs about to start. `started` has shape (parts, hold): row jobs of a product that have started in a step.
    Where queues are bounded, `leaving` counts jobs that ended and have messages left to send, `unsent` (jobs,) those messages;
    `freed` is when all of one job's had last left.
    """

    offset: Int64
    queue: Int64
    waiting: Int64
    until: Int64
    last: Int32
    touched: Int32
    mark: Int8
    starting: Int64
    started: Int32
    leaving: Int32
    freed: Int64
    unsent: Int32


class State(NamedTuple):
    """What is known of all jobs and messages so far.

    `jobs`, of type JOB, and `start` have shape (steps * jobs,), by step and place; `messages`, of type MESSAGE, shape (steps *
    messages,), by step and slot. `released` has shape (steps,): when a barrier let each begin.
    """

    cores: Cores
    links: LinkState
    bounded: FlitState
    jobs: Any
    start: Int64
    messages: Any
    released: Int64
    wheel: Wheel
    totals: Int64


def initial_state(tables: Tables, costs: Costs) -> State:
    """Nothing has happened yet in any step of the stream."""
    steps, hold = len(costs.duration), costs.hold
    jobs, messages, cores = steps * tables.jobs.size, steps * tables.slots.tree.size, tables.links.cores
    bounded = tables.fabric.control != UNBOUNDED
    events = tables.jobs.size + 2 * cores  # a part has one ready token of a number at a time, a core one end and one that sent
    network = idle_flits(tables.fabric, messages if bounded else 0)
    return State(
        cores=Cores(
            offset=np.searchsorted(np.sort(tables.jobs.core), np.arange(cores + 1)).astype(np.int64),
            queue=np.zeros(tables.jobs.size, np.int64),
            waiting=np.zeros(cores, np.int64),
            until=np.full(cores, IDLE, np.int64),
            last=np.full(cores, -1, np.int32),
            touched=np.zeros(cores, np.int32),
            mark=np.zeros(cores, np.int8),
            starting=np.zeros(cores, np.int64),
            started=np.zeros((tables.jobs.operands.size, hold), np.int32),
            leaving=np.zeros(cores, np.int32),
            freed=np.full(cores, -1, np.int64),
            unsent=np.zeros(jobs if bounded else 0, np.int32),
        ),
        links=idle_links(tables.links, tables.trees),
        bounded=network,
        jobs=_jobs(jobs),
        start=np.full(jobs, -1, np.int64),
        messages=_messages(costs),
        released=np.zeros(steps, np.int64),
        wheel=empty_wheel(events),
        totals=np.zeros(len(Total), np.int64),
    )


def _jobs(jobs: int) -> Any:
    """Jobs of which nothing is known, none of them across two lines of the cache."""
    room = np.zeros((jobs + 2) * JOB.itemsize, np.uint8)
    begin = -room.ctypes.data % (2 * JOB.itemsize)
    records = room[begin : begin + jobs * JOB.itemsize].view(JOB)
    records["waited_for"] = records["producer"] = -1
    return records


def _messages(costs: Costs) -> Any:
    """Messages that have not been sent."""
    records = np.zeros(costs.flits.size, MESSAGE)
    records["flits"], records["busy"] = costs.flits.reshape(-1), costs.busy.reshape(-1)
    return records
