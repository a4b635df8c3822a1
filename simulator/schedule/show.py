"""A Timeline as a notebook shows it, and as tables of cores, links, steps, jobs and messages."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from synaptile.foundation.html import card, facts, folded, grid, notes, warning
from synaptile.foundation.tables import arrow, choose, words
from synaptile.mapper.program import CoreKind
from synaptile.simulator.schedule.timeline import UNITS, Cause, LinkKind, Timeline
from synaptile.simulator.show import marked

if TYPE_CHECKING:
    import pyarrow as pa

TABLES = ("cores", "links", "steps", "jobs", "messages")


def timeline_html(timeline: Timeline) -> str:
    """Latency, interval, makespan, the bottleneck, where cycles of each kind of core went; steps behind a click."""
    latency = timeline.latency_cycles - int(timeline.image_start_cycles[0])
    lines = [
        ("latency of an image", _both(timeline, latency)),
        ("interval between images", _both(timeline, timeline.interval_cycles)),
        ("throughput", f"{timeline.images_per_second:,.1f} images/s"),
        ("makespan", f"{_both(timeline, timeline.makespan_cycles)}, {timeline.images:,} images"),
        ("busiest", f"{timeline.bottleneck.name}, {100 * timeline.bottleneck.share:.1f} % of the makespan"),
        ("synchronisation", f"{timeline.synchronisation}, {timeline.clock_mhz:g} MHz"),
    ]
    ends = timeline.step_end_cycles[0] - timeline.image_start_cycles[0]
    steps = [(f"{step + 1}", f"{int(end):,}", _time(timeline, int(end))) for step, end in enumerate(ends)]
    program = timeline.program
    return card(
        f"Schedule of {program.graph.name} on {program.chip.name}",
        warning(marked(timeline.activity)),
        facts(lines),
        grid(("mean core", "busy", "no input", "network", "idle"), _shares(timeline)),
        folded("logits of each step, first image", grid(("step", "cycles", "time"), steps, most=len(steps))),
        notes(timeline.notes),
    )


def timeline_arrow(timeline: Timeline, table: str | None = None) -> pa.Table:
    """One of `TABLES`. Images, tokens and cycles count from 0, steps from 1; times are in cycles of the chip's clock."""
    chosen = choose(table, TABLES, "a timeline")
    program = timeline.program
    about: dict[str, object] = {"graph": program.graph.name, "chip": program.chip.name, "chip_digest": program.chip.digest}
    about |= {"clock_mhz": timeline.clock_mhz, "makespan": timeline.makespan_cycles}
    return arrow(_COLUMNS[chosen](timeline), {**about, "synthetic": timeline.activity.synthetic})


def _cores(timeline: Timeline) -> dict[str, Any]:
    cores, cycles = timeline.program.cores, timeline.cores
    return {
        "core": np.arange(len(cores.kind), dtype=np.int32),
        "kind": words([kind.name.lower() for kind in CoreKind], cores.kind),
        **{name: getattr(cores, name) for name in ("x", "y", "slot")},
        **{f"{name}_cycles": getattr(cycles, name) for name in ("busy", "stalled_input", "stalled_network", "idle")},
        **{f"{unit}_busy_cycles": cycles.unit_busy[:, at] for at, unit in enumerate(UNITS)},
    }


def _links(timeline: Timeline) -> dict[str, Any]:
    columns = {field.name: getattr(timeline.links, field.name) for field in fields(timeline.links)}
    return {**columns, "kind": words([kind.name.lower() for kind in LinkKind], timeline.links.kind)}


def _steps(timeline: Timeline) -> dict[str, Any]:
    images, steps = timeline.step_end_cycles.shape
    ends = timeline.step_end_cycles
    return {
        "image": np.repeat(np.arange(images), steps).astype(np.int32),
        "step": np.tile(np.arange(1, steps + 1), images).astype(np.int32),
        "end_cycles": ends.reshape(-1),
        "latency_cycles": (ends - timeline.image_start_cycles[:, None]).reshape(-1),
    }


def _jobs(timeline: Timeline) -> dict[str, Any]:
    jobs = timeline.jobs
    columns = {field.name: getattr(jobs, field.name) for field in fields(jobs)}
    return {
        **columns,
        "step": jobs.step + 1,
        "node": words(timeline.program.node_names, timeline.program.parts.node[jobs.part]),
        "cause": words([cause.name.lower() for cause in Cause], jobs.cause),
    }


def _messages(timeline: Timeline) -> dict[str, Any]:
    return {field.name: getattr(timeline.messages, field.name) for field in fields(timeline.messages)}


_COLUMNS = {"cores": _cores, "links": _links, "steps": _steps, "jobs": _jobs, "messages": _messages}


def _shares(timeline: Timeline) -> list[tuple[str, ...]]:
    cycles, rows = timeline.cores, []
    for kind in CoreKind:
        own = timeline.program.cores.kind == kind
        whole = timeline.makespan_cycles * int(own.sum())
        if whole:
            spent = [getattr(cycles, name)[own].sum() / whole for name in ("busy", "stalled_input", "stalled_network", "idle")]
            rows.append((kind.name.lower(), *(f"{100 * share:.1f} %" for share in spent)))
    return rows


def _both(timeline: Timeline, cycles: float) -> str:
    return f"{cycles:,.0f} cycles, {_time(timeline, cycles)}"


def _time(timeline: Timeline, cycles: float) -> str:
    ms = timeline.milliseconds(cycles)
    return f"{ms / 1e3:,.3f} s" if ms >= 1000 else f"{ms:,.3f} ms" if ms >= 1 else f"{1e3 * ms:,.2f} us"
