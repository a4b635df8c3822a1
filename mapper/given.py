"""A graph laid out as a partition says, checked against the graph and the chip before anything else is done."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from synaptile.conversion.graph import (
    Convolution2d,
    InputCurrent,
    IntegerConvolution2d,
    Neurons,
    Node,
    PatchEmbedding,
    SpikingGraph,
    Synapse,
)
from synaptile.conversion.graph.whole import Order
from synaptile.foundation.documents import nearest
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.arrange import Box, arranged, extents_of, order_of
from synaptile.mapper.board import board_shape, cores_per_tile, smallest_board
from synaptile.mapper.cuts import Cuts
from synaptile.mapper.footprint import Footprint, demands, home_of, off_chip, resources, units_of
from synaptile.mapper.packing import Packing
from synaptile.mapper.partition import AXES, LayerPartition, Partition, Pieces, cut_points
from synaptile.mapper.placement import Seats
from synaptile.mapper.program import CoreKind, PartTable
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import refuse
from synaptile.mapper.tiling import Tiling, enumerate_parts, without_home

_IMAGE_KEYS = ("channels", "rows", "columns", "order", "compartments")
_TOKEN_KEYS = ("tokens", "inputs", "replica")


def ordered_by(graph: SpikingGraph, partition: Partition) -> SpikingGraph:
    """The graph, its layers of whole numbers listed so that each piece of the partition is one range of outputs."""
    _check_names(graph, partition)
    boxes = {
        name: _box(graph, name, layer)
        for name, layer in partition.layers.items()
        if isinstance(graph.nodes[name], IntegerConvolution2d | InputCurrent) and layer.outputs is None and layer.order is None
    }
    orders: dict[str, Order] = {name: order_of(graph, name, boxes) for name in boxes}
    for name, layer in partition.layers.items():
        if layer.order is not None and not isinstance(graph.nodes[name], IntegerConvolution2d | InputCurrent):
            raise InputError(f"partition: layer {name!r} has an order: only layers of whole numbers can be listed anew")
        if name not in boxes:
            orders[name] = tuple((AXES.index(level.axis), *level.at) for level in layer.order or ())
    return arranged(graph, orders) if graph.integer else graph


def laid_out(graph: SpikingGraph, chip: Chip, partition: Partition) -> tuple[Tiling, Packing, tuple[int, int]]:
    """Parts, their cores and the board of a partition; `graph` is listed by it (`ordered_by`).

    Raises InputError for a partition that leaves out or repeats something or names what there is not, DoesNotFit for a core
    beyond a limit of the chip.
    """
    if missing := without_home(graph, chip):
        raise refuse(graph.name, chip.name, missing)
    names = tuple(graph.nodes)
    cuts = {
        index: _cuts(graph, chip, name, partition.layers[name]) for index, name in enumerate(names) if name in partition.layers
    }
    tiling = enumerate_parts(graph, chip, names, cuts)
    core = np.full(tiling.bundle.size, -1, np.int64)
    neurons = tiling.parts.neurons.copy()
    for index, name in enumerate(names):
        if name not in partition.layers:
            continue
        layer, grid = partition.layers[name], tiling.grids[index]
        own = slice(grid.first, grid.first + grid.parts)
        _check_count(name, "cores", layer.cores, grid.parts)
        core[own] = layer.cores
        if layer.compartments is not None:
            _check_count(name, "compartments", layer.compartments, grid.parts)
            padded = np.array(layer.compartments)
            if (padded < neurons[own]).any():
                piece = int(np.argmax(padded < neurons[own]))
                raise InputError(
                    f"partition: layer {name!r}, piece {piece}: {padded[piece]} compartments for {neurons[own][piece]} neurons: "
                    "give at least as many"
                )
            neurons[own] = padded
    core = core[tiling.bundle]
    kinds = _core_kinds(tiling, core)
    phases = np.array(partition.phases or np.zeros(kinds.size), np.int32)
    _check_count("phases", "phases", phases, kinds.size)
    parts = replace(tiling.parts, core=core.astype(np.int32), neurons=neurons)
    _check_limits(chip, graph, tiling, parts, kinds)
    packing = Packing(parts, kinds, phases)
    board = tuple(partition.board) if partition.board else smallest_board(chip, kinds)
    if board[0] * board[1] > chip.mesh.max_chips:
        raise InputError(
            f"partition: a board of {board[0]} x {board[1]} chips, mesh.max_chips is {chip.mesh.max_chips}: give fewer"
        )
    return tiling, packing, (board[0], board[1])


def given_seats(chip: Chip, board: tuple[int, int], packing: Packing, partition: Partition) -> Seats | None:
    """Seats of the cores, None where the partition gives none. Raises InputError for one off the board or taken twice."""
    if partition.seats is None:
        return None
    _check_count("seats", "seats", partition.seats, packing.core_kind.size)
    extents = board_shape(chip, board)
    taken: dict[tuple[int, ...], int] = {}
    seats = Seats(*(np.zeros(packing.core_kind.size, np.int32) for _ in Seats._fields))
    for core, seat in enumerate(partition.seats):
        kind, phase = CoreKind(int(packing.core_kind[core])), int(packing.phase[core])
        slots = cores_per_tile(chip, kind)
        free = (slot for slot in range(slots) if (phase, kind, *seat[:2], slot) not in taken)
        slot = seat[2] if len(seat) == 3 else next(free, slots)
        if seat[0] >= extents[0] or seat[1] >= extents[1] or slot >= slots:
            raise InputError(
                f"partition: core {core} sits at {seat}: the board has {extents[0]} x {extents[1]} tiles with {slots} "
                f"{kind.name.lower()} cores each: give a free seat"
            )
        place = (phase, int(kind), seat[0], seat[1], slot)
        if place in taken:
            raise InputError(f"partition: cores {taken[place]} and {core} both sit at {seat}: give each a seat of its own")
        taken[place] = core
        seats.x[core], seats.y[core], seats.slot[core] = seat[0], seat[1], slot
    return seats


def _check_names(graph: SpikingGraph, partition: Partition) -> None:
    needed = [node.name for node in graph.nodes.values() if not (off_chip(node) or isinstance(node, Neurons))]
    for name in partition.layers:
        if name not in needed:
            known = graph.nodes.get(name)
            why = "lies off the chip or with what feeds it: leave it out" if known else nearest(name, needed)
            raise InputError(f"partition: layer {name!r} {'' if known else f'is none of graph {graph.name!r}: '}{why}")
    if left_out := [name for name in needed if name not in partition.layers]:
        raise InputError(f"partition: leaves out {len(left_out)} layers, {left_out[0]!r} the first: give their cores")


def _box(graph: SpikingGraph, name: str, layer: LayerPartition) -> Box:
    extents = extents_of(graph.nodes[name])
    channels, rows, columns = (
        _axis(name, axis, extent, getattr(layer, axis)) for axis, extent in zip(AXES, extents, strict=True)
    )
    return channels, rows, columns


def _cuts(graph: SpikingGraph, chip: Chip, name: str, layer: LayerPartition) -> Cuts:
    node = graph.nodes[name]
    image = isinstance(node, Convolution2d | InputCurrent)
    wrong = [key for key in (_TOKEN_KEYS if image else _IMAGE_KEYS) if getattr(layer, key) is not None]
    if wrong:
        raise InputError(f"partition: layer {name!r} ({node.kind}) is not cut by {', '.join(wrong)}: leave that out")
    if not isinstance(node, Convolution2d | InputCurrent):
        return _token_cuts(graph, node, layer)
    given = [axis for axis in AXES if getattr(layer, axis) is not None]
    if layer.outputs is not None and given:
        raise InputError(f"partition: layer {name!r} is cut by outputs and by {', '.join(given)}: give one of the two")
    if layer.outputs is not None:
        units = _axis(name, "outputs", node.width, layer.outputs)
    elif isinstance(node, IntegerConvolution2d | InputCurrent):
        sizes = [int(np.prod(block)) for block in product(*(np.diff(cuts).tolist() for cuts in _box(graph, name, layer)))]
        units = np.append(0, np.cumsum(sizes))
    else:
        if bad := [axis for axis in given if axis != "channels"]:
            raise InputError(f"partition: layer {name!r} is cut by {', '.join(bad)}: give outputs, whole channels or rows of one")
        units = _axis(name, "channels", node.channels, layer.channels) * (node.plane[0] * node.plane[1])
    return Cuts(np.array([0, 1]), units, np.array([0, node.inputs[0].width]), np.zeros(1, np.int32))


def _token_cuts(graph: SpikingGraph, node: Node, layer: LayerPartition) -> Cuts:
    tokens = _axis(node.name, "tokens", node.tokens, layer.tokens)
    units = _axis(node.name, "outputs", units_of(node), layer.outputs)
    kind = home_of(graph, node)
    rows = node.rows
    if layer.inputs is not None and not (isinstance(node, Synapse) and kind is CoreKind.SYNAPSE):
        raise InputError(f"partition: layer {node.name!r} ({node.kind}) is cut over inputs: only spiking synapses can be")
    copied = kind is CoreKind.EC and isinstance(node, Synapse | PatchEmbedding)
    replica = np.arange(tokens.size - 1, dtype=np.int32) * np.int32(copied)
    if layer.replica is not None:
        _check_count(node.name, "replica", layer.replica, tokens.size - 1)
        replica = np.array(layer.replica, np.int32)
    return Cuts(tokens, units, _axis(node.name, "inputs", rows, layer.inputs), replica)


def _axis(name: str, axis: str, extent: int, pieces: Pieces | None) -> Int64:
    points = cut_points(extent, pieces)
    if points[-1] != extent:
        how = "leave out" if points[-1] < extent else "repeat"
        raise InputError(
            f"partition: layer {name!r}: {axis} {pieces} {how} some: they hold {points[-1]:,}, the layer has {extent:,}: give "
            "sizes that add up to that"
        )
    if pieces is not None and (np.diff(points) < 1).any():
        raise InputError(f"partition: layer {name!r}: {axis} {pieces}: the layer has {extent:,}: give at most as many pieces")
    return points


def _check_count(name: str, what: str, given: Any, needed: int) -> None:
    if len(given) != needed:
        where = f"layer {name!r}: " if name != what else ""
        raise InputError(f"partition: {where}{len(given):,} {what} are given, {needed:,} needed: give one for each")


def _core_kinds(tiling: Tiling, core: Int64) -> Any:
    """Kind of each core. Cores are numbered from 0 without a gap, and hold parts of one kind."""
    used = np.unique(core)
    if used.size and used[-1] != used.size - 1:
        gap = int(np.flatnonzero(used != np.arange(used.size))[0])
        raise InputError(f"partition: core {gap} holds nothing, and there is a core {used[-1]}: number cores without a gap")
    kinds = np.full(used.size, -1, np.int32)
    kinds[core] = tiling.kind
    if (mixed := np.flatnonzero(kinds[core] != tiling.kind)).size:
        part = int(mixed[0])
        name = tiling.node_names[tiling.parts.node[part]]
        raise InputError(f"partition: core {core[part]} holds {name!r} and layers for another kind of core: give them their own")
    return kinds


def _check_limits(chip: Chip, graph: SpikingGraph, tiling: Tiling, parts: PartTable, kinds: Any) -> None:
    columns = parts.weight_bits, parts.state_bits, parts.neurons.astype(np.int64), parts.axons.astype(np.int64)
    found: list[Shortfall] = []
    for kind in CoreKind:
        chosen = tiling.kind == kind
        needed = demands(kind, Footprint(*(column[chosen] for column in columns)))
        for resource, demand in zip(resources(chip, kind), needed, strict=bool(chosen.any())):
            used = np.bincount(parts.core[chosen], demand, kinds.size).astype(np.int64)
            for core in np.flatnonzero(used > resource.limit).tolist():
                held = dict.fromkeys(tiling.node_names[node] for node in parts.node[parts.core == core].tolist())
                where = f"core {core} of the partition ({', '.join(held)})"
                levers = ("give it a smaller piece", f"raise {resource.figure}")
                found.append(Shortfall(resource.figure, int(used[core]), resource.limit, resource.unit, where, levers))
    if found:
        raise refuse(graph.name, chip.name, found)
