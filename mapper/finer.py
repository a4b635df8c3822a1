"""Finer cuts, where a part that fits its core would take longer than a budget of cycles.

A stream of tokens stays whole where it can: cut over outputs, every part starts with the first token, and no weight is stored
twice. Over tokens are cut what has no outputs to cut (LayerNorm; products and softmax, whose heads are given out one by one) and
what is still too slow with one output per part; each range of tokens then has a copy of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    ECUnit,
    PatchEmbedding,
    ProductUnit,
    SpikingGraph,
    Synapse,
)
from synaptile.mapper.cuts import Cuts, Cutter, even
from synaptile.mapper.footprint import PartExtents, units_of
from synaptile.mapper.load import Budget, Load, expected_load
from synaptile.mapper.program import CoreKind


def finer(graph: SpikingGraph, cutter: Cutter, cuts: Cuts, budget: Budget) -> Cuts:
    """The cuts of a node with as few more as bring its parts, with the neurons that they feed, within the budget.

    Where even the finest cuts do not, these are returned.
    """
    node = cutter.node
    if not isinstance(node, Synapse | ECUnit | ProductUnit | PatchEmbedding | Add | Convolution2d):
        return cuts
    token_pieces, unit_pieces, row_pieces = cuts.pieces
    rows = -(-node.inputs[0].width // row_pieces)

    def in_time(token_pieces: int, unit_pieces: int) -> bool:
        tokens, units = -(-node.tokens // token_pieces), -(-units_of(node) // unit_pieces)
        load = _load(graph, cutter, budget, PartExtents(tokens, units, rows, 1), row_pieces - 1)
        return bool(budget.charge(node.name, load) <= budget.cycles)

    if isinstance(node, Convolution2d):
        return cuts
    whole = isinstance(node, ECUnit) and node.function == "layer_norm"
    most_units = unit_pieces if whole else units_of(node)
    tokens, units = _fewest_parts(cuts.pieces[:2], (node.tokens, most_units), in_time)
    token_cuts = cuts.tokens if tokens == token_pieces else even(node.tokens, tokens)
    copies = cutter.kind is CoreKind.SYNAPSE and cutter.chip.synapse_core.token_sharing
    copies = copies or (cutter.kind is CoreKind.EC and isinstance(node, Synapse | PatchEmbedding))
    replica = cuts.replica if tokens == token_pieces else np.arange(tokens, dtype=np.int32) * np.int32(copies)
    unit_cuts = cuts.units if units == unit_pieces else even(units_of(node), units)
    return Cuts(token_cuts, unit_cuts, cuts.rows, replica)


def _load(graph: SpikingGraph, cutter: Cutter, budget: Budget, extents: PartExtents, senders: int) -> Load:
    """Load of the largest part of a node with the neurons that it feeds."""
    node, neurons = cutter.node, cutter.neurons
    scale = node.width // units_of(node)
    load = expected_load(graph, cutter.chip, budget.rates, node, extents._replace(outputs=extents.outputs * scale), senders)
    if neurons is None:
        return load
    fed = expected_load(graph, cutter.chip, budget.rates, neurons, extents._replace(outputs=extents.outputs * cutter.fed))
    return Load(load.first + fed.first, load.later + fed.later)


def _fewest_parts(least: tuple[int, int], most: tuple[int, int], in_time: Callable[[int, int], bool]) -> tuple[int, int]:
    """Token and unit pieces that are in time with the fewest parts, of these with the fewest token pieces; `most` if none are."""
    best, parts = most, most[0] * most[1] + 1
    for tokens in range(least[0], most[0] + 1):
        if tokens * least[1] >= parts:
            break
        limit = min(most[1], (parts - 1) // tokens)
        if in_time(tokens, limit):
            units = _fewest(least[1], limit, partial(in_time, tokens))
            best, parts = (tokens, units), tokens * units
    return best


def _fewest(least: int, most: int, enough: Callable[[int], bool]) -> int:
    """The fewest pieces from `least` to `most` that are enough; `most` are."""
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
