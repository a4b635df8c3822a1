"""Finer cuts, where a part that fits its core would take longer than a budget of cycles.

A stream of tokens stays whole where it can: cut over outputs, every part starts with the first token, and no weight is stored
twice. Over tokens is cut what has no outputs to cut (LayerNorm; products and softmax, whose heads are given out one by one), and
what would wait for its inputs longer than it works on them; each range of tokens then has a copy of the weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    ECUnit,
    Gate,
    Node,
    PatchEmbedding,
    ProductUnit,
    Rotation,
    SpikingGraph,
    Synapse,
)
from synaptile.mapper.cuts import Cuts, Cutter, even
from synaptile.mapper.footprint import PartExtents, units_of
from synaptile.mapper.load import Budget, Load, expected_load
from synaptile.mapper.program import CoreKind

SPARED = 1.25
"""Parts more that are taken rather than cut tokens: ranges of tokens arrive one after the other, and copy weights."""


def finer(graph: SpikingGraph, cutter: Cutter, cuts: Cuts, budget: Budget) -> Cuts:
    """The cuts of a node with as few more as bring its parts, with the neurons that they feed, within the budget.

    Where even the finest cuts do not, these are returned. Nodes that only forward or read out stay as they are.
    """
    match cutter.node:
        case Convolution2d():
            return _finer_channels(graph, cutter, cutter.node, cuts, budget)
        case Synapse() | ECUnit() | ProductUnit() | PatchEmbedding() | Add() | Rotation() | Gate():
            return _finer_grid(graph, cutter, cuts, budget)
        case _:
            return cuts


def _finer_grid(graph: SpikingGraph, cutter: Cutter, cuts: Cuts, budget: Budget) -> Cuts:
    node, units_in_all = cutter.node, units_of(cutter.node)
    token_pieces, unit_pieces, row_pieces = cuts.pieces
    rows = -(-node.rows // row_pieces)

    def in_time(token_pieces: int, unit_pieces: int) -> bool:
        tokens, units = -(-node.tokens // token_pieces), -(-units_in_all // unit_pieces)
        load = _load(graph, cutter, budget, PartExtents(tokens, units, rows, 1), row_pieces - 1)
        return bool(budget.charge(node.name, load) <= budget.cycles)

    whole = isinstance(node, ECUnit) and node.whole_rows
    most = node.tokens, unit_pieces if whole else units_in_all
    tokens, units = _fewest_parts((token_pieces, unit_pieces), most, in_time)
    if units != unit_pieces:
        cuts = replace(cuts, units=even(units_in_all, units))
    if tokens != token_pieces:
        replica = np.arange(tokens, dtype=np.int32) * np.int32(_copies_weights(cutter, node))
        cuts = replace(cuts, tokens=even(node.tokens, tokens), replica=replica)
    return cuts


def _copies_weights(cutter: Cutter, node: Node) -> bool:
    """Whether each range of tokens has weights of its own, once for all its tokens."""
    if cutter.kind is CoreKind.SYNAPSE:
        return cutter.chip.synapse_core.token_sharing
    return isinstance(node, Synapse | PatchEmbedding)


def _finer_channels(graph: SpikingGraph, cutter: Cutter, node: Convolution2d, cuts: Cuts, budget: Budget) -> Cuts:
    plane = node.plane[0] * node.plane[1]
    least = cuts.pieces[1]
    if least >= node.channels:
        return cuts

    def points(pieces: int) -> np.ndarray:
        return even(node.channels, pieces) * plane

    def in_time(pieces: int) -> bool:
        units = points(pieces)
        load = _load(graph, cutter, budget, PartExtents(1, np.diff(units), node.inputs[0].width, 1, units[:-1]), 0)
        return bool((budget.charge(node.name, load) <= budget.cycles).all())

    if in_time(least):
        return cuts
    return replace(cuts, units=points(_fewest(least, node.channels, in_time)))


def _load(graph: SpikingGraph, cutter: Cutter, budget: Budget, extents: PartExtents, senders: int) -> Load:
    """Load of parts of a node with the neurons that they feed; outputs in units."""
    node, neurons = cutter.node, cutter.neurons
    own = extents._replace(outputs=extents.outputs * (node.width // units_of(node)))
    load = expected_load(graph, cutter.chip, budget.rates, node, own, senders)
    if neurons is None:
        return load
    fed = extents._replace(outputs=extents.outputs * cutter.fed)
    of_neurons = expected_load(graph, cutter.chip, budget.rates, neurons, fed)
    return Load(load.first + of_neurons.first, load.later + of_neurons.later)


def _fewest_parts(least: tuple[int, int], most: tuple[int, int], in_time: Callable[[int, int], bool]) -> tuple[int, int]:
    """Token and unit pieces that are in time; `most` if none are.

    The fewest token pieces with which at most SPARED times as many parts are in time as with any number of them.
    """
    options: list[tuple[int, int]] = []
    parts = most[0] * most[1] + 1
    for tokens in range(least[0], most[0] + 1):
        limit = min(most[1], (parts - 1) // tokens)
        if limit < least[1]:
            break
        if in_time(tokens, limit):
            options.append((tokens, _fewest(least[1], limit, partial(in_time, tokens))))
            parts = options[-1][0] * options[-1][1]
    return next((option for option in options if option[0] * option[1] <= SPARED * parts), most)


def _fewest(least: int, most: int, enough: Callable[[int], bool]) -> int:
    """The fewest pieces from `least` to `most` that are enough; `most` if no fewer are."""
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
