"""From a graph to parts: cut every node, and list its rectangles with what each takes of a core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, Neurons, Node, Rearrange, SpikingGraph, Synapse
from synaptile.foundation.types import Int32
from synaptile.hwmodels import Chip
from synaptile.mapper.convolution import convolution_loads, cut_convolution
from synaptile.mapper.cuts import Cuts, Cutter, cut_ec, cut_neurons, cut_synapse, cutter_of, token_shares
from synaptile.mapper.finer import finer
from synaptile.mapper.footprint import (
    PartExtents,
    cores_available,
    demands,
    home_of,
    off_chip,
    part_footprint,
    resources,
    units_of,
)
from synaptile.mapper.load import Budget
from synaptile.mapper.program import CoreKind, PartTable
from synaptile.mapper.rearranged import cut_rearrange
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import refuse

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """The parts of one node: `first` is the index of its first part, the others follow in C order of `cuts`.

    `cuts.units` are in channels of the node's stream (heads of a map).
    """

    first: int
    cuts: Cuts

    @property
    def parts(self) -> int:
        """Number of parts."""
        tokens, units, rows = self.cuts.pieces
        return tokens * units * rows


@dataclass(frozen=True)
class Tiling:
    """Parts that have no core yet.

    `parts.core` is -1 throughout. `kind` and `bundle` have shape (parts,): the kind of core that a part needs, and the part
    whose core it must share (its own index, except for neurons, which stay with what feeds them). `grids` maps indices of
    `node_names` to grids; what is off the chip (the source, spike counts read out) has none.
    """

    node_names: tuple[str, ...]
    parts: PartTable
    kind: Int32
    bundle: Int32
    grids: Mapping[int, Grid]


def tile(
    graph: SpikingGraph,
    chip: Chip,
    *,
    replicas: int | Mapping[str, int] = 1,
    compact: bool = False,
    budget: Budget | None = None,
) -> Tiling:
    """Cut every node of a graph into parts that each fit a core, and where a budget is given end within it if cuts can help.

    Raises DoesNotFit with every resource found short.
    """
    names = tuple(graph.nodes)
    shortfalls = without_home(graph, chip)
    cuts: dict[int, Cuts] = {}
    totals: dict[CoreKind, FloatArray] = {}
    for index, node in enumerate(graph.nodes.values()):
        if off_chip(node) or isinstance(node, Neurons):
            continue
        cutter = cutter_of(graph, chip, node)
        if not cores_available(chip, cutter.kind):
            continue
        if isinstance(node, Convolution2d):
            found = cut_convolution(cutter, compact=compact)
        elif isinstance(node, Rearrange):
            found = cut_rearrange(graph, cutter, compact=compact)
        elif isinstance(node, Synapse) and cutter.kind is CoreKind.SYNAPSE:
            found = cut_synapse(cutter, token_shares(graph, replicas, node), compact=compact)
        else:
            found = cut_ec(cutter, compact=compact)
        if isinstance(found, list):
            shortfalls += found
        else:
            found = finer(graph, cutter, found, budget) if budget is not None else found
            cuts[index] = found
            totals[cutter.kind] = totals.get(cutter.kind, 0.0) + _total(cutter, found)
    if chip.weights == "resident":
        shortfalls += _cores_short(graph, chip, totals)
    if shortfalls:
        raise refuse(graph.name, chip.name, shortfalls)
    return enumerate_parts(graph, chip, names, cuts)


def cores_shortfall(graph: SpikingGraph, chip: Chip, kind: CoreKind, needed: int, filled: FloatArray) -> Shortfall:
    """More cores of one kind than the largest board has.

    `filled` is how many cores' worth of each of their resources the graph takes: raising the one filled most helps.
    """
    mesh = chip.mesh
    what = "synapse" if kind is CoreKind.SYNAPSE else "EC"
    available = cores_available(chip, kind)
    chips = -(-needed * mesh.max_chips // available)
    binding, most = resources(chip, kind)[int(np.argmax(filled))], float(filled.max())
    more = f" to at least {ceil(binding.limit * most / available):,}" if most > available else ""
    width = -(-needed * mesh.width // available)
    levers = (
        f"raise mesh.max_chips to {chips:,}",
        f"take a mesh of {width:,} x {mesh.height:,} tiles",
        f"raise {binding.figure}{more}",
        f"give a tile more {what} cores",
    )
    return Shortfall("mesh.max_chips", needed, available, f"{what} cores", f"graph {graph.name!r}", levers)


def without_home(graph: SpikingGraph, chip: Chip) -> list[Shortfall]:
    """Spikes and nodes that no core of a chip can hold, whatever its size."""
    return [*_spikes_without_home(graph, chip), *_nodes_without_home(graph, chip)]


def _spikes_without_home(graph: SpikingGraph, chip: Chip) -> list[Shortfall]:
    graded = [site for site in graph.sites if site.values > 1]
    if chip.synapse_core.graded_spikes != "binary" or not graded:
        return []
    values = max(site.values for site in graded)
    where = f"{len(graded)} MT sites, {graded[0].name!r} the first,"
    levers = ("use a chip whose synapse_core.graded_spikes is 'shift' or 'replicate'",)
    return [Shortfall("synapse_core.graded_spikes", values, 1, "spike values", where, levers)]


def _nodes_without_home(graph: SpikingGraph, chip: Chip) -> list[Shortfall]:
    found: list[Shortfall] = []
    for kind, figure in ((CoreKind.SYNAPSE, "mesh.synapse_cores_per_tile"), (CoreKind.EC, "mesh.ec_cores_per_tile")):
        homeless = [n for n in graph.nodes.values() if not off_chip(n) and home_of(graph, n) is kind]
        if not homeless or cores_available(chip, kind):
            continue
        counts: dict[str, int] = {}
        for node in homeless:
            label = getattr(node, "function", node.kind)
            counts[label] = counts.get(label, 0) + 1
        where = f"graph {graph.name!r} ({', '.join(f'{count} {label}' for label, count in counts.items())})"
        levers = (f"use a chip with {'cores that multiply (EC cores)' if kind is CoreKind.EC else 'synapse cores'}",)
        found.append(Shortfall(figure, len(homeless), 0, "homes for nodes", where, levers))
    return found


def _total(cutter: Cutter, cuts: Cuts) -> FloatArray:
    """What all parts of a node take of each resource. A footprint is affine in each extent: its sum is count x value at means."""
    if isinstance(cutter.node, Convolution2d):
        needed = demands(cutter.kind, convolution_loads(cutter, cuts.units))
        return np.array([np.sum(demand) for demand in needed], np.float64)
    tokens, units, rows = (float(np.diff(axis).mean()) for axis in (cuts.tokens, cuts.units, cuts.rows))
    token_pieces, unit_pieces, row_pieces = cuts.pieces
    load = cutter.load(tokens, units, rows) + cutter.load(tokens, units, rows, owner=0) * (row_pieces - 1)
    return np.array(demands(cutter.kind, load * (token_pieces * unit_pieces)), np.float64)


def _cores_short(graph: SpikingGraph, chip: Chip, totals: Mapping[CoreKind, FloatArray]) -> list[Shortfall]:
    """Kinds of core that run out even if every core were filled to the last bit: known before parts are listed."""
    found = []
    for kind, total in totals.items():
        filled = total / np.array([resource.limit for resource in resources(chip, kind)])
        needed = int(np.ceil(filled.max() * (1.0 - 1e-9)))
        if needed > cores_available(chip, kind):
            found.append(cores_shortfall(graph, chip, kind, needed, filled))
    return found


def enumerate_parts(graph: SpikingGraph, chip: Chip, names: tuple[str, ...], cuts: Mapping[int, Cuts]) -> Tiling:
    """List the parts of every node, cut as given; neurons follow what feeds them."""
    position = {name: index for index, name in enumerate(names)}
    grids: dict[int, Grid] = {}
    tables: list[dict[str, np.ndarray]] = []
    first = 0
    for index, node in enumerate(graph.nodes.values()):
        if off_chip(node):
            continue
        if isinstance(node, Neurons):
            feeding = grids[position[node.inputs[0].node]]
            grid = Grid(first, cut_neurons(node.inputs[0], feeding.cuts, 1))
        else:
            feeding, own = None, cuts[index]
            scale = node.width // units_of(node)
            grid = Grid(first, Cuts(own.tokens, own.units * scale, own.rows, own.replica))
        grids[index] = grid
        tables.append(_rows(graph, chip, index, node, grid, feeding))
        first += grid.parts
    columns: dict[str, Any] = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    kind, bundle = columns.pop("kind"), columns.pop("bundle")
    parts = PartTable(
        **{f.name: columns[f.name].astype(np.int64 if f.name.endswith("_bits") else np.int32) for f in fields(PartTable)}
    )
    return Tiling(names, parts, kind.astype(np.int32), bundle.astype(np.int32), grids)


def _rows(graph: SpikingGraph, chip: Chip, index: int, node: Node, grid: Grid, feeding: Grid | None) -> dict[str, np.ndarray]:
    """The columns of one node's parts."""
    cuts = grid.cuts
    pieces = cuts.pieces
    token, unit, row = (axis.ravel() for axis in np.indices(pieces, dtype=np.int64))
    own = grid.first + np.arange(grid.parts, dtype=np.int64)
    extents = PartExtents(
        np.diff(cuts.tokens)[token],
        np.diff(cuts.units)[unit],
        np.diff(cuts.rows)[row],
        (row == 0).astype(np.int64),
        cuts.units[unit],
    )
    load = part_footprint(graph, chip, node, extents)
    bundle = own
    if feeding is not None:
        port = node.inputs[0]
        feeding_unit = np.searchsorted(feeding.cuts.units, cuts.units[:-1] + port.start, side="right") - 1
        _, feeding_units, feeding_rows = feeding.cuts.pieces
        bundle = feeding.first + (token * feeding_units + feeding_unit[unit]) * feeding_rows
    columns = {
        "node": np.full(grid.parts, index),
        "core": np.full(grid.parts, -1),
        "token_start": cuts.tokens[token],
        "token_stop": cuts.tokens[token + 1],
        "out_start": cuts.units[unit],
        "out_stop": cuts.units[unit + 1],
        "in_start": cuts.rows[row],
        "in_stop": cuts.rows[row + 1],
        "replica": cuts.replica[token],
        "owner": own - row,
        "weight_bits": load.weight_bits,
        "state_bits": load.state_bits,
        "neurons": load.neurons,
        "axons": load.axons,
        "kind": np.full(grid.parts, int(home_of(graph, node))),
        "bundle": bundle,
    }
    return {name: np.broadcast_to(np.asarray(column, np.int64), (grid.parts,)) for name, column in columns.items()}
