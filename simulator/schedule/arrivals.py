"""What jobs take in: the spikes that reach them, and the rows that these fetch, by job. Held against what execution counted.

Spikes come as the schedule hands them over: elements of the messages that arrive. Where no message goes (within a core, between
phases, from off the chip) they are those that the run recorded for the flow. A row that a block of tokens and a batch of steps
share is fetched by the first of their jobs to start that needs it, as the spikes that the run kept tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synaptile.foundation.derived import shared
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.actions.events import inputs_met
from synaptile.simulator.actions.fetches import fired_in
from synaptile.simulator.actions.part import Part
from synaptile.simulator.kernels.fetches import fetch_in_order
from synaptile.simulator.lengths import run_of_first
from synaptile.simulator.schedule.deliveries import deliver_spikes, sum_by_part
from synaptile.simulator.schedule.replay import numbers_of_jobs, trees_taken
from synaptile.simulator.schedule.standing import standing_of
from synaptile.simulator.schedule.tables import tables_of
from synaptile.simulator.schedule.timeline import OPERANDS, Timeline


@dataclass(frozen=True)
class Arrivals:
    """Columns of shape (jobs,), rows as in the job table of the timeline.

    `events` are spikes that reach a job, `rows` the rows of weights or of S_B that it fetches for them: -1 where tokens or steps
    share rows and the run did not keep the spikes of the job's image. Rows of convolutions are those that execution counted.
    """

    events: Int32
    rows: Int32


@shared(lambda timeline: ())
def arrivals_of(timeline: Timeline) -> Arrivals:
    """What every job of a timeline takes in."""
    events = _events(timeline)
    return Arrivals(events, _rows(timeline, events))


@shared(lambda timeline: ())
def arrivals_by_part(timeline: Timeline) -> tuple[Int64, Int64]:
    """Spikes that reach each part, (parts, inputs, images, steps), and rows that its jobs fetch, (parts, images, steps)."""
    jobs, found, program = timeline.jobs, arrivals_of(timeline), timeline.program
    parts, *stream = program.parts.node.size, timeline.images, timeline.activity.steps
    events, rows = np.zeros((parts, 2, *stream), np.int64), np.zeros((parts, *stream), np.int64)
    sum_by_part((jobs.part, jobs.token, jobs.image, jobs.step), (found.events, found.rows), events, rows)
    return events, rows


def images_compared(timeline: Timeline) -> int:
    """Leading images of the stream whose row fetches the spikes that the run kept tell; all where rows are not shared."""
    masks, shared = timeline.activity.spikes, standing_of(timeline).shared_rows
    sites = dict.fromkeys(part.node.inputs[number].node for part, _ in shared for number in inputs_met(part.node, 0))
    kept = [masks[site].masks for site in sites]
    return min([timeline.images, *(0 if mask is None else mask.shape[1] for mask in kept)])


def check_arrivals(timeline: Timeline) -> None:
    """Raise ConservationError unless jobs take in, part by part and image by image, what execution counted there.

    Spikes are compared at every step; shared rows over each batch of steps, whose jobs need not start in the order of tokens,
    for `images_compared` images, and not where the schedule re-mapped the network: execution tallied the parts that it had.
    """
    activity, known = timeline.activity, standing_of(timeline)
    events, rows = arrivals_by_part(timeline)
    differ = (events != known.recorded).any(axis=(2, 3))
    for part, number in known.meeting if differ.any() else ():
        _check_equal(part, "spikes reach its jobs", events[part.index, number], known.recorded[part.index, number])
    compared = images_compared(timeline)
    for part, sharing in known.shared_rows:
        fetched = activity.fetches.get(part.node.name)
        if fetched is not None and not timeline.remapped:
            tallied = fetched.rows[:, :compared, part.place].T.astype(np.int64)
            starts = np.arange(0, activity.steps, sharing.batch)
            found, tallied = (np.add.reduceat(one[:compared], starts, axis=1) for one in (rows[part.index], tallied))
            _check_equal(part, "rows are fetched by its jobs", found, tallied, sharing.batch)


def _check_equal(part: Part, what: str, scheduled: Int64, executed: Int64, batch: int = 1) -> None:
    if not np.array_equal(scheduled, executed):
        image, step = np.argwhere(scheduled != executed)[0].tolist()
        raise ConservationError(
            f"node {part.node.name!r}, part {part.index}, image {image}, step {step * batch + 1}: "
            f"{scheduled[image, step]:,} {what}, execution counted {executed[image, step]:,}"
        )


def _events(timeline: Timeline) -> Int32:
    """Spikes that reach each job, shape (jobs,)."""
    tables, jobs, table = tables_of(timeline.program), timeline.jobs, timeline.messages
    rules, flows = tables.flows, timeline.program.flows
    number = numbers_of_jobs(timeline, tables)
    reached = standing_of(timeline).unsent.astype(np.int32).reshape(-1)
    leaves = tables.trees.leaf_flow_offset[tables.trees.leaf_offset]
    receivers = (rules.receiver, rules.stride, rules.token_start, rules.delay, tables.jobs.row_of)
    sent = (trees_taken(timeline), table.job, table.elements, number, jobs.token)
    shape = (timeline.activity.steps, tables.jobs.size)
    deliver_spikes(sent, (leaves, tables.trees.flow, flows.spiking), receivers, shape, reached)
    return reached[number] if timeline.main is None else np.where(timeline.main, reached[number], np.int32(0))


def _rows(timeline: Timeline, events: Int32) -> Int32:
    """Rows that each job fetches, shape (jobs,)."""
    program, jobs, activity, known = timeline.program, timeline.jobs, timeline.activity, standing_of(timeline)
    rows: Int32 = events * (known.row_per_event[jobs.part] & (jobs.token != OPERANDS))
    if not (known.needed_rows or known.shared_rows):
        return rows
    by_part = np.argsort(jobs.part, kind="stable")  # of one part in order of start
    bounds = np.searchsorted(jobs.part[by_part], np.arange(program.parts.node.size + 1))

    def jobs_of(part: Part) -> Int64:
        own: Int64 = by_part[bounds[part.index] : bounds[part.index + 1]]
        own = own[jobs.token[own] != OPERANDS]
        return own if timeline.main is None else own[timeline.main[own]]

    for part, needed in known.needed_rows:
        own = jobs_of(part)
        rows[own] = needed[jobs.image[own], jobs.step[own]]
    run = run_of_first(activity)
    counted = {part.index for part, _ in known.needed_rows}
    for part, sharing in known.shared_rows:
        if part.index in counted:
            continue
        own = jobs_of(part)
        masks = [(each, run.spikes[part.node.inputs[each].node].masks) for each in inputs_met(part.node, 0)]
        kept = min(timeline.images, *(0 if mask is None else mask.shape[1] for _, mask in masks))
        rows[own] = -1
        told = own[jobs.image[own] < kept]
        if told.size:
            at = np.stack([jobs.image[told], jobs.step[told], jobs.token[told] - part.token_start], axis=1).astype(np.int64)
            rows[told] = 0
            for each, mask in masks:
                assert mask is not None
                fired, first, last = fired_in(program, part, each, mask[:, :kept])
                rows[told] += fetch_in_order(fired, (first, last), at, (sharing.block, sharing.batch))
    return rows
