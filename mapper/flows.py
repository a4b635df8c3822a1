"""Who sends what to whom: every part's needs met by the parts that hold them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from synaptile.conversion.graph import Neurons, SpikingGraph
from synaptile.foundation.types import Int64
from synaptile.mapper.program import FlowTable, PartTable
from synaptile.mapper.regions import Regions, reads, required
from synaptile.mapper.tiling import Grid, Tiling

PARTIAL_SUMS = -1
"""`FlowTable.input` of partial sums on their way to a synapse's owner."""

_COLUMNS = ("source", "target", "input", "token_start", "token_stop", "start", "stop", "spiking")


def connect(graph: SpikingGraph, tiling: Tiling, parts: PartTable) -> FlowTable:
    """List all flows. Those that leave a core with one source and one region share a group, that is one multicast tree."""
    position = {name: index for index, name in enumerate(tiling.node_names)}
    tables: list[Int64] = []
    for index, node in enumerate(graph.nodes.values()):
        if index not in tiling.grids:
            continue
        chosen = _parts_of(tiling.grids, index)
        for number in reads(graph, node):
            source = graph.nodes[node.inputs[number].node]
            needed = required(graph, node, number, parts, chosen)
            found = _meet(tiling.grids[position[source.name]], chosen, needed)
            extra = np.empty((found.shape[0], 2), np.int64)
            extra[:] = number, isinstance(source, Neurons)
            tables.append(np.column_stack([found[:, :2], extra[:, :1], found[:, 2:], extra[:, 1:]]))
    tables.append(_partial_sums(parts))
    columns = dict(zip(_COLUMNS, np.concatenate(tables).astype(np.int32).T, strict=True))
    return FlowTable(**{name: np.ascontiguousarray(column) for name, column in columns.items()}, group=_groups(columns, parts))


def _parts_of(grids: Mapping[int, Grid], index: int) -> Int64:
    return grids[index].first + np.arange(grids[index].parts, dtype=np.int64)


def _meet(source: Grid, targets: Int64, needed: Regions) -> Int64:
    """Pair each target with the source parts that hold some of its region.

    Returns rows (source part, target part, token start, token stop, start, stop), shape (pairs, 6). A grid makes the source
    parts of a region a block of token pieces by unit pieces, found by bisection: the work is that of listing the pairs.
    """
    cuts = source.cuts
    _, unit_pieces, row_pieces = cuts.pieces
    token_low, token_count = _pieces(cuts.tokens, needed.token_start, needed.token_stop)
    unit_low, unit_count = _pieces(cuts.units, needed.start, needed.stop)
    pairs = np.where(needed.area > 0, token_count * unit_count, 0)
    row = np.repeat(np.arange(targets.size), pairs)
    nth = np.arange(row.size) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    token = token_low[row] + nth // unit_count[row]
    unit = unit_low[row] + nth % unit_count[row]
    return np.column_stack(
        [
            source.first + (token * unit_pieces + unit) * row_pieces,
            targets[row],
            np.maximum(cuts.tokens[token], needed.token_start[row]),
            np.minimum(cuts.tokens[token + 1], needed.token_stop[row]),
            np.maximum(cuts.units[unit], needed.start[row]),
            np.minimum(cuts.units[unit + 1], needed.stop[row]),
        ]
    )


def _pieces(cuts: Int64, start: Int64, stop: Int64) -> tuple[Int64, Int64]:
    """First piece that each range touches, and how many."""
    low = np.searchsorted(cuts, start, side="right") - 1
    high = np.searchsorted(cuts, stop, side="left")
    return low, np.maximum(high - low, 1)


def _partial_sums(parts: PartTable) -> Int64:
    """Flows from each part that is not its own owner, of the rectangle it sums up. Columns as `_COLUMNS`."""
    source = np.flatnonzero(parts.owner != np.arange(parts.owner.size))
    rectangle = (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop)
    label = np.full(source.size, PARTIAL_SUMS)
    return np.column_stack([source, parts.owner[source], label, *(c[source] for c in rectangle), np.zeros_like(source)])


def _groups(columns: Mapping[str, np.ndarray], parts: PartTable) -> np.ndarray:
    """Number flows that leave their core by source and region, in that order; -1 for the others."""
    group = np.full(columns["source"].size, -1, np.int32)
    leaving = np.flatnonzero(parts.core[columns["source"]] != parts.core[columns["target"]])
    if leaving.size:
        keys = np.stack([columns[name][leaving] for name in ("source", "token_start", "token_stop", "start", "stop")])
        order = np.lexsort(keys[::-1])
        ranked = keys[:, order]
        new = np.append(True, (ranked[:, 1:] != ranked[:, :-1]).any(axis=0))
        group[leaving[order]] = np.cumsum(new) - 1
    return group
