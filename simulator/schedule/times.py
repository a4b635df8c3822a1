"""What a schedule found: when all jobs and messages happened, taken from the event loop's state in the order of the tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.schedule.fabric import UNBOUNDED
from synaptile.simulator.schedule.links import carried, largest
from synaptile.simulator.schedule.state import Costs, State
from synaptile.simulator.schedule.tables import Tables
from synaptile.simulator.schedule.timeline import Int8, PhaseTable


class Times(NamedTuple):
    """Jobs by number (``step * jobs + row``), shape (steps * jobs,); messages by step and slot, shape (steps * messages,).

    `made` is when the producer of the input that arrived last had ended. `released` (steps,) is when a barrier let each step
    begin. `flits`, `busy` and `peak` (links,) are what a `LinkTable` reports. The others are as in a `JobTable` and a
    `MessageTable`, but that `waited_for` is a job's number.
    """

    ready: Int64
    start: Int64
    made: Int64
    cause: Int8
    waited_for: Int32
    injected: Int64
    delivered: Int64
    send_order: Int32
    released: Int64
    flits: Int64
    busy: Int64
    peak: Int64


class Outcome(NamedTuple):
    """The times of all; `opened` is when the step or the phase of each job could begin, shape (steps * jobs,)."""

    times: Times
    opened: Int64
    phases: PhaseTable | None


def no_times(tables: Tables, steps: int) -> Times:
    """Times to be filled in, of `steps` steps of the stream."""
    jobs, messages, links = steps * tables.jobs.size, steps * tables.slots.tree.size, tables.links.kind.size
    ready, start, made = np.zeros((3, jobs), np.int64)
    injected, delivered = np.zeros((2, messages), np.int64)
    return Times(
        ready,
        start,
        made,
        np.zeros(jobs, np.int8),
        np.full(jobs, -1, np.int32),
        injected,
        delivered,
        np.zeros(messages, np.int32),
        np.zeros(steps, np.int64),
        *np.zeros((3, links), np.int64),
    )


def times_of(tables: Tables, costs: Costs, state: State) -> Times:
    """The times of a state after the last job, or as far as it came: `start` is -1 of jobs that did not."""
    jobs, slots = tables.jobs, tables.slots
    steps, rows = costs.duration.shape
    at = (np.arange(steps)[:, None] * rows + jobs.place).reshape(-1)
    number = (np.arange(steps, dtype=np.int32)[:, None] * np.int32(rows) + jobs.row_of).reshape(-1)
    records, messages, start = state.jobs[at], state.messages, state.start[at]
    end = start + costs.duration.reshape(-1)
    waited_for, producer = records["waited_for"], records["producer"]
    if tables.fabric.control == UNBOUNDED:
        core, once = jobs.core[slots.row], (costs.flits.sum(axis=0), costs.busy.sum(axis=0))
        flits, busy = (carried(tables.links, tables.trees, slots.tree, core, each) for each in once)
        peak = np.maximum(
            state.links.links["peak"], largest(tables.links, tables.trees, slots.tree, core, costs.flits.max(axis=0))
        )
        injected = messages["injected"].copy()
    else:
        injected = state.bounded.injected
        flits, busy, peak = state.bounded.flits, state.bounded.busy, state.bounded.peak
    return Times(
        records["ready"].copy(),
        start,
        np.where(producer < 0, 0, end[number[producer]]),
        records["cause"].astype(np.int8),
        np.where(waited_for < 0, np.int32(-1), number[waited_for]),
        injected,
        messages["delivered"].copy(),
        messages["order"].copy(),
        state.released,
        flits,
        busy,
        peak,
    )
