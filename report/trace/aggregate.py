"""A timeline in bins: what each core and link did in each stretch of time, and each core in each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Int32, Int64
from synaptile.report.trace.names import job_nodes
from synaptile.report.trace.stalls import INPUT, NETWORK, stalls
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.replay import passages
from synaptile.simulator.schedule.timeline import Timeline

SERIES = ("busy", "stalled_input", "stalled_network", "operations", "spikes")
"""What is binned per core: cycles of the first three, counts of jobs that start in the bin of the others."""

MOST_BINS = 400
MOST_SAMPLES = 1_500_000
"""Limits of a trace at aggregate level: bins of time, and bins times series of all its cores and links."""


@dataclass(frozen=True)
class Bins:
    """Sums over bins of time. `edges` has shape (bins + 1,), in cycles, and rises strictly.

    `cores` has shape (cores, len(SERIES), bins), `link_busy` (links, bins); rows follow the selection's cores and links.
    """

    edges: Int64
    cores: Int64
    link_busy: Int64


@dataclass(frozen=True)
class StepSums:
    """Sums over the jobs of a core at a step of an image, shape (rows,); `step` and `image` from 0, rows in their order."""

    core: Int32
    image: Int32
    step: Int32
    jobs: Int64
    start_cycles: Int64
    end_cycles: Int64
    busy_cycles: Int64
    operations: Int64
    spikes: Int64


def into_bins(timeline: Timeline, selection: Selection, *, most_samples: int | None = None) -> Bins:
    """Bin the selected jobs, the stalls of the selected cores and the load of the selected links.

    Busy cycles and passages are cut at the edges of bins and of the window. Links carry the load of all messages, selected
    or not: half of a link's load would say nothing. So do stalls, which no single job owns. Bins times series stay within
    `most_samples` (None: MOST_SAMPLES).
    """
    rows = selection.cores.size * len(SERIES) + selection.links.size
    span = max(selection.to_cycle - selection.from_cycle, 1)
    count = int(max(1, min(MOST_BINS, (MOST_SAMPLES if most_samples is None else most_samples) // max(rows, 1), span)))
    edges = selection.from_cycle + span * np.arange(count + 1, dtype=np.int64) // count
    place = _places(selection.cores, len(timeline.program.cores.kind))
    jobs, chosen = timeline.jobs, selection.jobs
    core = place[jobs.core[chosen]]
    start, end = jobs.start_cycles[chosen], jobs.end_cycles[chosen]
    binned = np.zeros((selection.cores.size, len(SERIES), count), np.int64)
    binned[:, 0] = _spread(edges, core, start, end, selection.cores.size)
    stalled = stalls(timeline)
    for series, kind in ((1, INPUT), (2, NETWORK)):
        own = (stalled.kind == kind) & (place[stalled.core] >= 0)
        gaps = (stalled.start_cycles[own], stalled.end_cycles[own])
        binned[:, series] = _spread(edges, place[stalled.core[own]], *gaps, selection.cores.size)
    cell = core * count + _bin_of(edges, start)
    for series, amount in ((3, jobs.operations), (4, jobs.spikes)):
        sums = np.bincount(cell, amount[chosen], selection.cores.size * count)
        binned[:, series] = sums.astype(np.int64).reshape(-1, count)
    link_busy = np.zeros((selection.links.size, count), np.int64)
    if selection.links.size:
        place = _places(selection.links, len(timeline.links.kind))
        for chunk in passages(timeline):
            own = place[chunk.link] >= 0
            held = (chunk.start_cycles[own], chunk.end_cycles[own])
            link_busy += _spread(edges, place[chunk.link[own]], *held, selection.links.size)
    return Bins(edges, binned, link_busy)


def by_step(timeline: Timeline, selection: Selection) -> StepSums:
    """Sum the selected jobs by core, image and step."""
    jobs, chosen = timeline.jobs, selection.jobs
    steps = timeline.activity.steps
    key = (jobs.core[chosen].astype(np.int64) * timeline.images + jobs.image[chosen]) * steps + jobs.step[chosen]
    cells, row = np.unique(key, return_inverse=True)
    first, last = np.full(cells.size, np.iinfo(np.int64).max), np.zeros(cells.size, np.int64)
    np.minimum.at(first, row, jobs.start_cycles[chosen])
    np.maximum.at(last, row, jobs.end_cycles[chosen])
    run = jobs.end_cycles - jobs.start_cycles
    sums = [np.bincount(row, amount[chosen], cells.size).astype(np.int64) for amount in (run, jobs.operations, jobs.spikes)]
    core, image, step = cells // steps // timeline.images, cells // steps % timeline.images, cells % steps
    keys = (core.astype(np.int32), image.astype(np.int32), step.astype(np.int32))
    return StepSums(*keys, np.bincount(row, minlength=cells.size), first, last, *sums)


def busy_by_node(timeline: Timeline, selection: Selection, edges: Int64, place: Int64) -> tuple[Int64, Int32]:
    """Busy cycles of the selected jobs by row, node and bin, shape (rows, nodes, bins), and the nodes met.

    `place` has shape (cores,): the row of each core, -1 for none.
    """
    jobs, rows = timeline.jobs, int(place.max()) + 1
    chosen = selection.jobs[place[jobs.core[selection.jobs]] >= 0]
    nodes, node = np.unique(job_nodes(timeline)[chosen], return_inverse=True)
    cell = place[jobs.core[chosen]] * nodes.size + node
    sums = _spread(edges, cell, jobs.start_cycles[chosen], jobs.end_cycles[chosen], rows * nodes.size)
    return sums.reshape(rows, nodes.size, -1), nodes


def busy_by_group(timeline: Timeline, selection: Selection, edges: Int64, group: Int64) -> Int64:
    """Busy cycles of the selected jobs by core, group of nodes and bin, shape (cores, groups, bins).

    `group` has shape (nodes,): the group of each of the program's nodes, from 0.
    """
    jobs, chosen = timeline.jobs, selection.jobs
    cores, groups = len(timeline.program.cores.kind), int(group.max()) + 1
    cell = jobs.core[chosen].astype(np.int64) * groups + group[job_nodes(timeline)[chosen]]
    sums = _spread(edges, cell, jobs.start_cycles[chosen], jobs.end_cycles[chosen], cores * groups)
    return sums.reshape(cores, groups, -1)


def _places(chosen: Int32, count: int) -> NDArray[np.int64]:
    place = np.full(count, -1, np.int64)
    place[chosen] = np.arange(chosen.size)
    return place


def _bin_of(edges: Int64, cycle: Int64) -> NDArray[np.int64]:
    """The bin of each cycle; those outside the window go to its first or last."""
    return np.clip(np.searchsorted(edges, cycle, side="right") - 1, 0, edges.size - 2)


def _spread(edges: Int64, row: NDArray[np.integer], start: Int64, end: Int64, rows: int) -> Int64:
    """Cycles of stretches ``start:end`` of each row in each bin, shape (rows, bins); exact up to 2**53."""
    bins = edges.size - 1
    start, end = np.clip(start, edges[0], edges[-1]), np.clip(end, edges[0], edges[-1])
    first, last = _bin_of(edges, start), _bin_of(edges, end)
    cells = row.astype(np.int64) * (bins + 1)
    # From its first bin on, a stretch fills whole bins; from its last on, none: only the two ends need correcting.
    filling = np.bincount(cells + first, minlength=rows * (bins + 1)) - np.bincount(cells + last, minlength=rows * (bins + 1))
    whole = np.cumsum(filling.reshape(rows, bins + 1), axis=1)[:, :bins] * np.diff(edges)
    ends = np.bincount(cells + last, end - edges[last], rows * (bins + 1))
    ends -= np.bincount(cells + first, start - edges[first], rows * (bins + 1))
    summed: Int64 = whole + ends.reshape(rows, bins + 1)[:, :bins].astype(np.int64)
    return summed
