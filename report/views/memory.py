"""Memories: the dataflow that both sides share beside each side's best, traffic level by level, what is resident, phases."""

from __future__ import annotations

import numpy as np

from synaptile.energy import EnergyReport
from synaptile.energy.levels import Traffic, memory_levels
from synaptile.mapper.program import CoreProgram
from synaptile.report.numbers import bytes_text, energy_text, percent, ratio_text, time_text
from synaptile.report.views.document import Cell, Sheet
from synaptile.simulator.schedule.timeline import PhaseTable, Timeline
from synaptile.simulator.schedule.transfers import phase_weight_bits


def best_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """The rungs from `memory` on, both sides in the chip's own dataflow and each side at its best token block."""
    rows = []
    for best in report.best_ladder(step=step):
        same = report.rung(best.name, step=step)
        cells = [
            (energy_text(one.snn_pj), energy_text(one.ann_pj), "unpriced" if one.ratio is None else ratio_text(one.ratio))
            for one in (same, best)
        ]
        rows.append((best.name, *cells[0], *cells[1]))
    header = ("rung", "SNN", "ANN", "SNN / ANN", "SNN, best", "ANN, best", "best / best")
    return Sheet(
        f"Same dataflow, and each side at its best token block, after {step or report.steps} steps",
        header,
        tuple(rows),
        caption="\n".join(blocks_lines(report)),
    )


def blocks_lines(report: EnergyReport) -> list[str]:
    """Which token block each side chose on each kind of core, of how many that find room."""
    if report.best is None:
        return []
    kinds = {"synapse": "synapse cores", "ec": "EC cores"}
    lines = []
    for side in ("snn", "ann"):
        chosen = (
            f"{one.block} of up to {one.most} on {kinds[one.kind]}" + ("" if one.block != one.own else " (the chip's own)")
            for one in report.best.choices
            if one.side == side
        )
        lines.append(f"Tokens that share a row, {side.upper()}: {', '.join(chosen)}.")
    return [*lines, *(f"{note[0].upper()}{note[1:]}." for note in report.best.notes)]


def levels_table(report: EnergyReport, *, step: int | None = None) -> Sheet:
    """Traffic of each level of memory, both sides in the chip's own dataflow."""
    rows = tuple((level.name, *_cells(level.snn), *_cells(level.ann)) for level in memory_levels(report, step=step))
    return Sheet(
        f"Memory traffic per image after {step or report.steps} steps",
        ("memory", "SNN accesses", "bytes", "energy", "ANN accesses", "bytes", "energy"),
        rows,
        caption=residency(report.activity.program),
    )


def _cells(side: Traffic) -> tuple[str, ...]:
    return f"{side.accesses:,.0f}", bytes_text(side.bytes), energy_text(side.energy_pj)


def residency(program: CoreProgram) -> str:
    """What stays on the chip and what comes from DRAM."""
    cores, chip = program.cores, program.chip
    weights = bytes_text(int(cores.weight_bits_used.sum()) / 8)
    if program.phases == 1:
        return f"Resident: {weights} of weights and {bytes_text(int(cores.state_bits_used.sum()) / 8)} of state, loaded once."
    largest = bytes_text(int(phase_weight_bits(program).max()) / 8)
    images = "each image" if chip.images_per_load == 1 else f"{chip.images_per_load} images"
    way = "the shared buffer where it fits, else DRAM" if chip.memories.buffer is not None else "DRAM"
    return (
        f"Streamed: {weights} of weights in {program.phases} phases, at most {largest} in one, once for {images}. Resident while "
        f"its phase lasts: state. What phases hand on goes through {way}."
    )


def phases_table(timeline: Timeline, count: int = 12) -> Sheet | None:
    """Phases in time, the `count` longest where there are more; None where weights are not streamed."""
    table = timeline.phases
    if table is None:
        return None
    took = table.end_cycles - table.start_cycles
    many = took.size > count
    chosen = np.sort(np.lexsort((np.arange(took.size), -took))[:count]) if many else np.arange(took.size)
    rows: list[tuple[Cell, ...]] = [_phase_row(timeline, table, int(at)) for at in chosen]
    waited = _waited_cycles(table)
    loads = int((table.load_end_cycles - table.load_start_cycles).sum())
    return Sheet(
        f"{'The longest ' if many else ''}{chosen.size:,} of {took.size:,} phases in time",
        ("phase", "image", "nodes", "weights", "loads from", "works from", "ends", "of all", "moved"),
        tuple(rows),
        caption=f"{loads:,} cycles load weights; for {waited:,} of them ({percent(waited / max(timeline.makespan_cycles, 1))} of "
        f"the makespan) nothing works.",
        prose=("nodes",),
    )


def _phase_row(timeline: Timeline, table: PhaseTable, at: int) -> tuple[Cell, ...]:
    took = int(table.end_cycles[at] - table.start_cycles[at])
    cycles = (int(column[at]) for column in (table.load_start_cycles, table.start_cycles, table.end_cycles))
    return (
        f"{int(table.phase[at]) + 1}",
        images_text(int(table.first_image[at]), int(table.images[at])),
        phase_nodes(timeline.program)[int(table.phase[at])],
        bytes_text(int(table.loaded_bits[at]) / 8),
        *(time_text(timeline.milliseconds(cycle)) for cycle in cycles),
        percent(took / max(timeline.makespan_cycles, 1)),
        bytes_text(int(table.moved_bits[at]) / 8),
    )


def images_text(first: int, count: int) -> str:
    """Images of a load, counted from 1."""
    return f"{first + 1}" if count == 1 else f"{first + 1} to {first + count}"


def phase_nodes(program: CoreProgram) -> list[str]:
    """First and last node of each phase, in graph order."""
    phase, node = program.cores.phase[program.parts.core], program.parts.node
    first, last = np.full(program.phases, len(program.node_names)), np.zeros(program.phases, np.int64)
    np.minimum.at(first, phase, node)
    np.maximum.at(last, phase, node)
    names = [(program.node_names[a], program.node_names[b]) for a, b in zip(first.tolist(), last.tolist(), strict=True)]
    return [a if a == b else f"{a} to {b}" for a, b in names]


def _waited_cycles(table: PhaseTable) -> int:
    """Cycles between phases, and before the first, in which weights load and nothing works."""
    before = np.append(0, table.end_cycles[:-1])
    return int(np.maximum(table.start_cycles - np.maximum(before, table.load_start_cycles), 0).sum())
