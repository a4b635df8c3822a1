"""What jobs take in that no schedule changes: spikes that no message carries, and what execution counted.

Chips that are mapped alike share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Reduce, Source, SpikeAttention
from synaptile.foundation.derived import shared
from synaptile.foundation.types import Int64
from synaptile.hwmodels.alike import CLOCK, LINKS, RATES, figures_but
from synaptile.mapper.program import CoreProgram
from synaptile.simulator.actions.events import SpikeCounts, inputs_met, steps_ago
from synaptile.simulator.actions.fetches import Sharing, sharing_of
from synaptile.simulator.actions.part import Part, parts_of
from synaptile.simulator.actions.rules import accesses_of
from synaptile.simulator.actions.vocabulary import Driver, Trigger
from synaptile.simulator.activity import Activity
from synaptile.simulator.lengths import run_of_first
from synaptile.simulator.schedule.tables import tables_of
from synaptile.simulator.schedule.timeline import Timeline
from synaptile.simulator.schedule.work import HELD_JOBS


class _Stream(NamedTuple):
    """What of a run passes through a program: its first images."""

    program: CoreProgram
    activity: Activity
    images: int


@dataclass(frozen=True)
class Standing:
    """`unsent` (images * steps, jobs of a step): spikes that reach each job without a message, numbered as the scheduler does.

    `meeting` lists parts that do something for each spike of an input, with the number of that input; `recorded` holds the
    spikes that execution counted there, (parts, inputs, images, steps).
    Rows of weights or of S_B: `row_per_event` (parts,) says whether each spike fetches one; `shared_rows` lists parts whose rows
    tokens or steps share, `needed_rows` those whose rows execution counted, whatever shares them, with their number,
    (images, steps).
    """

    unsent: NDArray[np.integer]
    meeting: tuple[tuple[Part, int], ...]
    recorded: Int64
    row_per_event: NDArray[np.bool_]
    shared_rows: tuple[tuple[Part, Sharing], ...]
    needed_rows: tuple[tuple[Part, Int64], ...]


def standing_of(timeline: Timeline) -> Standing:
    """Of the images that a timeline streams. Held with the run, unless large or of another program than the run's."""
    program, activity, images = timeline.program, timeline.activity, timeline.images
    if program is activity.program and timeline.jobs.part.size <= HELD_JOBS:
        return _held(activity, images)
    return _standing(_Stream(program, activity, images))


@shared(lambda activity, images: (images, figures_but(activity.program.chip, *CLOCK, *RATES, *LINKS)))
def _held(activity: Activity, images: int) -> Standing:
    return _standing(_Stream(activity.program, activity, images))


def _standing(stream: _Stream) -> Standing:
    program, activity, images = stream
    counts = SpikeCounts(run_of_first(activity), images)
    meeting = tuple(_meeting_events(program))
    size = program.parts.node.size
    recorded, per_event = np.zeros((size, 2, images, activity.steps), np.int64), np.zeros(size, bool)
    shared_rows, needed_rows = list[tuple[Part, Sharing]](), list[tuple[Part, Int64]]()
    for part, number in meeting:
        recorded[part.index, number] = sum(counts.read(program, part, each).sum(axis=2) for each in _together(part, number))
        sharing = None if number else sharing_of(program.chip, part)
        if sharing is not None:
            shared_rows.append((part, sharing))
        if number or not any(access.roles[0].driven_by is Driver.FETCHES for access in accesses_of(part)):
            continue
        if isinstance(part.node, Convolution2d | SpikeAttention):
            needed_rows.append((part, counts.events(program, part, Trigger.FIRST_INPUT).sum(axis=2)))
        per_event[part.index] = sharing is None
    unsent = _unsent(stream, counts, meeting)
    return Standing(unsent, meeting, recorded, per_event, tuple(shared_rows), tuple(needed_rows))


def _meeting_events(program: CoreProgram) -> Iterator[tuple[Part, int]]:
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


def _unsent(stream: _Stream, counts: SpikeCounts, meeting: tuple[tuple[Part, int], ...]) -> Int64:
    program, activity, images = stream
    tables, flows, graph = tables_of(program), program.flows, program.graph
    rules, jobs = tables.flows, tables.jobs
    by_step = np.zeros((images * activity.steps, jobs.size), np.int64)
    unsent = np.flatnonzero((flows.group < 0) & (flows.spiking == 1))
    regions = np.stack([flows.source, flows.start, flows.stop, flows.token_start, flows.token_stop], axis=1)[unsent]
    order = np.lexsort(regions.T[::-1])
    before: list[int] = []
    for flow, region in zip(unsent[order].tolist(), regions[order].tolist(), strict=True):
        if region != before:
            before, (source, start, stop, *tokens) = region, region
            site = program.node_names[int(program.parts.node[source])]
            spikes = counts.of(site, start, stop, slice(*tokens)).reshape(len(by_step), -1)
        to = jobs.row_of[rules.receiver[flow] :][: rules.tokens[flow] if rules.stride[flow] else 1]
        late = spikes.reshape(images, activity.steps, -1)
        late = steps_ago(late, int(rules.delay[flow]), axis=1).reshape(spikes.shape)
        by_step[:, to] += late if rules.stride[flow] else late.sum(axis=1, keepdims=True)
    for part, at in ((one, at) for one, first in meeting for at in _together(one, first)):
        if isinstance(graph.nodes[part.node.inputs[at].node], Source):
            own = jobs.row_of[jobs.first[part.index] : jobs.first[part.index + 1]]
            given = counts.read(program, part, at).reshape(len(by_step), -1)
            by_step[:, own] += given if given.shape[1] == own.size else given.sum(axis=1, keepdims=True)
    return by_step
