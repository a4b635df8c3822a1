"""A schedule on the page: its times, where the critical path goes, and what every core did in bins of time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import kind_of
from synaptile.foundation.types import Int64
from synaptile.report.critical_path import critical_nodes
from synaptile.report.trace.aggregate import SERIES, busy_by_group, by_step, into_bins
from synaptile.report.trace.window import Window, select
from synaptile.report.views.memory import phase_nodes
from synaptile.simulator.schedule.timeline import Timeline

CRITICAL_NODES = 15
"""Nodes of the critical path that the page lists."""

MOST_SAMPLES = 4_000_000
"""Bins times series of all cores: 120 bins of time on a board of 6,500 cores, in a page of 2 MB."""


def schedule_summary(timeline: Timeline) -> dict[str, Any]:
    """Latency, throughput, ends of steps and the heaviest nodes of the critical path. Cycles are integers."""
    return {
        "synchronisation": timeline.synchronisation,
        "clock_mhz": timeline.clock_mhz,
        "images": timeline.images,
        "remapped": timeline.remapped,
        "makespan_cycles": timeline.makespan_cycles,
        "latency_cycles": timeline.latency_cycles,
        "step_cycles": timeline.first_image_cycles.tolist(),
        "step_end_cycles": timeline.step_end_cycles.tolist(),
        "interval_cycles": timeline.interval_cycles if timeline.images > 1 else None,
        "images_per_second": timeline.images_per_second,
        "bottleneck": {
            "name": timeline.bottleneck.name,
            "busy_cycles": timeline.bottleneck.busy_cycles,
            "share": timeline.bottleneck.share,
        },
        "critical": [
            {"node": node, "jobs": jobs, "wait_cycles": wait, "run_cycles": run}
            for node, jobs, wait, run in critical_nodes(timeline)[:CRITICAL_NODES]
        ],
        "phases": _phases(timeline),
        "notes": list(timeline.notes),
    }


def _phases(timeline: Timeline) -> dict[str, Any] | None:
    """Columns of phases in the order of time, and the nodes of each; None where weights are not streamed."""
    if timeline.phases is None:
        return None
    return {**{name: column.tolist() for name, column in vars(timeline.phases).items()}, "nodes": phase_nodes(timeline.program)}


def bins_document(timeline: Timeline) -> dict[str, Any]:
    """Bins of time per core: busy, stalled on input, stalled on the network in percent, and the kind of node worked on most.

    `edges` has shape (bins + 1,), in cycles; the others (cores, bins). `work` indexes `kinds`, -1 where nothing ran.
    """
    selection = select(timeline, Window(links=()))
    bins = into_bins(timeline, selection, most_samples=MOST_SAMPLES)
    nodes = timeline.program.graph.nodes
    kinds: dict[str, int] = {}
    group = np.array([kinds.setdefault(kind_of(nodes[name]), len(kinds)) for name in timeline.program.node_names], np.int64)
    work = busy_by_group(timeline, selection, bins.edges, group)
    most = np.where(work.any(axis=1), work.argmax(axis=1), -1)
    spans = np.diff(bins.edges)
    shares = {name: _percent(bins.cores[:, at], spans) for at, name in enumerate(SERIES[:3])}
    return {"edges": bins.edges.tolist(), "kinds": list(kinds), "work": most.tolist(), **shares}


def steps_document(timeline: Timeline) -> dict[str, Any]:
    """What each core did for each step of the first image: shape (rows,), sorted by core; steps count from 0.

    `start` and `end` are the cycles of its first and last job that took any, `busy` the cycles of all of them.
    """
    selection = select(timeline, Window(links=()))
    jobs, rows = timeline.jobs, selection.jobs
    worked = (jobs.image[rows] == 0) & (jobs.end_cycles[rows] > jobs.start_cycles[rows])
    sums = by_step(timeline, replace(selection, jobs=rows[worked]))
    columns: dict[str, NDArray[np.integer]] = {
        "core": sums.core,
        "step": sums.step,
        "start": sums.start_cycles,
        "end": sums.end_cycles,
        "busy": sums.busy_cycles,
    }
    return {name: column.tolist() for name, column in columns.items()}


def _percent(cycles: Int64, spans: Int64) -> list[list[int]]:
    """Rounded up, so that whatever ran shows."""
    shares: list[list[int]] = np.ceil(100 * cycles / spans).astype(np.int64).tolist()
    return shares
