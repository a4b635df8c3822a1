"""stored_synapses: how many weights a core stores for a part of a convolution, by what its memory shares."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d
from synaptile.conversion.graph.windows import kernel_taps, pool_taps
from synaptile.hwmodels.sections import ConvolutionStore


def stored_synapses(node: Convolution2d, start: int, stop: int, store: ConvolutionStore) -> int:
    """Weights of outputs ``start:stop``; a part that is no rectangle of the image shares no lines."""
    if store == "kernel":
        return node.part_channels(start, stop) * node.fan_in
    every = node.part_fan_in(start, stop)
    if store == "synapses":
        return every
    places = node.places[start:stop] if isinstance(node, IntegerConvolution2d) else np.arange(start, stop)
    width = node.plane[1]
    lines, columns = np.unique(places // width), np.unique(places % width)
    if lines.size * columns.size != places.size:
        return every
    once, all_ = _of_a_line(node, tuple(columns.tolist()))
    return every // all_ * once if all_ else 0


@lru_cache(maxsize=1024)
def _of_a_line(node: Convolution2d, columns: tuple[int, ...]) -> tuple[int, int]:
    """Connections of a line of the image to `columns` of a line of the output: with equal lists once, and all."""
    pool = pool_taps(node, 1) >= 0
    kernel = kernel_taps(node, 1)[:, list(columns)]
    lists = []
    for reaches in pool:
        cell, at = np.nonzero((kernel >= 0) & reaches[:, None])
        first = columns[int(at.min())] if at.size else 0
        lists.append(
            tuple(sorted((columns[o] - first, int(kernel[c, o])) for c, o in zip(cell.tolist(), at.tolist(), strict=True)))
        )
    return sum(map(len, set(lists))), sum(map(len, lists))
