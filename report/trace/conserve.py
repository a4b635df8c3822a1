"""What a trace must hold: no operation, spike or busy cycle more or less than the timeline and the activity."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Source
from synaptile.foundation.errors import ConservationError
from synaptile.report.trace.names import job_nodes
from synaptile.simulator.schedule.arrivals import arrivals_of, check_arrivals
from synaptile.simulator.schedule.timeline import Timeline


def check_against_activity(timeline: Timeline) -> None:
    """Raise ConservationError unless the jobs hold the operations of each node and step of the activity, and all its spikes.

    The activity sums operations over its images, so they are compared where the timeline schedules all of them; a new
    mapping issues other partial sums, so not where it was remapped. Spikes are compared always, but for trains that enter from
    off the chip: no job sends them. So are spikes that reach jobs, and the rows that they fetch, as far as spikes were kept.
    """
    activity, jobs, program = timeline.activity, timeline.jobs, timeline.program
    nodes, steps = len(program.node_names), activity.steps
    cell = job_nodes(timeline).astype(np.int64) * steps + jobs.step
    if timeline.images == activity.images and not timeline.remapped:
        counted = np.zeros((nodes, steps), np.int64)
        np.add.at(counted, activity.operations.node, activity.operations.count)
        _equal(timeline, "operations", _sums(cell, jobs.operations, nodes * steps), counted.reshape(-1))
    emitted = np.zeros((nodes, steps), np.int64)
    for site, record in activity.spikes.items():
        if isinstance(program.graph.nodes[site], Source):
            continue  # spike trains enter from off the chip: no job sends them
        emitted[program.node_names.index(site)] = record.events[:, : timeline.images].sum(axis=(1, 2, 3), dtype=np.int64)
    _equal(timeline, "spikes", _sums(cell, jobs.spikes, nodes * steps), emitted.reshape(-1))
    check_arrivals(timeline)


def job_totals(timeline: Timeline) -> dict[str, int]:
    """What the jobs of a timeline issue, send and take in, all together, by the name that it has in a trace."""
    jobs, arrived = timeline.jobs, arrivals_of(timeline)
    columns = (jobs.operations, jobs.spikes, arrived.events, np.maximum(arrived.rows, 0))
    sums = (int(column.sum(dtype=np.int64)) for column in columns)
    return dict(zip(("operations", "spikes", "events", "rows_fetched"), sums, strict=True))


def check_written(timeline: Timeline, what: str, written: int, held: int) -> None:
    """Raise ConservationError unless a whole trace holds what the timeline holds."""
    if written != held:
        raise ConservationError(
            f"the trace of {timeline.program.graph.name!r} holds {written:,} {what}, the timeline {held:,}: the file was not kept"
        )


def _sums(cell: np.ndarray, amount: np.ndarray, cells: int) -> np.ndarray:
    total = np.zeros(cells, np.int64)
    np.add.at(total, cell, amount)
    return total


def _equal(timeline: Timeline, what: str, traced: np.ndarray, counted: np.ndarray) -> None:
    wrong = np.flatnonzero(traced != counted)
    if wrong.size:
        node, step = divmod(int(wrong[0]), timeline.activity.steps)
        raise ConservationError(
            f"node {timeline.program.node_names[node]!r}, step {step + 1}: the jobs hold {traced[wrong[0]]:,} {what}, "
            f"the activity {counted[wrong[0]]:,}"
        )
