"""Memory accesses of the ANN: the same network dense, one pass of one image, the same dataflow on the same cores.

Every activation is an event: it fetches its weight row (once for `reuse` tokens) and updates a row of accumulators, one set of
them. No membranes. EC units keep no sums over time: a row of activations is written and read once ("activation write", "read").
A product buffers its second operand ("operand write", a word an element), and every element of the first reads a row of it. Roles
otherwise as in `memory_snn`.
"""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import (
    Add,
    ConstantStream,
    Convolution2d,
    ECUnit,
    PatchEmbedding,
    ProductUnit,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.conversion.graph.windows import part_reach
from synaptile.energy.memory_prices import EC, STATE, WEIGHT, accesses
from synaptile.energy.memory_snn import parameter_accesses
from synaptile.energy.rows import PartRows, part_rows
from synaptile.energy.tally import Tally
from synaptile.mapper.program import CoreProgram


def ann_accesses(program: CoreProgram, reuse: int) -> Tally:
    """Every access of one dense pass of one image."""
    tally = Tally(program.node_names, 1)
    for part in range(len(program.parts.node)):
        _count(tally, program, part, part_rows(program, part), reuse)
    return tally


def _count(tally: Tally, program: CoreProgram, part: int, rows: PartRows, reuse: int) -> None:
    node, tokens = rows.node, rows.tokens
    if not tokens:
        return  # no sentence of this length reaches it
    fetches = -(-tokens // reuse)

    def add(role: str, op: str, count: int) -> None:
        tally.add(rows.core, rows.index, role, op, count)

    def read_write(what: str, op: str, count: int) -> None:
        add(f"{what} read", op, count)
        add(f"{what} write", op, count)

    match node:
        case Synapse(spiking=True):
            _synapse(tally, program, part, rows, reuse)
        case Convolution2d():
            _convolution(tally, program, part, rows, node)
        case Synapse() | PatchEmbedding():
            add("dense weight rows", EC, node.fan_in * fetches * rows.words)
            read_write("dense accumulator", EC, node.fan_in * tokens * rows.words)
        case ECUnit():
            read_write("activation", EC, tokens * rows.words)
            add("parameters", EC, tokens * parameter_accesses(node, rows))
        case ProductUnit():
            depth, columns = (node.head_width, node.keys) if node.form == "qk" else (node.keys, node.head_width)
            events = tokens * depth * rows.heads
            add("operand write", EC, node.keys * node.head_width * rows.heads)
            add("operand row", EC, events * rows.accesses(columns))
            read_write("product accumulator", EC, events * rows.accesses(columns))
        case TokenEmbedding():
            add("position read", EC, tokens * rows.words)
        case ConstantStream():
            add("constant read", EC, tokens * rows.words)
        case Add():
            read_write("residual", EC, (len(node.inputs) - 1) * tokens * rows.words)
        case TokenMean():
            read_write("sum", EC, (node.stop - node.start) * rows.words)
        case _:
            pass


def _convolution(tally: Tally, program: CoreProgram, part: int, rows: PartRows, node: Convolution2d) -> None:
    """Every activation as an event at every position in front of the part; pooling is done on the way in."""
    core, parts = program.chip.synapse_core, program.parts
    channels, down, across = part_reach(node, int(parts.out_start[part]), int(parts.out_stop[part]))
    fetched = int(np.count_nonzero(channels) * down.sum() * across.sum())
    plane = node.plane[0] * node.plane[1]
    held = -(-int(parts.out_stop[part]) // plane) - int(parts.out_start[part]) // plane
    together, sums = min(held, node.channels // node.groups), rows.of(core.accumulator_bits)
    found = {
        ("weight rows", WEIGHT): fetched * accesses(together, core.weight_bits),
        ("accumulator read", STATE): fetched * accesses(together, core.accumulator_bits),
        ("accumulator write", STATE): fetched * accesses(together, core.accumulator_bits),
        ("accumulator read-out", STATE): rows.tokens * sums,
        ("accumulator clear", STATE): rows.tokens * sums,
        ("bias read", WEIGHT): accesses(held, core.weight_bits),
    }
    for (role, op), count in found.items():
        tally.add(rows.core, rows.index, role, op, count)


def _synapse(tally: Tally, program: CoreProgram, part: int, rows: PartRows, reuse: int) -> None:
    core, parts = program.chip.synapse_core, program.parts
    fan_in = int(parts.in_stop[part] - parts.in_start[part])
    weights, sums, tokens = rows.of(core.weight_bits), rows.of(core.accumulator_bits), rows.tokens
    found = {
        ("weight rows", WEIGHT): fan_in * -(-tokens // reuse) * weights,
        ("accumulator read", STATE): fan_in * tokens * sums,
        ("accumulator write", STATE): fan_in * tokens * sums,
        ("accumulator read-out", STATE): tokens * sums,
        ("accumulator clear", STATE): tokens * sums,
    }
    owner = int(parts.owner[part])
    if owner == part:
        found["bias read", WEIGHT] = tokens * weights
    for (role, op), count in found.items():
        tally.add(rows.core, rows.index, role, op, count)
    if owner != part:
        for way in ("read", "write"):
            tally.add(int(parts.core[owner]), rows.index, f"partial sum {way}", STATE, tokens * sums)
