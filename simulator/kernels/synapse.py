"""Synapses: each spike fetches its weight row and accumulates it.

Weights are packed in panels of up to 64 outputs, input row by input row, so that the segment of a row that a panel needs is one
run of memory. A panel's rows are taken in blocks that stay in the first-level cache while all tokens of a thread pass over
them; a token's sums wait in `sums` between blocks. Every output sums its input channels in ascending order whatever the blocks,
panels and threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from simulator.kernels.fire import Events
from simulator.kernels.machine import BLOCK_BYTES, PANEL
from simulator.kernels.rows import Runs, add_fused, add_whole, aligned_empty, block_cuts, block_width, load_block, padded

ROWS_AT_ONCE = 256
"""Tokens that pass over a block together: enough to pay for fetching it, few enough that their events stay in the second-level
cache."""
EXACT = 2**24
"""Whole numbers up to here are exact in float32, whatever the order of addition."""


LINE = 16
"""Floats of a cache line."""


class Tiles(NamedTuple):
    """The weights of one synapse, packed, and the distinct tiles its cores cut it into.

    `weights`: panel after panel of outputs, each (fan_in, width of the panel), the last outputs padded to whole vectors.
    `in_bounds` (groups+1,): input channels at which cores split the fan-in; partial sums of the groups are added in order.
    Tile i covers input group ``group[i]`` and ``width[i]`` outputs.
    """

    weights: NDArray[Any]
    in_bounds: NDArray[np.int64]
    group: NDArray[np.int64]
    width: NDArray[np.int64]


def pack_tiles(weight: NDArray[Any], rectangles: list[tuple[int, int, int, int]]) -> Tiles:
    """Pack a weight matrix (channels, fan_in) that is cut into a grid of tiles (out_start, out_stop, in_start, in_stop)."""
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    bounds = np.unique(columns[:, 2:])
    packed = np.empty(weight.shape[1] * padded(weight.shape[0]), weight.dtype)
    _pack(np.ascontiguousarray(weight), packed)
    return Tiles(packed, bounds, np.searchsorted(bounds, columns[:, 2]), columns[:, 1] - columns[:, 0])


@njit(cache=True, nogil=True, parallel=True)
def _pack(weight: Any, packed: Any) -> None:
    channels, fan_in = weight.shape
    for panel in prange(-(-channels // PANEL)):
        left = PANEL * panel
        while left < min(channels, PANEL * (panel + 1)):
            width = block_width(packed.shape[0] // fan_in - left)
            held = min(width, channels - left)
            for top in range(0, fan_in, LINE):  # a line of each output at a time: what is written meanwhile stays in cache
                rows = min(LINE, fan_in - top)
                target = packed[left * fan_in + top * width :][: rows * width].reshape(rows, width)
                for c in range(held):
                    source = weight[left + c, top : top + rows]
                    for i in range(rows):
                        target[i, c] = source[i]
                target[:, held:] = 0
            left += width


def _chunks(rows: int) -> int:
    """Runs of rows that are handed to threads, a whole number a thread."""
    threads = get_num_threads()
    return min(rows, -(-rows // (ROWS_AT_ONCE * threads)) * threads)


@njit(cache=True, nogil=True)
def _count_issued(events: Events, tiles: Tiles, r: int, issued: Any) -> None:
    for i in range(tiles.group.shape[0]):
        issued[r, i] = np.int64(events.spikes[r, tiles.group[i]]) * tiles.width[i]


@njit(cache=True, nogil=True)
def _count_signs(code: Any) -> Any:
    """Positive and negative codes of a run."""
    above = below = np.int32(0)
    for c in range(code.shape[0]):
        above += np.int32(code[c] > 0)
        below += np.int32(code[c] < 0)
    return np.int64(above), np.int64(below)


@njit(cache=True, nogil=True)
def _add_partial(sums: Any, shape: Any, first: bool, out: Any, top: int, left: int) -> None:
    """Write (if first) or add partial sums, flat (rows, width), to the outputs of rows from `top`, columns from `left`."""
    rows, width = shape
    columns = min(width, out.shape[1] - left)
    for r in range(rows):
        source, target = sums[r * width : (r + 1) * width], out[top + r, left:]
        if first:
            for c in range(columns):
                target[c] = source[c]
        else:
            for c in range(columns):
                target[c] += source[c]


def accumulate(events: Events, tiles: Tiles, bias: NDArray[Any], out: NDArray[Any]) -> NDArray[np.int64]:
    """I = W x + b from the events of one step, in floats.

    events: of the site in front; bias: (channels,); out: (rows, channels), written. Returns accumulates issued, (rows, tiles)
    int64: events met times the tile's outputs.
    """
    return np.asarray(_accumulate(events, tiles, bias, out, _chunks(len(out))))


@njit(cache=True, nogil=True, parallel=True)
def _accumulate(events: Events, tiles: Tiles, bias: Any, out: Any, chunks: int) -> Any:
    rows, channels = out.shape
    groups, fan_in = tiles.in_bounds.shape[0] - 1, tiles.in_bounds[-1]
    issued = np.zeros((rows, tiles.group.shape[0]), np.int64)
    longest = BLOCK_BYTES // (PANEL * out.itemsize)
    cuts, first_block = block_cuts(tiles.in_bounds, longest)
    blocks = cuts.shape[0] - 1
    for chunk in prange(chunks):
        top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
        sums, block = aligned_empty((bottom - top) * PANEL, out), aligned_empty(longest * PANEL, out)
        starts = np.zeros((bottom - top, blocks + 1), np.int64)
        for r in range(top, bottom):
            code, run = events.code[r], starts[r - top]
            run[0] = r * fan_in
            for b in range(blocks):
                above, below = _count_signs(code[cuts[b] : cuts[b + 1]])
                run[b + 1] = run[b] + above + below
            _count_issued(events, tiles, r, issued)
        runs = Runs(events.channel, events.value, starts)
        left = 0
        while left < channels:
            width = block_width(tiles.weights.shape[0] // fan_in - left)
            for g in range(groups):
                sums[:] = 0
                for b in range(first_block[g], first_block[g + 1]):
                    load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
                    add_fused(block, -cuts[b] * width, width, runs, b, sums, width, width)
                _add_partial(sums, (bottom - top, width), g == 0, out, top, left)
            left += width
        for r in range(top, bottom):
            for c in range(channels):
                out[r, c] += bias[c]
    return issued


class IntegerScale(NamedTuple):
    """How integer sums become currents: ``up * acc_pos - down * acc_neg + bias``, each (channels,) float32."""

    up: NDArray[np.float32]
    down: NDArray[np.float32]
    bias: NDArray[np.float32]


@njit(cache=True, nogil=True)
def _split_row(code: Any, index: Any, powers: Any, channel: Any, power: Any) -> None:
    """List the events `index` of one row by sign: channels and powers of two, (2, fan_in+1), positive ones first.

    powers: value by code from -128, (256,).
    """
    positive, negative, up, down = channel[0], channel[1], power[0], power[1]
    above = below = 0
    for e in range(index.shape[0]):
        c = index[e]
        level = np.int64(code[c])
        positive[above] = negative[below] = c
        up[above] = down[below] = powers[level + 128]
        above += int(level > 0)
        below += int(level < 0)


@njit(cache=True, nogil=True)
def _largest_level(code: Any) -> int:
    largest = smallest = np.int8(0)
    for c in range(code.shape[0]):
        largest = code[c] if code[c] > largest else largest
        smallest = code[c] if code[c] < smallest else smallest
    return max(int(largest), -int(smallest))


@njit(cache=True, nogil=True)
def _combine(positive: Any, negative: Any, scale: IntegerScale, out: Any) -> None:
    for c in range(out.shape[0]):
        out[c] = (scale.up[c] * np.float32(positive[c]) - scale.down[c] * np.float32(negative[c])) + scale.bias[c]


def accumulate_integer(events: Events, tiles: Tiles, scale: IntegerScale, out: NDArray[np.float32]) -> NDArray[np.int64]:
    """I from int8 weights: two int32 sums an output, for positive and negative spikes, combined last.

    A block of weights is widened to float32 once for all tokens that pass over it; its sums stay below 2^24, so they are exact
    and the result does not depend on tiles, threads or order. Returns accumulates issued, (rows, tiles) int64.
    """
    return np.asarray(_accumulate_integer(events, tiles, scale, out, _chunks(len(out))))


@njit(cache=True, nogil=True, parallel=True)
def _accumulate_integer(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, chunks: int) -> Any:
    rows, channels = out.shape
    fan_in = tiles.in_bounds[-1]
    issued = np.zeros((rows, tiles.group.shape[0]), np.int64)
    for chunk in prange(chunks):
        top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
        count = bottom - top
        channel = np.empty((count, 2, fan_in + 1), np.int32)
        power = np.empty((count, 2, fan_in + 1), np.float32)
        powers = np.ones(256, np.float32)
        for k in range(1, 31):
            powers[128 + k] = powers[128 - k] = np.float32(1 << (k - 1))
        level = 1
        for r in range(count):
            level = max(level, _largest_level(events.code[top + r]))
            met = events.spikes[top + r].sum()
            _split_row(events.code[top + r], events.channel[top + r, :met], powers, channel[r], power[r])
            _count_issued(events, tiles, top + r, issued)
        # A single row is exact however large: a weight of 8 bits times a power of two.
        longest = min(BLOCK_BYTES // (PANEL * 4), max(1, EXACT >> (6 + level)))
        cuts, _ = block_cuts(np.array([0, fan_in]), longest)
        blocks = cuts.shape[0] - 1
        starts = np.zeros((2 * count, blocks + 1), np.int64)
        for r in range(count):
            starts[2 * r, 0], starts[2 * r + 1, 0] = 2 * r * (fan_in + 1), (2 * r + 1) * (fan_in + 1)
            code, positive, negative = events.code[top + r], starts[2 * r], starts[2 * r + 1]
            for b in range(blocks):
                above, below = _count_signs(code[cuts[b] : cuts[b + 1]])
                positive[b + 1], negative[b + 1] = positive[b] + above, negative[b] + below
        runs = Runs(channel, power, starts)
        sums, block = aligned_empty(2 * count * PANEL, starts.view(np.int32)), aligned_empty(longest * PANEL, out)
        left = 0
        while left < channels:
            width = block_width(tiles.weights.shape[0] // fan_in - left)
            sums[:] = 0
            for b in range(blocks):
                load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
                add_whole(block, -cuts[b] * width, width, runs, b, sums, width, width)
            right = min(left + width, channels)
            panel = IntegerScale(scale.up[left:right], scale.down[left:right], scale.bias[left:right])
            for r in range(count):
                at = 2 * r * width
                _combine(sums[at : at + width], sums[at + width : at + 2 * width], panel, out[top + r, left:right])
            left += width
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
