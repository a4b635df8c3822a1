"""What jobs take in: the spikes that reach them, and the rows that these fetch, by job. Held against what execution counted.

Spikes come as the schedule hands them over: elements of the messages that arrive. Where no message goes (within a core, between
phases, from off the chip) they are those that the run recorded for the flow. A row that a block of tokens and a batch of steps
share is fetched by the first of their jobs to start that needs it, as the spikes that the run kept tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import Convolution2d, Reduce, Source, SpikeAttention
from synaptile.foundation.derived import derived
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.events import SpikeCounts, inputs_met, steps_ago
from synaptile.simulator.actions.fetches import fired_in, sharing_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import accesses_of
from synaptile.simulator.actions.vocabulary import Driver, Trigger
from synaptile.simulator.kernels.fetches import fetch_in_order
from synaptile.simulator.lengths import run_of_first
from synaptile.simulator.schedule.deliveries import deliver_spikes
from synaptile.simulator.schedule.replay import numbers_of_jobs, trees_of
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


@derived
def arrivals_of(timeline: Timeline) -> Arrivals:
    """What every job of a timeline takes in."""
    events = _events(timeline)
    return Arrivals(events.astype(np.int32), _rows(timeline, events).astype(np.int32))


@derived
def arrivals_by_part(timeline: Timeline) -> tuple[Int64, Int64]:
    """Spikes that reach each part, (parts, inputs, images, steps), and rows that its jobs fetch, (parts, images, steps)."""
    jobs, found, steps = timeline.jobs, arrivals_of(timeline), timeline.activity.steps
    parts, images = timeline.program.parts.node.size, timeline.images
    events, rows = np.zeros((parts * 2, images, steps), np.int64), np.zeros((parts, images, steps), np.int64)
    np.add.at(events, (2 * jobs.part + (jobs.token == OPERANDS), jobs.image, jobs.step), found.events)
    np.add.at(rows, (jobs.part, jobs.image, jobs.step), np.maximum(found.rows, 0))
    return events.reshape(parts, 2, images, steps), rows


def images_compared(timeline: Timeline) -> int:
    """Leading images of the stream whose row fetches the spikes that the run kept tell; all where rows are not shared."""
    program, masks = timeline.program, timeline.activity.spikes
    shared = [part for part in parts_of(program) if sharing_of(program.chip, part) is not None]
    sites = dict.fromkeys(part.node.inputs[number].node for part in shared for number in inputs_met(part.node, 0))
    kept = [masks[site].masks for site in sites]
    return min([timeline.images, *(0 if mask is None else mask.shape[1] for mask in kept)])


def check_arrivals(timeline: Timeline) -> None:
    """Raise ConservationError unless jobs take in, part by part and image by image, what execution counted there.

    Spikes are compared at every step; shared rows over each batch of steps, whose jobs need not start in the order of tokens,
    for `images_compared` images, and not where the schedule re-mapped the network: execution tallied the parts that it had.
    """
    activity, program = timeline.activity, timeline.program
    events, rows = arrivals_by_part(timeline)
    counts = SpikeCounts(run_of_first(activity), timeline.images)
    compared = images_compared(timeline)
    for part, number in _meeting_events(program):
        recorded = sum(counts.read(program, part, each).sum(axis=2) for each in _together(part, number))
        assert isinstance(recorded, np.ndarray)
        _equal(timeline, part, "spikes reach its jobs", events[part.index, number], recorded)
        sharing, fetched = sharing_of(program.chip, part), activity.fetches.get(part.node.name)
        if number == 0 and sharing is not None and fetched is not None and not timeline.remapped:
            tallied = fetched.rows[:, :compared, part.place].T.astype(np.int64)
            starts = np.arange(0, activity.steps, sharing.batch)
            found, tallied = (np.add.reduceat(one[:compared], starts, axis=1) for one in (rows[part.index], tallied))
            _equal(timeline, part, "rows are fetched by its jobs", found, tallied, sharing.batch)


def _equal(timeline: Timeline, part: Part, what: str, scheduled: Int64, executed: Int64, batch: int = 1) -> None:
    if (wrong := np.argwhere(scheduled != executed)).size:
        image, step = wrong[0].tolist()
        raise ConservationError(
            f"node {part.node.name!r}, part {part.index}, image {image}, step {step * batch + 1}: "
            f"{scheduled[image, step]:,} {what}, execution counted {executed[image, step]:,}"
        )


def _meeting_events(program: CoreProgram) -> Iterator[tuple[Part, int]]:
    """Parts that do something for each spike of an input, with the number of that input."""
    for part in parts_of(program):
        triggers = {access.trigger for access in accesses_of(part)}
        for number, trigger in enumerate((Trigger.FIRST_INPUT, Trigger.SECOND_INPUT)):
            if trigger in triggers:
                yield part, number


def _together(part: Part, number: int) -> tuple[int, ...]:
    """Inputs whose spikes reach the jobs that take in input `number`: several where a node sums or multiplies sites."""
    node = part.node
    if number or not isinstance(node, Reduce | SpikeAttention):
        return tuple(inputs_met(node, number))
    return tuple(each for each in range(len(node.inputs)) if not node.gathers(each))


def _events(timeline: Timeline) -> Int64:
    """Spikes that reach each job, shape (jobs,)."""
    tables, jobs, table = tables_of(timeline.program), timeline.jobs, timeline.messages
    rows, rules, flows = tables.jobs.size, tables.flows, timeline.program.flows
    number = numbers_of_jobs(timeline, tables)
    reached = np.zeros(timeline.images * timeline.activity.steps * rows, np.int64)
    leaves = tables.trees.leaf_flow_offset[tables.trees.leaf_offset]
    receivers = (rules.receiver, rules.stride, rules.token_start, rules.delay, tables.jobs.row_of)
    sent = (trees_of(timeline, tables.trees), number[table.job], jobs.token[table.job], table.elements)
    shape = (timeline.activity.steps, rows)
    deliver_spikes(sent, (leaves, tables.trees.flow, flows.spiking), receivers, shape, reached)
    by_step = reached.reshape(-1, rows)
    counts = SpikeCounts(run_of_first(timeline.activity), timeline.images)
    graph, nodes = timeline.program.graph, timeline.program.node_names
    unsent = np.flatnonzero((flows.group < 0) & (flows.spiking == 1))
    regions = np.stack([flows.source, flows.start, flows.stop, flows.token_start, flows.token_stop], axis=1)[unsent]
    order = np.lexsort(regions.T[::-1])
    before: list[int] = []
    for flow, region in zip(unsent[order].tolist(), regions[order].tolist(), strict=True):
        if region != before:
            before, (source, start, stop, *tokens) = region, region
            site = nodes[int(timeline.program.parts.node[source])]
            spikes = counts.of(site, start, stop, slice(*tokens)).reshape(len(by_step), -1)
        to = tables.jobs.row_of[rules.receiver[flow] :][: rules.tokens[flow] if rules.stride[flow] else 1]
        late = spikes.reshape(timeline.images, timeline.activity.steps, -1)
        late = steps_ago(late, int(rules.delay[flow]), axis=1).reshape(spikes.shape)
        by_step[:, to] += late if rules.stride[flow] else late.sum(axis=1, keepdims=True)
    for part, at in ((one, at) for one, first in _meeting_events(timeline.program) for at in _together(one, first)):
        if isinstance(graph.nodes[part.node.inputs[at].node], Source):
            own = tables.jobs.row_of[tables.jobs.first[part.index] : tables.jobs.first[part.index + 1]]
            given = counts.read(timeline.program, part, at).reshape(len(by_step), -1)
            by_step[:, own] += given if given.shape[1] == own.size else given.sum(axis=1, keepdims=True)
    return reached[number] if timeline.main is None else np.where(timeline.main, reached[number], 0)


def _rows(timeline: Timeline, events: Int64) -> Int64:
    """Rows that each job fetches, shape (jobs,)."""
    program, jobs, activity = timeline.program, timeline.jobs, timeline.activity
    rows = np.zeros(events.size, np.int64)
    by_part = np.argsort(jobs.part, kind="stable")  # of one part in order of start
    bounds = np.searchsorted(jobs.part[by_part], np.arange(program.parts.node.size + 1))
    run = run_of_first(activity)
    counts = SpikeCounts(run, timeline.images)
    for part, number in _meeting_events(program):
        if number or not any(access.roles[0].driven_by is Driver.FETCHES for access in accesses_of(part)):
            continue
        own = by_part[bounds[part.index] : bounds[part.index + 1]]
        own = own[jobs.token[own] != OPERANDS]
        own = own if timeline.main is None else own[timeline.main[own]]
        sharing = sharing_of(program.chip, part)
        if isinstance(part.node, Convolution2d | SpikeAttention):
            needed = counts.events(program, part, Trigger.FIRST_INPUT).sum(axis=2)
            rows[own] = needed[jobs.image[own], jobs.step[own]]
            continue
        if sharing is None:
            rows[own] = events[own]
            continue
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
