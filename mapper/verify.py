"""Nothing lost, nothing doubled, no limit exceeded: what every CoreProgram is held to, after each pass and when loaded.

Each function raises ConservationError naming the defect. They look at the tables alone, not at how these were made.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.conversion.graph import Convolution2d, InputCurrent, IntegerConvolution2d, Node, SpikingGraph, Synapse
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.convolution import verify_alignment
from synaptile.mapper.footprint import (
    Footprint,
    demands,
    home_of,
    off_chip,
    part_extents,
    part_footprint,
    positions_in_turn,
    resources,
)
from synaptile.mapper.program import CoreKind, CoreProgram, PartTable
from synaptile.mapper.topology import topology_of
from synaptile.mapper.verify_flows import verify_flows
from synaptile.mapper.verify_routes import verify_routes


def verify_program(program: CoreProgram) -> None:
    """Check parts, flows, cores and routes of a whole program."""
    graph, parts, cores = program.graph, program.parts, program.cores
    if program.node_names != tuple(graph.nodes):
        raise ConservationError(f"the program of {graph.name!r} lists other nodes than its graph")
    verify_parts(graph, program.chip, program.node_names, parts)
    verify_flows(graph, program.node_names, parts, program.flows, cores.phase)
    _verify_cores(program)
    topology = topology_of(program.chip, program.board)
    verify_routes(parts, program.flows, program.routes, cores.x.astype(np.int64), cores.y.astype(np.int64), topology)


def verify_parts(graph: SpikingGraph, chip: Chip, node_names: Sequence[str], parts: PartTable) -> None:
    """Every element of every node in one part, every weight in one part a replica, no core beyond a limit."""
    order = np.argsort(parts.node, kind="stable")
    bounds = np.searchsorted(parts.node[order], np.arange(len(node_names) + 1))
    for index, name in enumerate(node_names):
        node, chosen = graph.nodes[name], order[bounds[index] : bounds[index + 1]]
        if off_chip(node):
            if chosen.size:
                raise ConservationError(f"{name!r} has parts; what it holds is off the chip")
            continue
        _verify_cover(graph, node, parts, chosen)
        _verify_replicas(graph, chip, node, parts, chosen)
        _verify_footprint(graph, chip, node, parts, chosen)
    _verify_owners(node_names, parts)
    _verify_limits(graph, chip, node_names, parts)


def _verify_cover(graph: SpikingGraph, node: Node, parts: PartTable, chosen: Int64) -> None:
    """The parts tile tokens x channels exactly, and rows too where the node is a spiking synapse."""
    axes = [
        ("tokens", parts.token_start, parts.token_stop, node.tokens),
        ("channels", parts.out_start, parts.out_stop, node.width),
    ]
    if isinstance(node, Synapse) and home_of(graph, node) is CoreKind.SYNAPSE:
        axes.append(("rows", parts.in_start, parts.in_stop, node.fan_in))
    elif node.inputs and not ((parts.in_start[chosen] == 0) & (parts.in_stop[chosen] == node.inputs[0].width)).all():
        raise ConservationError(f"a part of {node.name!r} reads a slice of its input: only spiking synapses are split over it")
    corners: list[tuple[Int64, Int64]] = []
    cuts: list[Int64] = []
    for label, start, stop, extent in axes:
        low, high = start[chosen].astype(np.int64), stop[chosen].astype(np.int64)
        if (low >= high).any() or (low < 0).any() or (high > extent).any():
            raise ConservationError(f"a part of {node.name!r} has {label} that are empty or outside 0:{extent}")
        cuts.append(np.unique(np.concatenate([[0, extent], low, high])))
        corners.append((np.searchsorted(cuts[-1], low), np.searchsorted(cuts[-1], high)))
    count = np.zeros([axis.size for axis in cuts], np.int64)
    for corner in range(1 << len(axes)):
        sides = [corner >> axis & 1 for axis in range(len(axes))]
        np.add.at(count, tuple(corners[axis][side] for axis, side in enumerate(sides)), (-1) ** sum(sides))
    for axis in range(len(axes)):
        count = np.cumsum(count, axis=axis)
    count = count[(slice(0, -1),) * len(axes)]
    if (wrong := np.argwhere(count != 1)).size:
        cell = wrong[0]
        where = ", ".join(f"{axes[i][0]} {cuts[i][c]}:{cuts[i][c + 1]}" for i, c in enumerate(cell))
        raise ConservationError(f"{node.name!r} has {where} in {count[tuple(cell)]} parts, must be in 1")


def _verify_replicas(graph: SpikingGraph, chip: Chip, node: Node, parts: PartTable, chosen: Int64) -> None:
    """A token has one replica. Where tokens share weights a replica has one range of tokens: so it holds each weight once."""
    if not isinstance(node, Synapse) or home_of(graph, node) is CoreKind.EC:
        return
    starts, replica = parts.token_start[chosen].astype(np.int64), parts.replica[chosen].astype(np.int64)
    pairs = np.unique(np.stack([starts, replica]), axis=1)
    if np.unique(pairs[0]).size != pairs.shape[1]:
        raise ConservationError(f"tokens of {node.name!r} are divided between replicas within one range of tokens")
    if chip.synapse_core.token_sharing and np.unique(pairs[1]).size != pairs.shape[1]:
        raise ConservationError(
            f"a replica of {node.name!r} holds its weights more than once: its parts have several ranges of tokens"
        )


def _verify_footprint(graph: SpikingGraph, chip: Chip, node: Node, parts: PartTable, chosen: Int64) -> None:
    extents = part_extents(parts, chosen)
    if isinstance(node, Convolution2d):
        wrong = verify_alignment(node, extents.start, extents.start + extents.outputs)
        if wrong is not None:
            raise ConservationError(
                f"part {chosen[wrong]} of {node.name!r} covers neither whole channels nor rows of one channel"
            )
    load = part_footprint(graph, chip, node, extents)
    for label in ("weight_bits", "state_bits", "neurons", "axons"):
        stated, needed = getattr(parts, label)[chosen], np.broadcast_to(getattr(load, label), chosen.shape)
        padded = label == "neurons" and isinstance(node, IntegerConvolution2d | InputCurrent)  # compartments of a partition
        if label in ("neurons", "axons") and isinstance(node, Convolution2d):
            padded |= positions_in_turn(chip, node)  # older programs count every position
        wrong_ones = stated < needed if padded else stated != needed
        if wrong_ones.any():
            first = np.flatnonzero(wrong_ones)[0]
            raise ConservationError(
                f"part {chosen[first]} of {node.name!r} states {label} {stated[first]}, its rectangle takes {needed[first]}"
            )


def _verify_owners(node_names: Sequence[str], parts: PartTable) -> None:
    """An owner owns itself, and covers the same node, tokens and outputs as the parts that it owns."""
    owner = parts.owner
    if owner.size and (owner.min() < 0 or owner.max() >= owner.size):
        raise ConservationError("a part is owned by a part that does not exist")
    same = owner[owner] == owner
    for column in (parts.node, parts.token_start, parts.token_stop, parts.out_start, parts.out_stop):
        same &= column[owner] == column
    if not same.all():
        part = int(np.flatnonzero(~same)[0])
        raise ConservationError(
            f"part {part} of {node_names[parts.node[part]]!r} has owner {owner[part]}, which covers something else"
        )
    box = np.stack([parts.node, parts.token_start, parts.out_start])[:, owner == np.arange(owner.size)]
    if np.unique(box, axis=1).shape[1] != box.shape[1]:
        raise ConservationError("a rectangle of neurons has two owners")


def _verify_limits(graph: SpikingGraph, chip: Chip, node_names: Sequence[str], parts: PartTable) -> None:
    if (parts.core < 0).any():
        raise ConservationError(f"part {int(np.flatnonzero(parts.core < 0)[0])} has no core")
    homes = np.array([int(home_of(graph, graph.nodes[name])) for name in node_names])
    kind = homes[parts.node]
    cores = int(parts.core.max()) + 1
    core_kind = np.full(cores, -1)
    core_kind[parts.core] = kind
    if (core_kind[parts.core] != kind).any():
        part = int(np.flatnonzero(core_kind[parts.core] != kind)[0])
        raise ConservationError(
            f"core {parts.core[part]} holds {node_names[parts.node[part]]!r} and parts for another kind of core"
        )
    columns = parts.weight_bits, parts.state_bits, parts.neurons.astype(np.int64), parts.axons.astype(np.int64)
    for each in CoreKind:
        chosen = kind == each
        if not chosen.any():
            continue
        needed = demands(each, Footprint(*(column[chosen] for column in columns)))
        for resource, demand in zip(resources(chip, each), needed, strict=True):
            used = np.zeros(cores, np.int64)
            np.add.at(used, parts.core[chosen], demand)
            if used.max() > resource.limit:
                raise ConservationError(
                    f"core {int(used.argmax())} holds {used.max():,} {resource.unit}, {resource.figure} is {resource.limit:,}"
                )


def _verify_cores(program: CoreProgram) -> None:
    """Core table and parts agree; every core sits on the board, alone in its slot."""
    parts, cores, mesh = program.parts, program.cores, program.chip.mesh
    if np.unique(parts.core).size != cores.kind.size or parts.core.max() != cores.kind.size - 1:
        raise ConservationError(f"{cores.kind.size} cores are listed, parts lie on {np.unique(parts.core).size}")
    homes = np.array([int(home_of(program.graph, node)) for node in program.graph.nodes.values()])
    if (cores.kind[parts.core] != homes[parts.node]).any():
        raise ConservationError("a core is of another kind than its parts need")
    for label in ("weight_bits", "state_bits", "neurons", "axons"):
        used = np.zeros(cores.kind.size, np.int64)
        np.add.at(used, parts.core, getattr(parts, label))
        if (used != getattr(cores, f"{label}_used")).any():
            raise ConservationError(f"{label}_used of a core is not the sum of its parts")
    columns, rows = program.board
    if columns * rows > mesh.max_chips:
        raise ConservationError(f"the board has {columns} x {rows} chips, mesh.max_chips is {mesh.max_chips}")
    per_tile = np.where(cores.kind == CoreKind.SYNAPSE, mesh.synapse_cores_per_tile, mesh.ec_cores_per_tile)
    seats = (cores.x, columns * mesh.width), (cores.y, rows * mesh.height), (cores.slot, per_tile)
    for seat, extent in seats:
        if (seat < 0).any() or (seat >= extent).any():
            raise ConservationError(
                f"core {int(np.flatnonzero((seat < 0) | (seat >= extent))[0])} sits off the board or off its tile"
            )
    if np.unique(np.stack([cores.phase, cores.kind, cores.x, cores.y, cores.slot]), axis=1).shape[1] != cores.kind.size:
        raise ConservationError("two cores sit in one slot in one phase")
    if not np.array_equal(np.unique(cores.phase), np.arange(program.phases)):
        raise ConservationError(f"the phases of cores are {np.unique(cores.phase).tolist()}, must count from 0 without a gap")
