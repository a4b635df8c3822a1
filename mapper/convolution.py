"""Convolutions on synapse cores: where they are cut, and what their parts take.

Parts are whole output channels, as many as fit, or, where one channel does not fit, rows of one channel. Each stores the weights
of its channels once and applies them at all its positions; the weights of a channel that is cut over rows lie on each of the
cores that hold some of its rows.
"""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d
from synaptile.foundation.types import Int64
from synaptile.mapper.cuts import Cuts, Cutter, cut, even
from synaptile.mapper.footprint import Footprint, convolution_footprint, demands, neuron_footprint, resources
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import shortage


def cut_convolution(cutter: Cutter, *, compact: bool) -> Cuts | list[Shortfall]:
    """Grid of a convolution, or what its smallest part, one row of one channel, lacks."""
    node = cutter.node
    assert isinstance(node, Convolution2d)
    height, width = node.plane
    for channels in range(node.channels, 0, -1):
        pieces = -(-node.channels // channels)
        if pieces < node.channels and -(-node.channels // pieces) != channels and not compact:
            continue  # cut evenly, these are the pieces of a smaller number
        units = cut(node.channels, channels, compact=compact) * (height * width)
        missing = _lacking(cutter, units)
        if not missing:
            return _grid(node, units)
    for rows in range(height - 1, 0, -1):
        lines = cut(height, rows, compact=compact) * width
        missing = _lacking(cutter, lines)  # of the first channel, which every other is like
        if not missing:
            starts = (np.arange(node.channels)[:, None] * (height * width) + lines[:-1]).ravel()
            return _grid(node, np.append(starts, node.width))
    return missing


def convolution_loads(cutter: Cutter, units: Int64) -> Footprint:
    """Footprints of the parts between cut points, with the neurons that they feed."""
    node = cutter.node
    assert isinstance(node, Convolution2d)
    load = convolution_footprint(cutter.chip, cutter.copies, node, units[:-1], units[1:], cutter.code)
    if cutter.neurons is not None:
        load += neuron_footprint(cutter.chip, cutter.kind, cutter.neurons, 1, np.diff(units) * cutter.fed)
    return load


def verify_alignment(node: Convolution2d, start: Int64, stop: Int64) -> int | None:
    """Index of the first part that is neither whole channels nor rows of one channel; None where all are."""
    if isinstance(node, IntegerConvolution2d):
        return None  # its weights are found by address, whatever the part
    width, plane = node.plane[1], node.plane[0] * node.plane[1]
    whole = (start % plane == 0) & (stop % plane == 0)
    rows = (start % width == 0) & (stop % width == 0) & (start // plane == (stop - 1) // plane)
    wrong = np.flatnonzero(~(whole | rows))
    return int(wrong[0]) if wrong.size else None


def _grid(node: Convolution2d, units: Int64) -> Cuts:
    return Cuts(even(1, 1), units.astype(np.int64), even(node.inputs[0].width, 1), np.zeros(1, np.int32))


def _lacking(cutter: Cutter, units: Int64) -> list[Shortfall]:
    """Every resource that the largest of the parts between cut points exceeds."""
    limits = resources(cutter.chip, cutter.kind)
    needed = demands(cutter.kind, convolution_loads(cutter, units))
    most = [int(np.max(demand)) for demand in needed]
    return [
        shortage(cutter.chip, limit, demand, cutter.node.name)
        for demand, limit in zip(most, limits, strict=True)
        if demand > limit.limit
    ]
