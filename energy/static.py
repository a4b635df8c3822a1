"""Static energy: leakage over the simulated time, and pixels from outside the chip.

Every core and router of the board in use leaks from the first cycle to the last, working or not, and so do the banks of memories
that state leakage of their own. An image's time is the
makespan where one image was scheduled, in a stream the mean interval between images (its cycles divided evenly over the
steps). The ANN's time is that of its busiest core, all units at full rate and nothing waited for: a bound that favours the ANN.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ImageSource, Synapse, TokenEmbedding
from synaptile.energy.bill import NO_CORE, Tally
from synaptile.energy.memory_leakage import leaking_memories
from synaptile.energy.memory_prices import DRAM, accesses, memory_prices
from synaptile.energy.prices import Price
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.actions.rules import dense_operations_of
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.schedule.timeline import Timeline

LEAKAGE = {CoreKind.SYNAPSE: "synapse core leakage", CoreKind.EC: "ec core leakage"}
ROUTER_LEAKAGE = "router leakage"
"""Ops of the bill: one core, or router, for one cycle."""


def static_prices(chip: Chip) -> dict[str, Price]:
    """Op -> price: power in uW over clock in MHz is pJ per cycle."""
    figures = {
        LEAKAGE[CoreKind.SYNAPSE]: ("synapse_core_uw", chip.leakage.synapse_core_uw),
        LEAKAGE[CoreKind.EC]: ("ec_core_uw", chip.leakage.ec_core_uw),
        ROUTER_LEAKAGE: ("router_uw", chip.leakage.router_uw),
    }
    prices = {
        op: Price(
            power_uw / chip.clock_mhz,
            f"{power_uw:g} uW / {chip.clock_mhz:g} MHz, a cycle; {chip.origin(f'leakage.{name}')}",
        )
        for op, (name, power_uw) in figures.items()
    }
    banks = {memory.op: memory.price for memory in leaking_memories(chip)}
    return {**prices, **banks, DRAM: memory_prices(chip)[DRAM]}


def snn_static(timeline: Timeline) -> tuple[Tally, dict[str, int]]:
    """Leakage cycles and pixels of a run, and over how many images the cycles were counted."""
    program, activity = timeline.program, timeline.activity
    tally = Tally(program.node_names, activity.steps)
    cycles, images = step_cycles(timeline)
    _leak(tally, program, cycles, on_cores=not timeline.remapped and program.phases == 1)
    _input(tally, program, np.arange(activity.steps) == 0, activity.images)
    leaking = (*LEAKAGE.values(), ROUTER_LEAKAGE, *(memory.op for memory in leaking_memories(program.chip)))
    return tally, dict.fromkeys(leaking, images)


def ann_static(program: CoreProgram) -> Tally:
    """Leakage cycles and pixels of one dense pass of one image."""
    tally = Tally(program.node_names, 1)
    _leak(tally, program, np.array([ann_cycles(program)]), on_cores=program.phases == 1)
    _input(tally, program, np.array([True]), 1)
    return tally


def step_cycles(timeline: Timeline) -> tuple[Int64, int]:
    """Cycles of each step, shape (steps,), and the number of images that they sum over."""
    steps = timeline.activity.steps
    if timeline.images == 1:
        ends = timeline.step_end_cycles[0].astype(np.int64).copy()
        ends[-1] = timeline.makespan_cycles
    else:
        last = timeline.step_end_cycles[:, -1]
        ends = int(last[-1] - last[0]) * np.arange(1, steps + 1) // steps
    return np.diff(ends, prepend=0), max(1, timeline.images - 1)


def ann_cycles(program: CoreProgram) -> int:
    """Cycles of the busiest core in one dense pass: MACs in place of accumulates at the lanes' rate, EC units as they are."""
    chip, ec = program.chip, program.chip.ec_core
    work: Counter[tuple[int, bool]] = Counter()
    for part in parts_of(program):
        rows = Fraction(part.rows, part.node.fan_in) if isinstance(part.node, Synapse) else 1
        share = Fraction(part.tokens * part.outputs, part.node.tokens * part.node.width) * rows
        for action in dense_operations_of(part.node):
            work[part.core, action.op.special] += ceil(action.count * share)
        work[part.core, False] += part.senders * part.tokens * part.outputs
    busiest = 0
    for (core, special), count in work.items():
        if program.cores.kind[core] == CoreKind.SYNAPSE:
            rate: float = chip.synapse_core.lanes_per_cycle
        else:
            assert ec is not None
            rate = ec.special_functions_per_cycle if special else ec.multipliers_per_cycle
        busiest = max(busiest, ceil(count / Fraction(rate)))
    return busiest


def _leak(tally: Tally, program: CoreProgram, cycles: Int64, *, on_cores: bool) -> None:
    chip, cores = program.chip, program.cores
    tiles = program.board[0] * program.board[1] * chip.mesh.tiles
    for kind, per_tile in (
        (CoreKind.SYNAPSE, chip.mesh.synapse_cores_per_tile),
        (CoreKind.EC, chip.mesh.ec_cores_per_tile),
    ):
        used = np.flatnonzero(cores.kind == kind) if on_cores else np.zeros(0, np.int64)
        for core in used.tolist():
            tally.add(core, tally.chip, Role.CORES_IN_USE, LEAKAGE[kind], cycles)
        others = Role.IDLE_CORES if on_cores else Role.ALL_CORES
        tally.add(NO_CORE, tally.chip, others, LEAKAGE[kind], cycles * (tiles * per_tile - len(used)))
    tally.add(NO_CORE, tally.chip, Role.ROUTERS, ROUTER_LEAKAGE, cycles * tiles)
    for memory in leaking_memories(chip):
        tally.add(NO_CORE, tally.chip, Role.MEMORIES, memory.op, cycles * (program.board[0] * program.board[1] * memory.banks))


def _input(tally: Tally, program: CoreProgram, when: NDArray[np.bool_], images: int) -> None:
    """DRAM is read once per pixel and image, and once per word of a sentence; weights fit on the chip."""
    for embedding in program.graph.of_type(TokenEmbedding):
        row = accesses(embedding.width, program.chip.noc.word_bits)
        tokens = embedding.tokens * images
        tally.add(NO_CORE, program.node_names.index(embedding.name), Role.WORD_EMBEDDINGS_IN, DRAM, when * row * tokens)
    for source in program.graph.of_type(ImageSource):
        words = accesses(source.size, program.chip.noc.word_bits)
        tally.add(NO_CORE, program.node_names.index(source.name), Role.IMAGE_IN, DRAM, when * words * images)
