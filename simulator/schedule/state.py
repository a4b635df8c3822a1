"""The arrays that the event loop works on, grouped, and the numbers that stand for names in them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Int8 = NDArray[np.int8]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

INPUT, NETWORK, CORE, OUTPUT, BARRIER = 1, 2, 3, 4, 5
"""As `synaptile.simulator.schedule.timeline.Cause`, for kernels."""

WINDOW, ROWS = 0, 2
"""As `synaptile.simulator.schedule.plan.Room`, for kernels."""

READY = 1 << 60
"""Added to a job's number in an event that makes it ready: at one cycle, ends come before."""

EVENTS, FINISHED, LEFT_IN_STEP, DELIVERIES = 0, 1, 2, 3
"""Places in `State.totals`."""

BARRIER_CYCLES, FIRST_INJECTION = 0, 1
"""Places in `Jobs.figures`."""


class Jobs(NamedTuple):
    """Jobs of a step, see `plan.StepJobs`; a step's rows are repeated over ``duration.shape[0]`` steps.

    `rows` has shape (parts,): row jobs of a product, 0 for other parts. `send` (jobs + 1,) and `tree` (messages,)
    are the offset and tree of `trees.Slots`. `duration` has shape (steps, jobs), `flits` and `busy` (steps, messages). `figures`
    holds BARRIER_CYCLES, -1 where there is no barrier, and FIRST_INJECTION, the injection link of core 0.
    """

    part: Int32
    token: Int32
    core: Int32
    place: Int64
    row_of: Int32
    first: Int64
    rows: Int32
    send: Int64
    tree: Int32
    duration: Int64
    flits: Int32
    busy: Int32
    figures: Int64


class Flows(NamedTuple):
    """Flows, see `plan.FlowRules`.

    Those within a core are ``inside[inside_offset[p]:]`` by source part p, all ``arriving[arriving_offset[p]:]`` by target part.
    """

    sender: Int64
    receiver: Int64
    stride: Int32
    tokens: Int32
    token_start: Int32
    room: Int32
    depth: Int32
    inside_offset: Int64
    inside: Int32
    arriving_offset: Int64
    arriving: Int32


class State(NamedTuple):
    """What changes. Columns of shape (steps * jobs,) belong to jobs, of shape (steps * messages,) to messages.

    `need` counts what a job still waits for; `ready`, `cause` and `waited_for` follow the latest of it so far; `arrived` is the
    latest arrival of an input, `made` when its producer ended. `totals` and the event heap (`time`, `key`) are shared.
    """

    need: Int32
    ready: Int64
    start: Int64
    arrived: Int64
    made: Int64
    cause: Int8
    waited_for: Int32
    injected: Int64
    delivered: Int64
    released: Int64
    time: Int64
    key: Int64
    totals: Int64


class Cores(NamedTuple):
    """Cores. Ready jobs of core c are a heap of `waiting[c]` at ``queue[offset[c]:]``; `busy` is 1 while it runs `last[c]`.

    `touched` lists cores that may start a job, marked in `mark`; `chosen` the jobs about to start. `started` has shape
    (parts,): row jobs of a product that have started in the current step.
    """

    offset: Int64
    queue: Int64
    waiting: Int64
    busy: Int8
    last: Int32
    touched: Int32
    mark: Int8
    chosen: Int64
    started: Int32
