"""A schedule's figures as JSON: what the tables say, for other programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.hwmodels import chip_document
from synaptile.report.critical_path import merge_holds
from synaptile.report.trace.names import link_names
from synaptile.simulator.schedule.timeline import UNITS, Timeline


def schedule_figures(timeline: Timeline) -> dict[str, Any]:
    """Latency, throughput, cores, links and the critical path, JSON-able; cycles are integers, times in milliseconds."""
    cores, links, seats = timeline.cores, timeline.links, timeline.program.cores
    return {
        "graph": timeline.program.graph.name,
        "chip": timeline.program.chip.name,
        "chip_digest": timeline.program.chip.digest,
        "chip_figures": chip_document(timeline.program.chip),
        "synchronisation": timeline.synchronisation,
        "clock_mhz": timeline.clock_mhz,
        "images": timeline.images,
        "remapped": timeline.remapped or "executed_on" in timeline.activity.provenance,
        "makespan_cycles": timeline.makespan_cycles,
        "latency_cycles": timeline.latency_cycles,
        "latency_ms": timeline.milliseconds(timeline.latency_cycles),
        "step_end_cycles": timeline.step_end_cycles.tolist(),
        "interval_cycles": timeline.interval_cycles if timeline.images > 1 else None,
        "images_per_second": timeline.images_per_second,
        "bottleneck": {"name": timeline.bottleneck.name, "busy_cycles": timeline.bottleneck.busy_cycles},
        "phases": phase_rows(timeline),
        "jobs": len(timeline.jobs.part),
        "messages": len(timeline.messages.job),
        "cores": [
            {
                "core": core,
                "tile": [int(seats.x[core]), int(seats.y[core])],
                "busy": int(cores.busy[core]),
                "stalled_input": int(cores.stalled_input[core]),
                "stalled_network": int(cores.stalled_network[core]),
                "idle": int(cores.idle[core]),
                "units": dict(zip(UNITS, cores.unit_busy[core].tolist(), strict=True)),
            }
            for core in range(len(seats.kind))
        ],
        "links": [
            {"link": name, "flits": int(flits), "busy_cycles": int(busy), "peak_queue_flits": int(peak)}
            for name, flits, busy, peak in zip(
                link_names(timeline), links.flits, links.busy_cycles, links.peak_queue_flits, strict=True
            )
        ],
        "critical_path": [
            {
                "node": stretch.node,
                "core": stretch.core,
                "jobs": stretch.jobs,
                "wait_cycles": {cause.name.lower(): int(np.int64(wait)) for cause, wait in stretch.waits.items()},
                "run_cycles": stretch.run_cycles,
            }
            for stretch in merge_holds(timeline.critical_path)
        ],
        "notes": list(timeline.notes),
        "provenance": dict(timeline.provenance),
    }


def phase_rows(timeline: Timeline) -> list[dict[str, int]]:
    """Phases in the order of time, counted from 1, their columns by name; none where weights are not streamed."""
    if timeline.phases is None:
        return []
    columns = {name: column.tolist() for name, column in vars(timeline.phases).items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [{**row, "phase": row["phase"] + 1} for row in rows]
