"""What phases move: their weights, and outputs that are stored for later phases, in bits and cycles.

Spikes are stored as bitmaps: a bit per neuron and step, and for each spike its sign and magnitude. Real values take a word each.
"""

from __future__ import annotations

from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons
from synaptile.foundation.errors import ChipError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.program import STORED, CoreKind, CoreProgram
from synaptile.mapper.regions import elements_per_channel
from synaptile.simulator.actions.events import SpikeCounts
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.schedule.phases import Plan


class Stored(NamedTuple):
    """Outputs of parts that outlive their phase: each is written once, and read once by each later phase that needs any of it.

    `part` (outputs,) makes it in phase `written` (outputs,); `read` (outputs, phases) says which phases read it.
    """

    part: Int64
    written: Int64
    read: NDArray[np.bool_]


def stored_outputs(program: CoreProgram) -> Stored:
    """Every part that sends to a later phase."""
    flows, parts, phase = program.flows, program.parts, program.cores.phase
    rows = np.flatnonzero(flows.group == STORED)
    part, number = np.unique(flows.source[rows], return_inverse=True)
    read = np.zeros((part.size, program.phases), np.bool_)
    read[number, phase[parts.core[flows.target[rows]]]] = True
    return Stored(part.astype(np.int64), phase[parts.core[part]].astype(np.int64), read)


def stored_bits(program: CoreProgram, stored: Stored, counts: SpikeCounts) -> Int64:
    """Bits of each output at each step, shape (images, steps, outputs)."""
    parts, steps = program.parts, counts.activity.steps
    bits = np.zeros((counts.images, steps, stored.part.size), np.int64)
    for at, part in enumerate(stored.part.tolist()):
        node = program.graph.nodes[program.node_names[int(parts.node[part])]]
        start, stop, tokens = (
            int(parts.out_start[part]),
            int(parts.out_stop[part]),
            slice(parts.token_start[part], parts.token_stop[part]),
        )
        elements = (tokens.stop - tokens.start) * (stop - start) * elements_per_channel(node)
        if isinstance(node, Neurons):
            spikes = counts.of(node.name, start, stop, tokens).sum(axis=2)
            bits[:, :, at] = elements + spikes * ceil(log2(node.values))
        else:
            bits[:, :, at] = elements * program.chip.noc.word_bits
    return bits


def most_stored_bits(stored: Stored, bits: Int64) -> int:
    """Bits that lie stored at once for one image, at most: from the phase that writes an output to the last that reads it."""
    phases = stored.read.shape[1]
    last = phases - 1 - np.argmax(stored.read[:, ::-1], axis=1)
    live = [(stored.written <= phase) & (phase <= last) for phase in range(phases)]
    return max((int(bits[:, alive].sum(axis=1).max(initial=0)) for alive in live), default=0)


def fits_buffer(chip: Chip, stored: Stored, bits: Int64) -> bool:
    """Whether the shared buffer holds what phases hand on for the images of a load; `bits` of each, (images, outputs)."""
    buffer = chip.memories.buffer
    return buffer is not None and most_stored_bits(stored, bits) * chip.images_per_load <= buffer.capacity_bits


def handed_on_note(program: CoreProgram) -> str | None:
    """What to say before a run, where the shared buffer may not hold what phases hand on at the steps that the chip holds."""
    chip, stored = program.chip, stored_outputs(program)
    if chip.memories.buffer is None or not stored.part.size:
        return None
    steps = chip.synapse_core.dataflow.max_steps
    nodes = [program.graph.nodes[program.node_names[node]] for node in program.parts.node[stored.part].tolist()]
    elements = np.array([parts_of(program)[part].elements for part in stored.part.tolist()], np.int64) * steps
    bits = np.array(
        [(1, 1 + ceil(log2(n.values))) if isinstance(n, Neurons) else (program.chip.noc.word_bits,) * 2 for n in nodes]
    )
    least, most = (most_stored_bits(stored, (elements * each)[None]) * chip.images_per_load for each in bits.T)
    capacity = chip.memories.buffer.capacity_bits
    if most <= capacity:
        return None
    return (
        f"Phases hand on {least:,} to {most:,} bits for {chip.images_per_load} images of {steps} steps, as neurons fire; "
        f"memories.buffer holds {capacity:,}: what {'does' if least > capacity else 'may'} not fit goes through DRAM; raise "
        "memories.buffer.capacity_bits, or lower images_per_load."
    )


def phase_plan(program: CoreProgram, counts: SpikeCounts) -> tuple[Plan, list[str]]:
    """What the phases of a program move, and what to say about it. Raises ChipError without a memory that weights come from."""
    stored = stored_outputs(program)
    return plan_of(program, stored, stored_bits(program, stored, counts).sum(axis=1), counts.activity.steps)


def plan_of(program: CoreProgram, stored: Stored, bits: Int64, steps: int) -> tuple[Plan, list[str]]:
    """As `phase_plan`, from the bits of each stored output of an image, shape (images, outputs)."""
    chip = program.chip
    dram, buffer = chip.memories.dram, chip.memories.buffer
    if dram is None:
        raise ChipError(
            f"chip {chip.name!r} streams its weights and has no memories.dram: describe the memory that they come from"
        )
    per_cycle = 1e3 * dram.gbit_per_s / chip.clock_mhz
    latency = ceil(dram.latency_ns * chip.clock_mhz / 1e3)
    touched = stored.read.astype(np.int64)
    touched[np.arange(stored.part.size), stored.written] += 1
    weights = phase_weight_bits(program)
    buffered, notes = fits_buffer(chip, stored, bits), list[str]()
    if buffer is not None and not buffered:
        most = most_stored_bits(stored, bits) * chip.images_per_load
        notes.append(
            f"phases hand on up to {most:,} bits for {chip.images_per_load} images, "
            f"memories.buffer holds {buffer.capacity_bits:,}: they go through DRAM; "
            "raise memories.buffer.capacity_bits, or lower images_per_load"
        )
    plan = Plan(
        steps_per_image=steps,
        images_per_load=chip.images_per_load,
        weight_bits=weights,
        load=latency + np.ceil(weights / per_cycle).astype(np.int64),
        moved_bits=bits @ touched,
        bits_per_cycle=buffer.bits_per_cycle if buffer is not None and buffered else per_cycle,
        shared=not buffered,
        ahead=_loads_ahead(program),
    )
    return plan, notes


def phase_weight_bits(program: CoreProgram) -> Int64:
    """Bits of the weights that each phase loads, shape (phases,)."""
    bits = np.zeros(program.phases, np.int64)
    np.add.at(bits, program.cores.phase, program.cores.weight_bits_used)
    return bits


def _loads_ahead(program: CoreProgram) -> Int64:
    """1 for each phase whose weights find room on every seat beside what the phase before holds there."""
    cores, chip, phases = program.cores, program.chip, program.phases
    width, height = program.board[0] * chip.mesh.width, program.board[1] * chip.mesh.height
    slots = max(chip.mesh.synapse_cores_per_tile, chip.mesh.ec_cores_per_tile)
    seat = ((cores.kind * height + cores.y) * width + cores.x) * slots + cores.slot
    on_ec = cores.kind == CoreKind.EC
    limit = np.array([chip.synapse_core.weight_memory_bits, chip.ec_core.state_memory_bits if chip.ec_core else 0])
    held, weights = np.zeros((2, phases, int(seat.max(initial=0)) + 1), np.int64)
    room = np.zeros(held.shape[1], np.int64)
    np.add.at(held, (cores.phase, seat), cores.weight_bits_used + np.where(on_ec, cores.state_bits_used, 0))
    np.add.at(weights, (cores.phase, seat), cores.weight_bits_used)
    room[seat] = limit[cores.kind]
    return np.array([(held[phase - 1] + weights[phase] <= room).all() for phase in range(phases)], np.int64)
