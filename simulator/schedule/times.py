"""What a schedule found: when all jobs and messages happened, taken from the event loop's state in the order of the tables."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.fabric import UNBOUNDED
from synaptile.simulator.schedule.links import carried
from synaptile.simulator.schedule.plan import StepJobs
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
    jobs, slots, messages = tables.jobs, tables.slots, state.messages
    found = no_times(tables, costs.duration.shape[0])
    _by_number(jobs, state.jobs, state.start, costs.duration, found)
    if tables.fabric.control == UNBOUNDED:
        over = tables.links, tables.trees, slots.tree, jobs.core[slots.row]
        flits, busy = (carried(*over, each.sum(axis=0)) for each in (costs.flits, costs.busy))
        peak = np.maximum(state.links.links["peak"], carried(*over, costs.flits.max(axis=0, initial=0), np.maximum))
        injected = messages["injected"].copy()
    else:
        flits, busy, peak, injected = state.bounded.flits, state.bounded.busy, state.bounded.peak, state.bounded.injected
    return found._replace(
        injected=injected,
        delivered=messages["delivered"].copy(),
        send_order=messages["order"].copy(),
        released=state.released,
        flits=flits,
        busy=busy,
        peak=peak,
    )


@uncounted
def _by_number(jobs: StepJobs, records: Any, start: Int64, duration: Int64, out: Times) -> None:
    """Times of jobs, which the loop holds by place."""
    steps, rows = duration.shape
    for step in range(steps):
        for row in range(rows):
            number, place = step * rows + row, step * rows + jobs.place[row]
            producer, waited_for = records[place]["producer"], records[place]["waited_for"]
            out.ready[number], out.start[number] = records[place]["ready"], start[place]
            out.cause[number] = records[place]["cause"]
            if waited_for >= 0:
                out.waited_for[number] = waited_for // rows * rows + jobs.row_of[waited_for % rows]
            if producer >= 0:
                out.made[number] = start[producer] + duration[producer // rows, jobs.row_of[producer % rows]]
