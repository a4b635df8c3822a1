"""The tables of a Parquet trace: jobs, messages, links and cores with names and units in their columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from synaptile.foundation.types import Int32
from synaptile.report.trace.aggregate import SERIES, by_step, into_bins
from synaptile.report.trace.clock import cycle_seconds
from synaptile.report.trace.names import core_kind, core_name, job_nodes, link_names, phases_shown
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.arrivals import arrivals_of
from synaptile.simulator.schedule.timeline import OPERANDS, UNITS, Cause, LinkKind, Timeline

FORMAT_VERSION = 1
"""Version of the layout of Parquet traces."""

METADATA_KEY = b"synaptile"


def full_tables(timeline: Timeline, selection: Selection) -> dict[str, pa.Table]:
    """Tables of every job and message of a selection, and of its links and cores with their totals over the whole run."""
    tables = {"jobs": _jobs(timeline, selection), "messages": _messages(timeline, selection)}
    return {**tables, **_totals(timeline, selection), **_phases(timeline, selection), **_fetches(timeline, selection)}


def aggregate_tables(timeline: Timeline, selection: Selection) -> dict[str, pa.Table]:
    """Tables of bins of time per core (`bins`) and per link (`link_bins`), of steps per core, and totals of links and cores."""
    bins = into_bins(timeline, selection)
    count = bins.edges.size - 1
    begin, end = bins.edges[:-1], bins.edges[1:]
    of_cores: dict[str, Any] = {
        "core": np.repeat(selection.cores, count),
        "from_cycle": np.tile(begin, selection.cores.size),
        "to_cycle": np.tile(end, selection.cores.size),
    }
    for number, series in enumerate(SERIES):
        of_cores[series if number > 2 else f"{series}_cycles"] = bins.cores[:, number].reshape(-1)
    of_links = {
        "link": np.repeat(selection.links, count),
        "from_cycle": np.tile(begin, selection.links.size),
        "to_cycle": np.tile(end, selection.links.size),
        "busy_cycles": bins.link_busy.reshape(-1),
    }
    sums = by_step(timeline, selection)
    steps = {**vars(sums), "step": sums.step + 1}
    tables = {"bins": of_cores, "link_bins": of_links, "steps": steps}
    made = {name: _table(timeline, columns) for name, columns in tables.items()}
    return {**made, **_totals(timeline, selection), **_phases(timeline, selection)}


def _jobs(timeline: Timeline, selection: Selection) -> pa.Table:
    jobs, rows, arrived = timeline.jobs, selection.jobs, arrivals_of(timeline)
    token = jobs.token[rows]
    columns = {
        "job": rows.astype(np.int32),
        "core": jobs.core[rows],
        "part": jobs.part[rows],
        "node": _words(timeline.program.node_names, job_nodes(timeline)[rows]),
        "token": pa.array(token, mask=token == OPERANDS),
        "step": jobs.step[rows] + 1,
        "image": jobs.image[rows],
        "ready_cycles": jobs.ready_cycles[rows],
        "start_cycles": jobs.start_cycles[rows],
        "end_cycles": jobs.end_cycles[rows],
        "start_ns": _nanoseconds(timeline, jobs.start_cycles[rows]),
        "end_ns": _nanoseconds(timeline, jobs.end_cycles[rows]),
        "operations": jobs.operations[rows],
        "spikes": jobs.spikes[rows],
        "events": arrived.events[rows],
        "rows_fetched": pa.array(arrived.rows[rows], mask=arrived.rows[rows] < 0),
        "cause": _words([cause.name.lower() for cause in Cause], jobs.cause[rows]),
        "waited_for": pa.array(jobs.waited_for[rows], mask=jobs.waited_for[rows] < 0),
    }
    return _table(timeline, columns)


def _messages(timeline: Timeline, selection: Selection) -> pa.Table:
    table, rows, jobs = timeline.messages, selection.messages, timeline.jobs
    job = table.job[rows]
    target = table.target_core[rows]
    columns = {
        "message": rows.astype(np.int32),
        "job": job,
        "node": _words(timeline.program.node_names, job_nodes(timeline)[job]),
        "token": jobs.token[job],
        "step": jobs.step[job] + 1,
        "image": jobs.image[job],
        "tree": table.group[rows],
        "source_core": jobs.core[job],
        "target_core": pa.array(target, mask=target < 0),
        "elements": table.elements[rows],
        "flits": table.flits[rows],
        "hops": table.hops[rows],
        "crossings": table.crossings[rows],
        "injected_cycles": table.injected_cycles[rows],
        "delivered_cycles": table.delivered_cycles[rows],
        "injected_ns": _nanoseconds(timeline, table.injected_cycles[rows]),
        "delivered_ns": _nanoseconds(timeline, table.delivered_cycles[rows]),
    }
    return _table(timeline, columns)


def _totals(timeline: Timeline, selection: Selection) -> dict[str, pa.Table]:
    links, rows = timeline.links, selection.links
    names = link_names(timeline)
    makespan = max(timeline.makespan_cycles, 1)
    of_links = {
        "link": rows,
        "name": pa.array([names[link] for link in rows.tolist()], pa.string()),
        "kind": _words([kind.name.lower() for kind in LinkKind], links.kind[rows]),
        "source": links.source[rows],
        "target": links.target[rows],
        "flits": links.flits[rows],
        "busy_cycles": links.busy_cycles[rows],
        "busy_share": links.busy_cycles[rows] / makespan,
        "peak_queue_flits": links.peak_queue_flits[rows],
    }
    return {"links": _table(timeline, of_links), "cores": _table(timeline, _cores(timeline, selection.cores, makespan))}


def _phases(timeline: Timeline, selection: Selection) -> dict[str, pa.Table]:
    """Phases within the window, counted from 1; no table where weights are not streamed."""
    table = phases_shown(timeline, selection.from_cycle, selection.to_cycle)
    return {} if table is None else {"phases": _table(timeline, {**vars(table), "phase": table.phase + 1})}


def _fetches(timeline: Timeline, selection: Selection) -> dict[str, pa.Table]:
    """Rows that parts on the selected cores fetched where tokens or steps share them; no table where none do.

    They are tallied for the parts that were executed: a new mapping has none.
    """
    program, activity = timeline.program, timeline.activity
    if timeline.remapped or not activity.fetches:
        return {}
    columns: dict[str, list[Any]] = {name: [] for name in ("part", "core", "node", "step", "image", "rows")}
    for name, fetched in activity.fetches.items():
        own = program.parts_of(name)
        step, image, place = np.nonzero(fetched.rows[:, : timeline.images])
        shown = np.isin(program.parts.core[own[place]], selection.cores)
        step, image, place = step[shown], image[shown], place[shown]
        part = own[place]
        values: Sequence[np.ndarray[Any, Any]] = (
            part,
            program.parts.core[part],
            program.parts.node[part],
            step + 1,
            image,
            fetched.rows[step, image, place],
        )
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value.astype(np.int32))
    joined = {name: np.concatenate(column) for name, column in columns.items()}
    return {"fetches": _table(timeline, {**joined, "node": _words(program.node_names, joined["node"])})}


def _cores(timeline: Timeline, rows: Int32, makespan: int) -> dict[str, Any]:
    program, cycles = timeline.program, timeline.cores
    cores = program.cores
    columns: dict[str, Any] = {
        "core": rows,
        "name": pa.array([core_name(core) for core in rows.tolist()], pa.string()),
        "kind": pa.array([core_kind(program, core) for core in rows.tolist()], pa.string()),
        "x": cores.x[rows],
        "y": cores.y[rows],
        "slot": cores.slot[rows],
        "nodes": pa.array(_nodes_of(timeline, rows), pa.list_(pa.string())),
        "busy_cycles": cycles.busy[rows],
        "stalled_input_cycles": cycles.stalled_input[rows],
        "stalled_network_cycles": cycles.stalled_network[rows],
        "idle_cycles": cycles.idle[rows],
        "busy_share": cycles.busy[rows] / makespan,
    }
    for number, unit in enumerate(UNITS):
        columns[f"{unit}_busy_cycles"] = cycles.unit_busy[rows, number]
    for name in ("weight_bits_used", "state_bits_used", "neurons_used", "axons_used"):
        columns[name] = getattr(cores, name)[rows]
    return columns


def _nodes_of(timeline: Timeline, rows: Int32) -> list[list[str]]:
    """Names of the nodes that each core holds a part of, in graph order."""
    program = timeline.program
    held: dict[int, set[int]] = {core: set() for core in rows.tolist()}
    for core, node in zip(program.parts.core.tolist(), program.parts.node.tolist(), strict=True):
        if core in held:
            held[core].add(node)
    return [[program.node_names[node] for node in sorted(nodes)] for nodes in held.values()]


def _words(names: Sequence[str], index: np.ndarray[Any, Any]) -> Any:
    """Strings by number, each stored once."""
    return pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(list(names), pa.string()))


def _nanoseconds(timeline: Timeline, cycles: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return cycles * float(cycle_seconds(timeline.clock_mhz) * 10**9)


def _table(timeline: Timeline, columns: Mapping[str, Any]) -> pa.Table:
    return pa.table(dict(columns)).replace_schema_metadata({METADATA_KEY: json.dumps(_about(timeline), default=str)})


def _about(timeline: Timeline) -> dict[str, object]:
    program = timeline.program
    return {
        "format": "synaptile trace",
        "version": FORMAT_VERSION,
        "pyarrow": version("pyarrow"),
        "graph": {"name": program.graph.name, "digest": program.graph.digest},
        "chip": {"name": program.chip.name, "digest": program.chip.digest, "clock_mhz": program.chip.clock_mhz},
        "synchronisation": timeline.synchronisation,
        "makespan_cycles": timeline.makespan_cycles,
        "counted_from": {"step": 1, "image": 0, "token": 0, "cycle": 0},
        "notes": list(timeline.notes),
        "provenance": dict(timeline.provenance),
    }
