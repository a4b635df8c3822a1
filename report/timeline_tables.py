"""Terminal tables of a schedule: its times, the use of cores, the busiest links and the critical path."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from rich.text import Text

from synaptile.mapper.program import CoreKind
from synaptile.report.style import Sheet, bar, new_sheet, percent, shown_steps
from synaptile.report.trace.names import core_kind, core_name, link_names
from synaptile.simulator.schedule.timeline import OPERANDS, Cause, Hold, Timeline

_WAITED_FOR = {
    Cause.NOTHING: "-",
    Cause.INPUT: "an input",
    Cause.NETWORK: "the network",
    Cause.CORE: "its core",
    Cause.OUTPUT: "room at a receiver",
    Cause.BARRIER: "the barrier",
}


@dataclass(frozen=True)
class Stretch:
    """Consecutive holds of a critical path at one node and core.

    `tokens` and `steps` are the first and last met, steps from 1; `waits` splits the waiting by cause.
    """

    node: str
    core: int
    jobs: int
    tokens: tuple[int, int]
    steps: tuple[int, int]
    waits: dict[Cause, int]
    run_cycles: int

    @property
    def wait_cycles(self) -> int:
        """Cycles waited, whatever for."""
        return sum(self.waits.values())


def schedule_table(timeline: Timeline) -> Sheet:
    """Latency, throughput and makespan of a schedule, and what limits it."""
    table = new_sheet(
        f"Schedule of {timeline.program.graph.name} on {timeline.program.chip.name}: {timeline.images} "
        f"image{'s' if timeline.images > 1 else ''}, {timeline.activity.steps} steps, {timeline.synchronisation}, "
        f"{timeline.clock_mhz:g} MHz",
        "",
        "cycles",
        "time",
        caption="\n".join(timeline.notes),
    )

    def add(what: str, cycles: float) -> None:
        table.add_row(what, f"{cycles:,.0f}", _time(timeline, cycles))

    add("latency of an image", timeline.latency_cycles - int(timeline.image_start_cycles[0]))
    for step in shown_steps(timeline.activity.steps, 8):
        add(f"  to the logits of step {step}", int(timeline.step_end_cycles[0, step - 1] - timeline.image_start_cycles[0]))
    add("interval between images" if timeline.images > 1 else "interval between images (one alone)", timeline.interval_cycles)
    table.add_row("throughput", "", f"{timeline.images_per_second:,.1f} images/s")
    add("makespan", timeline.makespan_cycles)
    add("busiest: " + timeline.bottleneck.name, timeline.bottleneck.busy_cycles)
    table.add_row("  share of the makespan", "", percent(timeline.bottleneck.share))
    return table


def core_use_table(timeline: Timeline, count: int = 15) -> Sheet:
    """The `count` busiest cores: busy, stalled and idle shares of the makespan, and how full their memories are.

    The mean over all cores of a kind comes last.
    """
    cycles, cores = timeline.cores, timeline.program.cores
    busiest = np.lexsort((np.arange(len(cycles.busy)), -cycles.busy))[:count]
    table = new_sheet(
        f"Where the cycles of cores went: the {busiest.size} busiest of {len(cycles.busy):,}",
        "core",
        "tile",
        "busy",
        "",
        "no input",
        "network",
        "idle",
        "weights",
        "state",
        bars=(3,),
        caption="no input: an input had not been computed. network: it was on its way, or a receiver had no room. "
        "idle: before the first job, after the last, at barriers. All of the makespan.",
    )
    makespan = max(timeline.makespan_cycles, 1)
    for core in busiest.tolist():
        table.add_row(*_core_cells(timeline, core, makespan))
    for kind in CoreKind:
        own = np.flatnonzero(cores.kind == kind)
        if own.size:
            shares = [column[own].mean() / makespan for column in _columns(timeline)]
            cells = [percent(float(share)) for share in shares]
            label = f"mean of {own.size:,} {kind.name.lower()}"
            table.add_row(label, "", cells[0], bar(float(shares[0]), 8), *cells[1:], *_memory(timeline, own))
    return table


def busiest_links_table(timeline: Timeline, count: int = 10) -> Sheet:
    """The `count` busiest links: flits, share of the makespan in which they carried them, longest queue."""
    links = timeline.links
    busiest = np.lexsort((np.arange(len(links.busy_cycles)), -links.busy_cycles))[:count]
    names = link_names(timeline)
    limit = timeline.program.chip.noc.input_queue_flits
    over = int(np.count_nonzero(links.peak_queue_flits > limit))
    table = new_sheet(
        f"The {busiest.size} busiest of {len(names):,} links",
        "link",
        "flits",
        "busy cycles",
        "busy",
        "",
        "longest queue",
        bars=(4,),
        caption=f"Queues in flits; {over:,} links queued more than the {limit} that a router input holds.",
    )
    for link in busiest.tolist():
        share = float(links.busy_cycles[link]) / max(timeline.makespan_cycles, 1)
        flits, busy, queue = (int(column[link]) for column in (links.flits, links.busy_cycles, links.peak_queue_flits))
        table.add_row(names[link], f"{flits:,}", f"{busy:,}", percent(share), bar(share), f"{queue:,}")
    return table


def critical_path_table(timeline: Timeline, count: int = 30) -> Sheet:
    """The critical path in order of time, holds of one node and core in a row merged; the `count` longest of them."""
    stretches = merge_holds(timeline.critical_path)
    longest = sorted(range(len(stretches)), key=lambda at: (-stretches[at].wait_cycles - stretches[at].run_cycles, at))[:count]
    total = sum(stretch.wait_cycles + stretch.run_cycles for stretch in stretches)
    table = new_sheet(
        f"Critical path: {len(timeline.critical_path):,} jobs in {len(stretches):,} stretches, {total:,} cycles",
        "node",
        "core",
        "jobs",
        "tokens",
        "steps",
        "wait",
        "run",
        "of all",
        "waited for",
        caption="" if len(longest) == len(stretches) else f"The {len(longest)} longest stretches, in order of time.",
    )
    table.table.columns[8].justify = "left"
    for at in sorted(longest):
        stretch = stretches[at]
        cause = max(stretch.waits, key=lambda cause: (stretch.waits[cause], -cause)) if stretch.wait_cycles else Cause.NOTHING
        table.add_row(
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
    return table


def critical_nodes_table(timeline: Timeline, count: int = 12) -> Sheet:
    """The critical path by node: the `count` nodes at which most of the makespan went, waiting or running."""
    spent = critical_nodes(timeline)
    heaviest = spent[:count]
    table = new_sheet(
        f"Where the critical path of {timeline.makespan_cycles:,} cycles goes",
        "node",
        "jobs",
        "wait",
        "run",
        "of all",
        "",
        bars=(5,),
        caption=f"The {len(heaviest)} heaviest of {len(spent)} nodes on the path." if len(spent) > len(heaviest) else "",
    )
    for node, jobs, wait, run in heaviest:
        share = (wait + run) / max(timeline.makespan_cycles, 1)
        table.add_row(node, f"{jobs:,}", f"{wait:,}", f"{run:,}", percent(share), bar(share))
    return table


def critical_nodes(timeline: Timeline) -> list[tuple[str, int, int, int]]:
    """Nodes of the critical path with their jobs, cycles waited and cycles run on it; the heaviest first."""
    spent: dict[str, tuple[int, int, int]] = {}
    for hold in timeline.critical_path:
        jobs, wait, run = spent.get(hold.node, (0, 0, 0))
        spent[hold.node] = (jobs + 1, wait + hold.wait_cycles, run + hold.run_cycles)
    return sorted(((node, *sums) for node, sums in spent.items()), key=lambda row: (-row[2] - row[3], row[0]))


def merge_holds(path: Iterable[Hold]) -> list[Stretch]:
    """Join consecutive holds of one node and core; cycles waited and run are summed."""
    stretches = []
    for (node, core), group in groupby(path, key=lambda hold: (hold.node, hold.core)):
        holds = list(group)
        waits: dict[Cause, int] = {}
        for hold in holds:
            waits[hold.cause] = waits.get(hold.cause, 0) + hold.wait_cycles
        tokens = [hold.token for hold in holds]
        steps = [hold.step + 1 for hold in holds]
        ends = ((min(tokens), max(tokens)), (min(steps), max(steps)))
        stretches.append(Stretch(node, core, len(holds), *ends, waits, sum(hold.run_cycles for hold in holds)))
    return stretches


def _core_cells(timeline: Timeline, core: int, makespan: int) -> list[str | Text]:
    cores = timeline.program.cores
    shares = [float(column[core]) / makespan for column in _columns(timeline)]
    cells = [percent(share) for share in shares]
    name = f"{core_name(core)} {core_kind(timeline.program, core)}"
    place = f"{cores.x[core]},{cores.y[core]}"
    return [name, place, cells[0], bar(shares[0], 8), *cells[1:], *_memory(timeline, np.array([core]))]


def _columns(timeline: Timeline) -> tuple[np.ndarray, ...]:
    cycles = timeline.cores
    return cycles.busy, cycles.stalled_input, cycles.stalled_network, cycles.idle


def _memory(timeline: Timeline, own: np.ndarray) -> tuple[str, str]:
    """Mean use of the memories of cores of one kind; weights of an EC core lie in its state memory."""
    cores, chip = timeline.program.cores, timeline.program.chip
    weights, state = float(cores.weight_bits_used[own].mean()), float(cores.state_bits_used[own].mean())
    if cores.kind[own[0]] == CoreKind.SYNAPSE or chip.ec_core is None:
        return percent(weights / chip.synapse_core.weight_memory_bits), percent(state / chip.synapse_core.state_memory_bits)
    return "in state", percent(state / chip.ec_core.state_memory_bits)


def _range(ends: tuple[int, int]) -> str:
    """First and last, the job of a product's operands by name."""
    first, last = ("operands" if end == OPERANDS else str(end) for end in ends)
    return first if first == last else f"{'op.' if ends[0] == OPERANDS else first}-{last}"


def _time(timeline: Timeline, cycles: float) -> str:
    milliseconds = timeline.milliseconds(cycles)
    return f"{milliseconds:,.3f} ms" if milliseconds >= 1 else f"{1e3 * milliseconds:,.2f} us"
