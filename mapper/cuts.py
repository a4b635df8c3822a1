"""Where each node is cut so that its parts fit a core: over outputs, tokens or, when it must, a synapse's fan-in.

Every node is cut into a grid: tokens x units x rows. Neurons take the grid of the node that feeds them, since they share its
core. Cuts are even (all parts of nearly one size, so that none is the slow one) or, when a board is short of cores, `compact`
(parts as large as fits, and one remainder that packs well).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import (
    Convolution2d,
    ECUnit,
    InputCurrent,
    Neurons,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    SpikingGraph,
    Synapse,
)
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.footprint import (
    Footprint,
    PartExtents,
    code_bits,
    demands,
    ec_footprint,
    held_steps,
    home_of,
    input_footprint,
    neuron_footprint,
    resources,
    synapse_footprint,
    units_of,
    weight_copies,
)
from synaptile.mapper.program import CoreKind
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import shortage


@dataclass(frozen=True)
class Cuts:
    """A node's grid. `tokens`, `units` and `rows` are cut points from 0 to the extent, shape (pieces + 1,).

    `replica` has shape (token pieces,): the copy of the weights that a token piece uses.
    """

    tokens: Int64
    units: Int64
    rows: Int64
    replica: Int32

    @property
    def pieces(self) -> tuple[int, int, int]:
        """Number of token, unit and row pieces."""
        return self.tokens.size - 1, self.units.size - 1, self.rows.size - 1


@dataclass(frozen=True)
class Cutter:
    """One node about to be cut: its footprint, the neurons it feeds included, against the limits of its kind of core.

    `neurons` is one of the MT sites that read the node (they are alike), `fed` how many of their channels one unit feeds, `code`
    the `footprint.code_bits` of what it reads.
    """

    chip: Chip
    node: Node
    kind: CoreKind
    copies: int
    neurons: Neurons | None
    fed: int
    code: int

    def load(self, tokens: float, units: float, rows: float, owner: int = 1) -> Footprint:
        """Footprint of one part with the neurons it feeds."""
        if isinstance(self.node, InputCurrent):
            load = input_footprint(self.chip, units)
        elif self.kind is CoreKind.SYNAPSE:
            extents = PartExtents(tokens, units, rows, owner)
            load = synapse_footprint(self.chip, self.copies, extents, self.code, held_steps(self.node))
        else:
            load = ec_footprint(self.chip, self.node, tokens, units, self.code)
        if self.neurons is not None and owner:
            load += neuron_footprint(self.chip, self.kind, self.neurons, tokens, units * self.fed)
        return load

    def fits(self, tokens: int, units: int, rows: int = 1) -> bool:
        """Whether a part of this size fits an empty core."""
        needed = demands(self.kind, self.load(tokens, units, rows))
        return all(demand <= resource.limit for demand, resource in zip(needed, resources(self.chip, self.kind), strict=True))

    def shortfalls(self, tokens: int, units: int, rows: int = 1) -> list[Shortfall]:
        """Every resource that a part of this size exceeds."""
        needed = demands(self.kind, self.load(tokens, units, rows))
        limits = resources(self.chip, self.kind)
        return [
            shortage(self.chip, limit, demand, self.node.name)
            for demand, limit in zip(needed, limits, strict=True)
            if demand > limit.limit
        ]


def cutter_of(graph: SpikingGraph, chip: Chip, node: Node) -> Cutter:
    """The cutter of any node but the image source and MT neurons."""
    kind = home_of(graph, node)
    copies = 1
    if isinstance(node, Synapse | Convolution2d) and kind is CoreKind.SYNAPSE:
        copies = weight_copies(graph, node, chip)
    sites = [site for name in graph.consumers(node.name) if isinstance(site := graph.nodes[name], Neurons)]
    coverage = np.zeros(node.width + 1, np.int64)
    for site in sites:
        coverage[site.inputs[0].start] += 1
        coverage[site.inputs[0].stop] -= 1
    fed = int(np.cumsum(coverage[:-1]).reshape(units_of(node), -1).sum(axis=1).max())
    return Cutter(chip, node, kind, copies, sites[0] if sites else None, fed, code_bits(graph, node))


def cut_synapse(cutter: Cutter, replicas: int, *, compact: bool) -> Cuts | list[Shortfall]:
    """Grid of a spiking synapse, or what its smallest part lacks.

    The full fan-in stays together where one column of it fits; only else is `in` split, into as few pieces as fit. Outputs
    are split next. Tokens stay together on a core that shares weights over tokens; on another each token has weights of its
    own, and as many tokens share a core as fit beside all outputs.
    """
    node = cutter.node
    assert isinstance(node, Synapse)
    shares = even(node.tokens, replicas)
    share = int(np.diff(shares).max())
    tokens = share if cutter.chip.synapse_core.token_sharing else 1
    if missing := cutter.shortfalls(tokens, 1, 1):
        return missing
    row_pieces = _pieces(node.fan_in, largest(node.fan_in, lambda rows: cutter.fits(tokens, 1, rows)))
    rows = -(-node.fan_in // row_pieces)
    units = largest(node.width, lambda units: cutter.fits(tokens, units, rows))
    if units == node.width and tokens < share:
        tokens = largest(share, lambda tokens: cutter.fits(tokens, units, rows))
    pieces = [cut(int(size), tokens, compact=compact)[:-1] + start for start, size in zip(shares, np.diff(shares), strict=False)]
    token_cuts = np.append(np.concatenate(pieces), node.tokens)
    replica = np.repeat(np.arange(replicas, dtype=np.int32), [piece.size for piece in pieces])
    return Cuts(token_cuts, cut(node.width, units, compact=compact), even(node.fan_in, row_pieces), replica)


def cut_ec(cutter: Cutter, *, compact: bool) -> Cuts | list[Shortfall]:
    """Grid of a node on EC cores, or what its smallest part lacks.

    Products and softmax are given out one head at a time, then by query tokens. Elementwise functions and dense weights are
    split over channels first, everything else over tokens first; norms and softmax of channels keep their tokens whole.
    """
    node = cutter.node
    whole = isinstance(node, ECUnit) and node.whole_rows
    by_head = isinstance(node, ProductUnit) or (isinstance(node, ECUnit) and node.function == "softmax" and node.is_map)
    units_first = by_head or isinstance(node, Synapse | PatchEmbedding) or (isinstance(node, ECUnit) and not whole)
    most = 1 if by_head else units_of(node)
    least = units_of(node) if whole else 1
    if missing := cutter.shortfalls(1, least):
        return missing
    tokens, units = node.tokens, most
    if units_first and not cutter.fits(tokens, units):
        units = max(1, largest(most, lambda units: cutter.fits(node.tokens, units)))
        tokens = largest(node.tokens, lambda tokens: cutter.fits(tokens, units))
    elif not cutter.fits(tokens, units):
        tokens = max(1, largest(node.tokens, lambda tokens: cutter.fits(tokens, most)))
        units = most if whole else largest(most, lambda units: cutter.fits(tokens, units))
    token_cuts = cut(node.tokens, tokens, compact=compact)
    unit_cuts = cut(units_of(node), units, compact=compact)
    copied = isinstance(node, Synapse | PatchEmbedding)
    replica = np.arange(token_cuts.size - 1, dtype=np.int32) * np.int32(copied)
    return Cuts(token_cuts, unit_cuts, even(node.rows, 1), replica)


def cut_neurons(port: Port, feeding: Cuts, channels_per_unit: int) -> Cuts:
    """Grid of an MT site: that of the node it reads, within its port, in its own channels (heads of a map)."""
    units = np.unique(np.clip(feeding.units * channels_per_unit, port.start, port.stop)) - port.start
    return Cuts(feeding.tokens, units, even(port.width, 1), feeding.replica)


def even(extent: int, pieces: int) -> Int64:
    """Cut points of `pieces` nearly equal pieces."""
    return np.arange(pieces + 1, dtype=np.int64) * extent // pieces


def cut(extent: int, most: int, *, compact: bool) -> Int64:
    """Cut points of pieces of at most `most`: nearly equal, or as large as allowed where `compact`."""
    if compact:
        return np.append(np.arange(0, extent, most, dtype=np.int64), extent)
    return even(extent, _pieces(extent, most))


def token_shares(graph: SpikingGraph, replicas: int | Mapping[str, int], node: Synapse) -> int:
    """Replicas of one synapse. A number for all is cut to the tokens that a synapse has (the head has one)."""
    return min(replicas, node.tokens) if isinstance(replicas, int) else replicas.get(node.name, 1)


def _pieces(extent: int, most: int) -> int:
    return -(-extent // most)


def largest(most: int, fits: Callable[[int], bool]) -> int:
    """Largest size from 1 to `most` that fits, 0 where none does. What fits at one size fits at any smaller."""
    if fits(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
