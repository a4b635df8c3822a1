"""Static energy: leakage over the simulated time, and pixels from outside the chip.

Every core and router of the board in use leaks from the first cycle to the last, working or not, and so do the banks of memories
that state leakage of their own. An image's time is the
makespan where one image was scheduled, in a stream the mean interval between images (its cycles divided evenly over the
steps). The ANN's time is that of its own schedule, dense passes of as many images on the same cores. Clocks and idle cores are
billed with it where the chip states them (`energy/switching.py`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ImageSource, TokenEmbedding
from synaptile.energy.bill import NO_CORE
from synaptile.energy.memory_leakage import leaking_memories
from synaptile.energy.memory_prices import DRAM, accesses, memory_prices
from synaptile.energy.prices import Price
from synaptile.energy.switching import WORKING, add_switching, busy_by_step, switching_prices
from synaptile.energy.tally import Tally
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.schedule.dense import DenseTimeline
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
    return {**prices, **banks, **switching_prices(chip), DRAM: memory_prices(chip)[DRAM]}


def snn_static(timeline: Timeline) -> tuple[Tally, dict[str, int]]:
    """Leakage cycles and pixels of a run, and over how many images the cycles were counted."""
    program, activity = timeline.program, timeline.activity
    tally = Tally(program.node_names, activity.steps)
    cycles, images = step_cycles(timeline)
    _leak(tally, program, cycles, on_cores=not timeline.remapped and program.phases == 1)
    _input(tally, program, np.arange(activity.steps) == 0, activity.images)
    if program.chip.power is not None:
        add_switching(tally, program, cycles, busy_by_step(timeline))
    return tally, _sampled(program.chip, images, timeline.images)


def ann_static(program: CoreProgram, dense: DenseTimeline) -> tuple[Tally, dict[str, int]]:
    """The same of one dense pass of one image."""
    tally, cycles = Tally(program.node_names, 1), np.array([dense.between_cycles])
    _leak(tally, program, cycles, on_cores=program.phases == 1)
    _input(tally, program, np.array([True]), 1)
    add_switching(tally, program, cycles, dense.core_busy[:, None])
    return tally, _sampled(program.chip, max(1, dense.images - 1), dense.images)


def _sampled(chip: Chip, intervals: int, images: int) -> dict[str, int]:
    """Images that counts of each op sum over: cycles of time those between results, cycles of work those of all images."""
    over_time = [op for op in static_prices(chip) if op != DRAM]
    return dict.fromkeys(over_time, intervals) | dict.fromkeys(WORKING.values(), images)


def step_cycles(timeline: Timeline) -> tuple[Int64, int]:
    """Cycles of each step, shape (steps,), and the number of images that they sum over."""
    steps = timeline.activity.steps
    if timeline.images == 1:
        ends = timeline.step_end_cycles[0].astype(np.int64).copy()
        ends[-1] = timeline.makespan_cycles
    else:
        ends = round(timeline.interval_cycles * (timeline.images - 1)) * np.arange(1, steps + 1) // steps
    return np.diff(ends, prepend=0), max(1, timeline.images - 1)


def _leak(tally: Tally, program: CoreProgram, cycles: Int64, *, on_cores: bool) -> None:
    chip, cores = program.chip, program.cores
    tiles = program.board[0] * program.board[1] * chip.mesh.tiles
    for kind, per_tile in (
        (CoreKind.SYNAPSE, chip.mesh.synapse_cores_per_tile),
        (CoreKind.EC, chip.mesh.ec_cores_per_tile),
    ):
        used = np.flatnonzero(cores.kind == kind) if on_cores else np.zeros(0, np.int64)
        tally.add_rows(used, tally.chip, Role.CORES_IN_USE, LEAKAGE[kind], np.tile(cycles, (used.size, 1)))
        others = Role.IDLE_CORES if on_cores else Role.ALL_CORES
        tally.add(NO_CORE, tally.chip, others, LEAKAGE[kind], cycles * (tiles * per_tile - len(used)))
    tally.add(NO_CORE, tally.chip, Role.ROUTERS, ROUTER_LEAKAGE, cycles * program.board[0] * program.board[1] * chip.routers)
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
