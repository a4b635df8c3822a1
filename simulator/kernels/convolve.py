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
from synaptile.conversion.graph.windows import taps
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
    pool = taps(node.image[1 + axis], node.pool_kernel[axis], node.pool_stride[axis], node.pool_padding[axis], 1)
    own = taps(node.pooled[axis], node.kernel[axis], node.stride[axis], node.padding[axis], node.dilation[axis])
    reached = (pool >= 0)[:, :, None] & (own >= 0)
    position, cell, place = np.nonzero(reached)
    starts = np.searchsorted(position, np.arange(len(pool) + 1)).astype(np.int64)
    return starts, own[cell, place].astype(np.int64), place.astype(np.int64)


@uncounted
def _scatter(channel: int, y: int, x: int, kernel: Kernel, width: int, sums: Any) -> int:
    """Add one spike's weight rows to `sums`, (positions, channels); returns accumulates."""
    weights = kernel.weights
    inside, outputs = weights.shape[1], weights.shape[4]
    group = channel // inside
    issued = 0
    for i in range(kernel.row_starts[y], kernel.row_starts[y + 1]):
        for j in range(kernel.column_starts[x], kernel.column_starts[x + 1]):
            row = weights[group, channel % inside, kernel.row_tap[i], kernel.column_tap[j]]
            target = sums[kernel.row_place[i] * width + kernel.column_place[j], group * outputs : (group + 1) * outputs]
            for o in range(outputs):
                target[o] += row[o]
            issued += outputs
    return issued


@uncounted
def _convolve_row(codes: Any, plane: Any, kernel: Kernel, scale: Any, bias: Any, sums: Any, out: Any) -> int:
    """One row of `convolve`; sums: (positions, channels), zero at first. Returns accumulates."""
    size, width, wide = plane[0] * plane[1], plane[1], plane[3]
    (positions, channels), issued = sums.shape, 0
    for index in range(codes.shape[0]):
        for _ in range(codes[index]):  # a spike of each site that sends one
            rest = index % size
            issued += _scatter(index // size, rest // width, rest % width, kernel, wide, sums)
    for o in range(channels):
        for p in range(positions):
            out[o * positions + p] = scale[o] * out.dtype.type(sums[p, o]) + bias[o]
    return issued


@kernel(parallel=True)
def convolve(events: Events, plane: Any, kernel: Kernel, scale: Any, bias: Any, zero: Any, out: Any) -> Any:
    """I = scale * (sum of weight rows) + b from the events of one step.

    plane: (4,) int64 height and width of the site and of the output; scale, bias: (channels,) of the run's float; zero: (1,) of
    the type that sums have (int32 for int8 weights, else that float); out: (rows, channels * height * width), written. Returns
    accumulates, (rows,) int64.
    """
    rows = out.shape[0]
    issued = np.zeros(rows, np.int64)
    for r in prange(rows):
        sums = np.zeros((plane[2] * plane[3], bias.shape[0]), zero.dtype)
        issued[r] = _convolve_row(events.codes[r], plane, kernel, scale, bias, sums, out[r])
    return issued
