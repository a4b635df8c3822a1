"""A Timeline: its times, where the cycles of cores went, the busiest links and the critical path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from synaptile.mapper.program import CoreKind
from synaptile.report.critical_path import critical_nodes, merge_holds
from synaptile.report.numbers import percent, shown_steps, time_text
from synaptile.report.trace.names import core_kind, core_name, link_names
from synaptile.report.views.activity import marked
from synaptile.report.views.document import Bar, Cell, Document, Sheet
from synaptile.report.views.memory import phases_table
from synaptile.simulator.schedule.timeline import OPERANDS, Cause, Timeline

_WAITED_FOR = {
    Cause.NOTHING: "-",
    Cause.INPUT: "an input",
    Cause.NETWORK: "the network",
    Cause.CORE: "its core",
    Cause.OUTPUT: "room at a receiver",
    Cause.BARRIER: "the barrier",
    Cause.PHASE: "its phase",
}
ALONE = "not streamed: one image alone"
"""What stands for a throughput that no stream has shown."""

_WHERE_CYCLES_WENT = ("busy", "", "no input", "network", "idle")


def timeline_document(timeline: Timeline) -> Document:
    """Latency, interval, makespan, the bottleneck, where cycles of each kind of core went; steps behind a click."""
    facts = (
        ("latency of an image", _cycles_and_time(timeline, timeline.latency_cycles)),
        *_streamed(timeline),
        ("makespan", f"{_cycles_and_time(timeline, timeline.makespan_cycles)}, {timeline.images:,} images"),
        ("busiest", f"{timeline.bottleneck.name}, {percent(timeline.bottleneck.share)} of the makespan"),
        ("synchronisation", f"{timeline.synchronisation}, {timeline.clock_mhz:g} MHz"),
    )
    cores = tuple((kind, *shares) for kind, _, shares in _means(timeline))
    steps = tuple((f"{step}", *_cycle_cells(timeline, cycles)) for step, cycles in enumerate(timeline.first_image_cycles, 1))
    phased = phases_table(timeline)
    sheets = (
        *((replace(phased, folded=True),) if phased is not None else ()),
        Sheet("", ("mean core", *_WHERE_CYCLES_WENT), cores),
        Sheet("logits of each step, first image", ("step", "cycles", "time"), steps, folded=True),
    )
    title = f"Schedule of {timeline.program.graph.name} on {timeline.program.chip.name}"
    return Document(title, sheets, marked(timeline.activity), facts, timeline.notes)


def _streamed(timeline: Timeline) -> tuple[tuple[str, str], ...]:
    """What a stream of images has, and one image alone has not."""
    if timeline.images_per_second is None:
        return (("throughput", ALONE),)
    interval = ("interval between images", _cycles_and_time(timeline, timeline.interval_cycles))
    return interval, ("throughput", f"{timeline.images_per_second:,.1f} images/s")


def schedule_table(timeline: Timeline) -> Sheet:
    """Latency, throughput and makespan of a schedule, and what limits it."""
    rate = timeline.images_per_second
    logits = [(f"  to the logits of step {step}", timeline.first_image_cycles[step - 1]) for step in _steps(timeline)]
    times: list[tuple[str, float]] = [
        ("latency of an image", timeline.latency_cycles),
        *logits,
        *([] if rate is None else [("interval between images", timeline.interval_cycles)]),
        ("makespan", timeline.makespan_cycles),
        (f"busiest: {timeline.bottleneck.name}", timeline.bottleneck.busy_cycles),
    ]
    rows = [(what, *_cycle_cells(timeline, cycles)) for what, cycles in times]
    rows.insert(-2, ("throughput", "", ALONE if rate is None else f"{rate:,.1f} images/s"))
    return Sheet(
        f"Schedule of {timeline.program.graph.name} on {timeline.program.chip.name}: {timeline.images} "
        f"image{'s' if timeline.images > 1 else ''}, {timeline.activity.steps} steps, {timeline.synchronisation}, "
        f"{timeline.clock_mhz:g} MHz",
        ("", "cycles", "time"),
        (*rows, ("  share of the makespan", "", percent(timeline.bottleneck.share))),
        caption="\n".join(timeline.notes),
    )


def core_use_table(timeline: Timeline, count: int = 15) -> Sheet:
    """The `count` busiest cores: busy, stalled and idle shares of the makespan, and how full their memories are.

    The mean over all cores of a kind comes last.
    """
    busy, cores = timeline.cores.busy, timeline.program.cores
    busiest = np.lexsort((np.arange(len(busy)), -busy))[:count]
    rows: list[tuple[Cell, ...]] = []
    for core in busiest.tolist():
        name = f"{core_name(core)} {core_kind(timeline.program, core)}"
        own = np.array([core])
        rows.append((name, f"{cores.x[core]},{cores.y[core]}", *_shares(timeline, own), *_memory(timeline, own)))
    for kind, own, shares in _means(timeline):
        seats = timeline.program.seats(CoreKind[kind.upper()])
        rows.append((f"mean of {seats:,} {kind}", "", *shares, *_memory(timeline, own)))
    return Sheet(
        f"Where the cycles of cores went: the {busiest.size} busiest of {len(busy):,}",
        ("core", "tile", *_WHERE_CYCLES_WENT, "weights", "state"),
        tuple(rows),
        caption="no input: an input had not been computed. network: it was on its way, or a receiver had no room. "
        "idle: before the first job, after the last, at barriers. All of the makespan.",
    )


def busiest_links_table(timeline: Timeline, count: int = 10) -> Sheet:
    """The `count` busiest links: flits, share of the makespan in which they carried them, longest queue."""
    links, names = timeline.links, link_names(timeline)
    busiest = np.lexsort((np.arange(len(links.busy_cycles)), -links.busy_cycles))[:count]
    limit = timeline.program.chip.noc.input_queue_flits
    over = int(np.count_nonzero(links.peak_queue_flits > limit))
    rows: list[tuple[Cell, ...]] = []
    for link in busiest.tolist():
        share = float(links.busy_cycles[link]) / max(timeline.makespan_cycles, 1)
        flits, busy, queue = (int(column[link]) for column in (links.flits, links.busy_cycles, links.peak_queue_flits))
        rows.append((names[link], f"{flits:,}", f"{busy:,}", percent(share), Bar(share), f"{queue:,}"))
    return Sheet(
        f"The {busiest.size} busiest of {len(names):,} links",
        ("link", "flits", "busy cycles", "busy", "", "longest queue"),
        tuple(rows),
        caption=f"Queues in flits; {over:,} links queued more than the {limit} that a router input holds.",
    )


def critical_path_table(timeline: Timeline, count: int = 30) -> Sheet:
    """The critical path in order of time, holds of one node and core in a row merged; the `count` longest of them."""
    stretches = merge_holds(timeline.critical_path)
    longest = sorted(range(len(stretches)), key=lambda at: (-stretches[at].wait_cycles - stretches[at].run_cycles, at))[:count]
    total = sum(stretch.wait_cycles + stretch.run_cycles for stretch in stretches)
    rows = []
    for stretch in (stretches[at] for at in sorted(longest)):
        cause = max(stretch.waits, key=lambda cause: (stretch.waits[cause], -cause)) if stretch.wait_cycles else Cause.NOTHING
        rows.append(
            (
                stretch.node,
                core_name(stretch.core),
                f"{stretch.jobs:,}",
                _range(stretch.tokens),
                _range(stretch.steps),
                f"{stretch.wait_cycles:,}",
                f"{stretch.run_cycles:,}",
                percent((stretch.wait_cycles + stretch.run_cycles) / total) if total else "-",
                _WAITED_FOR[cause],
            )
        )
    return Sheet(
        f"Critical path: {len(timeline.critical_path):,} jobs in {len(stretches):,} stretches, {total:,} cycles",
        ("node", "core", "jobs", "tokens", "steps", "wait", "run", "of all", "waited for"),
        tuple(rows),
        prose=("waited for",),
        caption="" if len(longest) == len(stretches) else f"The {len(longest)} longest stretches, in order of time.",
    )


def critical_nodes_table(timeline: Timeline, count: int = 12) -> Sheet:
    """The critical path by node: the `count` nodes at which most of the makespan went, waiting or running."""
    spent, makespan = critical_nodes(timeline), max(timeline.makespan_cycles, 1)
    rows = tuple(
        (node, f"{jobs:,}", f"{wait:,}", f"{run:,}", percent((wait + run) / makespan), Bar((wait + run) / makespan))
        for node, jobs, wait, run in spent[:count]
    )
    return Sheet(
        f"Where the critical path of {timeline.makespan_cycles:,} cycles goes",
        ("node", "jobs", "wait", "run", "of all", ""),
        rows,
        caption=f"The {len(rows)} heaviest of {len(spent)} nodes on the path." if len(spent) > len(rows) else "",
    )


def _steps(timeline: Timeline) -> tuple[int, ...]:
    return shown_steps(timeline.activity.steps, 8)


def _shares(timeline: Timeline, own: NDArray[np.integer]) -> tuple[Cell, ...]:
    """Mean shares of the makespan of some cores: `_WHERE_CYCLES_WENT`."""
    cycles = timeline.cores
    columns = (cycles.busy, cycles.stalled_input, cycles.stalled_network, cycles.idle)
    busy, *others = (float(column[own].mean()) / max(timeline.makespan_cycles, 1) for column in columns)
    return percent(busy), Bar(busy, 8), *map(percent, others)


def _mean_shares(timeline: Timeline, kind: CoreKind, own: NDArray[np.integer]) -> tuple[Cell, ...]:
    """The same of the seats of a kind: cores of several phases share one, which is idle the rest of the time."""
    cycles, seats = timeline.cores, timeline.program.seats(kind)
    if seats == own.size:
        return _shares(timeline, own)
    whole = max(timeline.makespan_cycles, 1) * seats
    busy, *stalls = (float(column[own].sum()) / whole for column in (cycles.busy, cycles.stalled_input, cycles.stalled_network))
    return percent(busy), Bar(busy, 8), *map(percent, (*stalls, 1 - busy - sum(stalls)))


def _means(timeline: Timeline) -> list[tuple[str, NDArray[np.integer], tuple[Cell, ...]]]:
    """Each kind of core in use, its cores and their mean shares."""
    cores = {kind: np.flatnonzero(timeline.program.cores.kind == kind) for kind in CoreKind}
    return [(kind.name.lower(), own, _mean_shares(timeline, kind, own)) for kind, own in cores.items() if own.size]


def _memory(timeline: Timeline, own: NDArray[np.integer]) -> tuple[str, str]:
    """Mean use of the memories of cores of one kind; weights of an EC core lie in its state memory."""
    limits = timeline.program.limits(CoreKind(int(timeline.program.cores.kind[own[0]])))
    use = {name: percent(float(used[own].mean()) / limit) for name, (used, limit) in limits.items()}
    return use.get("weight memory", "in state"), use["state memory"]


def _range(ends: tuple[int, int]) -> str:
    """First and last, the job of a product's operands by name."""
    first, last = ("operands" if end == OPERANDS else str(end) for end in ends)
    return first if first == last else f"{'op.' if ends[0] == OPERANDS else first}-{last}"


def _cycle_cells(timeline: Timeline, cycles: float) -> tuple[str, str]:
    return f"{cycles:,.0f}", time_text(timeline.milliseconds(cycles))


def _cycles_and_time(timeline: Timeline, cycles: float) -> str:
    return "{} cycles, {}".format(*_cycle_cells(timeline, cycles))
