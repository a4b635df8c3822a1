"""Synapses: each spike fetches its weight row on the cores that hold one and accumulates it.

Weights are stored as the cores store them, tile by tile, input row by input row; the columns of a tile are padded to whole
vectors. Jobs are chunks of rows (tokens), so that no two threads write one output.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from simulator.kernels.fire import Events
from simulator.kernels.rows import fused_rows, padded, shift_rows

CHUNKS = 8
"""Runs of rows that are handed to threads: enough to balance a few threads, few enough to reuse a tile's weights from cache."""


class Tiles(NamedTuple):
    """The distinct weight tiles of one synapse, packed.

    Tile i covers input group ``group[i]`` (a run of input rows starting at ``in_start[i]``) and outputs
    ``out_start[i] : out_start[i] + width[i]``; its rows start at ``weights[offset[i]]`` and are ``stride[i]`` long.
    `first` is 1 for the tile of an output range that comes first in input order (it writes, later ones add partial sums).
    """

    weights: NDArray[Any]
    offset: NDArray[np.int64]
    stride: NDArray[np.int64]
    group: NDArray[np.int64]
    in_start: NDArray[np.int64]
    out_start: NDArray[np.int64]
    width: NDArray[np.int64]
    first: NDArray[np.int64]


def pack_tiles(weight: NDArray[Any], rectangles: list[tuple[int, int, int, int]]) -> Tiles:
    """Pack a weight matrix (channels, fan_in) into tiles, given as sorted (out_start, out_stop, in_start, in_stop)."""
    bounds = sorted({(in_start, in_stop) for _, _, in_start, in_stop in rectangles})
    sizes = [(in_stop - in_start) * padded(out_stop - out_start) for out_start, out_stop, in_start, in_stop in rectangles]
    offset = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    weights = np.zeros(int(offset[-1]), weight.dtype)
    for at, (out_start, out_stop, in_start, in_stop) in zip(offset, rectangles, strict=False):
        stride = padded(out_stop - out_start)
        block = weights[at : at + (in_stop - in_start) * stride].reshape(in_stop - in_start, stride)
        block[:, : out_stop - out_start] = weight[out_start:out_stop, in_start:in_stop].T
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    return Tiles(
        weights,
        offset[:-1],
        np.array([padded(b - a) for a, b, _, _ in rectangles], np.int64),
        np.array([bounds.index((a, b)) for _, _, a, b in rectangles], np.int64),
        columns[:, 2].copy(),
        columns[:, 0].copy(),
        columns[:, 1] - columns[:, 0],
        (columns[:, 2] == 0).astype(np.int64),
    )


@njit(cache=True, nogil=True)
def _group_starts(count: Any, starts: Any) -> None:
    total = 0
    for g in range(count.shape[0]):
        starts[g] = total
        total += count[g]
    starts[count.shape[0]] = total


@njit(cache=True, nogil=True, parallel=True)
def accumulate(events: Events, tiles: Tiles, bias: Any, out: Any) -> Any:
    """I = W x + b from the events of one step, in floats.

    events: of the site in front; bias: (channels,); out: (rows, channels), written. Returns accumulates issued, (rows, tiles)
    int64: events met times the tile's outputs.
    """
    rows, channels = out.shape
    count = tiles.group.shape[0]
    groups = events.spikes.shape[1]
    issued = np.zeros((rows, count), np.int64)
    chunks = min(rows, CHUNKS)
    for chunk in prange(chunks):
        scratch = np.empty(tiles.stride.max(), out.dtype)
        starts = np.empty(groups + 1, np.int64)
        for i in range(count):
            base = tiles.offset[i] - tiles.in_start[i] * tiles.stride[i]
            at, width, stride = tiles.out_start[i], tiles.width[i], tiles.stride[i]
            for r in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
                _group_starts(events.spikes[r], starts)
                first, last = starts[tiles.group[i]], starts[tiles.group[i] + 1]
                fused_rows(tiles.weights, base, stride, events.channel[r], events.value[r], first, last, scratch, stride)
                if tiles.first[i]:
                    for c in range(width):
                        out[r, at + c] = scratch[c]
                else:
                    for c in range(width):
                        out[r, at + c] += scratch[c]
                issued[r, i] = (last - first) * width
        for r in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            for c in range(channels):
                out[r, c] += bias[c]
    return issued


class IntegerScale(NamedTuple):
    """How integer sums become currents: ``up * acc_pos - down * acc_neg + bias``, each (channels,) float32."""

    up: NDArray[np.float32]
    down: NDArray[np.float32]
    bias: NDArray[np.float32]


@njit(cache=True, nogil=True)
def _split_signs(events: Events, r: int, first: int, last: int, index: Any, shift: Any) -> int:
    """Indices and shifts of a run of events, positive ones first; returns where the negative ones start."""
    at = 0
    for e in range(first, last):
        code = events.code[r, events.channel[r, e]]
        if code > 0:
            index[at] = events.channel[r, e]
            shift[at] = code - 1
            at += 1
    positive = at
    for e in range(first, last):
        code = events.code[r, events.channel[r, e]]
        if code < 0:
            index[at] = events.channel[r, e]
            shift[at] = -code - 1
            at += 1
    return positive


@njit(cache=True, nogil=True, parallel=True)
def accumulate_integer(events: Events, tiles: Tiles, scale: IntegerScale, out: Any) -> Any:
    """I from int8 weights: two int32 sums an output, for positive and negative spikes, combined last.

    Returns accumulates issued, (rows, tiles) int64. The sums are exact, so the result does not depend on tiles, threads or order.
    """
    rows, channels = out.shape
    count = tiles.group.shape[0]
    groups = events.spikes.shape[1]
    issued = np.zeros((rows, count), np.int64)
    chunks = min(rows, CHUNKS)
    for chunk in prange(chunks):
        scratch = np.empty(tiles.stride.max(), np.int32)
        sums = np.empty((2, channels), np.int32)
        starts = np.empty(groups + 1, np.int64)
        index = np.empty(events.channel.shape[1], np.int32)
        shift = np.empty(events.channel.shape[1], np.int32)
        split = np.empty(groups, np.int64)
        for r in range(chunk * rows // chunks, (chunk + 1) * rows // chunks):
            _group_starts(events.spikes[r], starts)
            for g in range(groups):
                first, last = starts[g], starts[g + 1]
                split[g] = first + _split_signs(events, r, first, last, index[first:], shift[first:])
            for i in range(count):
                base = tiles.offset[i] - tiles.in_start[i] * tiles.stride[i]
                at, width, g = tiles.out_start[i], tiles.width[i], tiles.group[i]
                for sign in range(2):
                    first = starts[g] if sign == 0 else split[g]
                    last = split[g] if sign == 0 else starts[g + 1]
                    shift_rows(tiles.weights, base, tiles.stride[i], index, shift, first, last, scratch, tiles.stride[i])
                    for c in range(width):
                        before = np.int32(0) if tiles.first[i] else sums[sign, at + c]
                        sums[sign, at + c] = before + scratch[c]
                issued[r, i] = (starts[g + 1] - starts[g]) * width
            for c in range(channels):
                positive, negative = np.float32(sums[0, c]), np.float32(sums[1, c])
                out[r, c] = (scale.up[c] * positive - scale.down[c] * negative) + scale.bias[c]
    return issued


@njit(cache=True, nogil=True, parallel=True)
def multiply_dense(x: Any, start: int, weight_rows: Any, bias: Any, out: Any) -> None:
    """A head on real values: out = W x + b, the fan-in summed first channel to last; weight_rows: (fan_in, channels)."""
    rows, channels = out.shape
    for r in prange(rows):
        for c in range(channels):
            out[r, c] = bias[c] - bias[c]
        for i in range(weight_rows.shape[0]):
            value = x[r, start + i]
            for c in range(channels):
                out[r, c] += value * weight_rows[i, c]
        for c in range(channels):
            out[r, c] += bias[c]
