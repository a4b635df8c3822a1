"""Where a stream that is put in another order is cut: along the axis that asks for least of what it reads.

A part receives the rectangle of its input that holds its elements, and what else lies there. Windows of an image, or channels of
a token, lie side by side on one axis and scattered over the whole input on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import Rearrange, SpikingGraph
from synaptile.foundation.types import Int64
from synaptile.mapper.cuts import Cuts, Cutter, cut, cut_ec, even, largest
from synaptile.mapper.refusal import Shortfall

SPARED = 1.25
"""As many times the least that any number of pieces receives as are taken for fewer pieces."""


@dataclass(frozen=True)
class _Option:
    """Cuts along one axis, 0 the tokens: elements that their parts receive."""

    received: int
    axis: int
    cuts: Int64


def cut_rearrange(graph: SpikingGraph, cutter: Cutter, *, compact: bool) -> Cuts | list[Shortfall]:
    """Grid of a rearrangement, or what its smallest part lacks. Cut along both axes where neither alone is enough."""
    node = cutter.node
    assert isinstance(node, Rearrange)
    if cutter.fits(node.tokens, node.width):
        return cut_ec(cutter, compact=compact)
    source, port = graph.nodes[node.inputs[0].node], node.inputs[0]
    axes = np.unravel_index(node.places, source.shape if source.is_map else (source.tokens, port.width))
    read = [axes[-2], axes[0 if source.is_map else -1]]
    options: list[_Option] = []
    for axis, extent in enumerate(node.shape):
        most = largest(extent, _fits(cutter, axis))
        if most:
            least = -(-extent // most)
            ends = [(place.min(axis=1 - axis), place.max(axis=1 - axis)) for place in read]
            tried = (
                [cut(extent, most, compact=True)]
                if compact
                else [even(extent, n) for n in range(least, min(2 * least, extent) + 1)]
            )
            options += [_Option(_received(ends, cuts), axis, cuts) for cuts in tried]
    if not options:
        return cut_ec(cutter, compact=compact)
    enough = SPARED * min(option.received for option in options)
    best = min((option for option in options if option.received <= enough), key=lambda option: (option.cuts.size, option.axis))
    tokens, units = (best.cuts if axis == best.axis else even(extent, 1) for axis, extent in enumerate(node.shape))
    return Cuts(tokens, units, even(node.rows, 1), np.zeros(tokens.size - 1, np.int32))


def _fits(cutter: Cutter, axis: int) -> Callable[[int], bool]:
    node = cutter.node
    return (lambda size: cutter.fits(size, node.width)) if axis == 0 else (lambda size: cutter.fits(node.tokens, size))


def _received(ends: list[tuple[Int64, Int64]], cuts: Int64) -> int:
    """Elements of the rectangles that pieces read, from the least and greatest place of each line along each axis read."""
    tokens, channels = (np.maximum.reduceat(high, cuts[:-1]) - np.minimum.reduceat(low, cuts[:-1]) + 1 for low, high in ends)
    return int((tokens * channels).sum())
