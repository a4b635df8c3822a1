"""Convolutions by event: each spike fetches the weight rows of its channel and adds each where that kernel element lands.

A weight row holds one kernel element of one input channel, for all output channels of its group. Sums are kept position by
position, channels last, so that a row is added to one run of memory. Spikes come in ascending order, and so every output sums
them in one order whatever the mapping and the threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d
from synaptile.conversion.graph.windows import kernel_taps, pool_taps
from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.fire import Events


class Kernel(NamedTuple):
    """A convolution's weight rows, (groups, channels in a group, kh, kw, channels out per group), and where spikes land.

    Row y of the site lands at ``row_starts[y]:row_starts[y+1]`` of `row_tap` (kernel element) and `row_place` (output row);
    columns alike. Flat, since Numba takes no tuples of tuples into threads.
    """

    weights: NDArray[Any]
    row_starts: Int64
    row_tap: Int64
    row_place: Int64
    column_starts: Int64
    column_tap: Int64
    column_place: Int64


def make_kernel(node: Convolution2d, weight: NDArray[Any]) -> Kernel:
    """Weight rows from an array (channels out, channels in a group, kh, kw)."""
    grouped = weight.reshape(node.groups, -1, *weight.shape[1:])
    return Kernel(np.ascontiguousarray(grouped.transpose(0, 2, 3, 4, 1)), *_landings(node, 0), *_landings(node, 1))


def _landings(node: Convolution2d, axis: int) -> tuple[Int64, Int64, Int64]:
    pool, own = pool_taps(node, axis), kernel_taps(node, axis)
    reached = (pool >= 0)[:, :, None] & (own >= 0)
    position, cell, place = np.nonzero(reached)
    starts = np.searchsorted(position, np.arange(len(pool) + 1)).astype(np.int64)
    return starts, own[cell, place].astype(np.int64), place.astype(np.int64)


@uncounted
def _scatter(channel: int, place: tuple[int, int], value: Any, kernel: Kernel, width: int, sums: Any) -> int:
    """Add one spike's weight rows, times its value, to `sums`, (positions, channels); returns accumulates."""
    y, x = place
    weights = kernel.weights
    inside, outputs = weights.shape[1], weights.shape[4]
    group = channel // inside
    issued = 0
    for i in range(kernel.row_starts[y], kernel.row_starts[y + 1]):
        for j in range(kernel.column_starts[x], kernel.column_starts[x + 1]):
            row = weights[group, channel % inside, kernel.row_tap[i], kernel.column_tap[j]]
            target = sums[kernel.row_place[i] * width + kernel.column_place[j], group * outputs : (group + 1) * outputs]
            for o in range(outputs):
                target[o] += value * row[o]
            issued += outputs
    return issued


@uncounted
def _sum_row(codes: Any, plane: Any, kernel: Kernel, worth: Any, sums: Any) -> int:
    """Sums of one row of `convolve`, (1 or 2, positions, channels), zero at first. Returns accumulates."""
    size, width, wide = plane[0] * plane[1], plane[1], plane[3]
    issued, middle, sets = 0, worth.shape[0] // 2, sums.shape[0]
    one = worth.dtype.type(1)
    for index in range(codes.shape[0]):
        if codes[index] != 0:
            rest, own = index % size, sums[1 if sets == 2 and codes[index] < 0 else 0]
            value, times = one, np.int64(codes[index])  # a spike of each site that sends one
            if middle:
                value, times = worth[middle + codes[index]], np.int64(1)
            for _ in range(times):
                issued += _scatter(index // size, (rest // width, rest % width), value, kernel, wide, own)
    return issued


@uncounted
def _combine_row(sums: Any, scale: Any, bias: Any, out: Any) -> None:
    """Currents of one row from its sums."""
    sets, positions, channels = sums.shape
    for o in range(channels):
        for p in range(positions):
            current = scale[0, o] * out.dtype.type(sums[0, p, o])
            if sets == 2:
                current -= scale[1, o] * out.dtype.type(sums[1, p, o])
            out[o * positions + p] = current + bias[o]


@kernel(parallel=True)
def convolve(events: Events, plane: Any, kernel: Kernel, scale: Any, bias: Any, worth: Any, out: Any) -> Any:
    """I = scale * (sum of weight rows) + b from the events of one step.

    plane: (4,) int64 height and width of the site and of the output; worth: what a spike counts by its code, (2n+1,), in the type
    that sums have (int32 for int8 weights, else the run's float), or (1,) where a code is the number of spikes worth 1; scale:
    (1, channels) of the run's float, or (2, channels) where positive and negative spikes are summed apart; bias: (channels,);
    out: (rows, channels * height * width), written. Returns accumulates, (rows,) int64.
    """
    rows = out.shape[0]
    issued = np.zeros(rows, np.int64)
    for r in prange(rows):
        sums = np.zeros((scale.shape[0], plane[2] * plane[3], bias.shape[0]), worth.dtype)
        issued[r] = _sum_row(events.codes[r], plane, kernel, worth, sums)
        _combine_row(sums, scale, bias, out[r])
    return issued
