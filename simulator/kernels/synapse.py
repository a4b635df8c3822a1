"""Synapses: each spike fetches its weight row and accumulates it.

Weights are packed in panels of up to 64 outputs, input row by input row, so that the segment of a row that a panel needs is one
run of memory. A panel's rows are taken in blocks that stay in the first-level cache while all tokens of a thread pass over
them; a token's sums wait in `sums` between blocks. Every output sums its input channels in ascending order whatever the blocks,
panels and threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from simulator.kernels.fire import Events
from simulator.kernels.listing import ALL, ROOM, list_codes
from simulator.kernels.machine import BLOCK_BYTES, PANEL
from simulator.kernels.rows import Runs, add_fused, aligned_empty, block_cuts, block_width, load_block, padded

ROWS_AT_ONCE = 256
"""Tokens that pass over a block together: enough to pay for fetching it, few enough that their events stay in the second-level
cache."""
LINE = 16
"""Floats of a cache line."""


class Tiles(NamedTuple):
    """The weights of one synapse, packed, and the distinct tiles its cores cut it into.

    `weights`: panel after panel of outputs, each (fan_in, width of the panel), the last outputs padded to whole vectors.
    `in_bounds` (groups+1,): input channels at which cores split the fan-in; partial sums of the groups are added in order.
    Tile i covers ``width[i]`` outputs and the inputs that the site counts in its groups ``first[i]:last[i]``.
    """

    weights: NDArray[Any]
    in_bounds: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    width: NDArray[np.int64]


def pack_tiles(
    weight: NDArray[Any],
    rectangles: list[tuple[int, int, int, int]],
    groups: NDArray[np.int64] | None = None,
    empty: Callable[..., NDArray[Any]] = np.empty,
) -> Tiles:
    """Pack a weight matrix (channels, fan_in) that is cut into a grid of tiles (out_start, out_stop, in_start, in_stop).

    `groups` are the bounds between which the site in front counts its spikes, every cut of the fan-in among them; None takes
    these cuts themselves. The packed weights come from an allocator like `numpy.empty`.
    """
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    bounds = np.unique(columns[:, 2:])
    packed = empty((weight.shape[1] * padded(weight.shape[0]),), weight.dtype)
    _pack(np.ascontiguousarray(weight), packed)
    counted = bounds if groups is None else groups
    first, last = (np.searchsorted(counted, columns[:, column]).astype(np.int64) for column in (2, 3))
    return Tiles(packed, bounds, first, last, columns[:, 1] - columns[:, 0])


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


def row_chunks(rows: int) -> int:
    """Runs of rows that are handed to threads, a whole number a thread."""
    threads = get_num_threads()
    return min(rows, -(-rows // (ROWS_AT_ONCE * threads)) * threads)


@njit(cache=True, nogil=True)
def count_issued(events: Events, tiles: Tiles, r: int, issued: Any) -> None:
    """Accumulates of one row, by tile."""
    for i in range(tiles.width.shape[0]):
        met = np.int64(0)
        for g in range(tiles.first[i], tiles.last[i]):
            met += events.spikes[r, g]
        issued[r, i] = met * tiles.width[i]


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


@njit(cache=True, nogil=True)
def list_blocks(code: Any, cuts: Any, which: int, emitted: Any, runs: Runs, line: int) -> None:
    """List the spikes of a row as line `line` of `runs`, cut into blocks of channels."""
    starts = runs.starts[line]
    event = line * (runs.row.shape[0] // runs.starts.shape[0])
    starts[0] = event
    for b in range(cuts.shape[0] - 1):
        event = list_codes(code, cuts[b], cuts[b + 1], which, emitted, runs.row, runs.value, event)
        starts[b + 1] = event


def accumulate(events: Events, emitted: NDArray[Any], tiles: Tiles, bias: NDArray[Any], out: NDArray[Any]) -> NDArray[np.int64]:
    """I = W x + b from events, in floats.

    events: of the site in front, `emitted` the value of its spikes by code, (2n+1,); bias: (channels,); out: (rows, channels),
    written. Returns accumulates issued, (rows, tiles) int64: events met times the tile's outputs.
    """
    return np.asarray(_accumulate(events, emitted, tiles, bias, out, row_chunks(len(out))))


@njit(cache=True, nogil=True, parallel=True)
def _accumulate(events: Events, emitted: Any, tiles: Tiles, bias: Any, out: Any, chunks: int) -> Any:
    rows, channels = out.shape
    groups, fan_in = tiles.in_bounds.shape[0] - 1, tiles.in_bounds[-1]
    issued = np.zeros((rows, tiles.width.shape[0]), np.int64)
    longest = BLOCK_BYTES // (PANEL * out.itemsize)
    cuts, first_block = block_cuts(tiles.in_bounds, longest)
    blocks = cuts.shape[0] - 1
    room = fan_in + ROOM
    for chunk in prange(chunks):
        top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
        count = bottom - top
        sums, block = aligned_empty(count * PANEL, out), aligned_empty(longest * PANEL, out)
        runs = Runs(np.empty(count * room, np.int32), np.empty(count * room, out.dtype), np.empty((count, blocks + 1), np.int64))
        for r in range(top, bottom):
            list_blocks(events.code[r], cuts, ALL, emitted, runs, r - top)
            count_issued(events, tiles, r, issued)
        left = 0
        while left < channels:
            width = block_width(tiles.weights.shape[0] // fan_in - left)
            for g in range(groups):
                sums[:] = 0
                for b in range(first_block[g], first_block[g + 1]):
                    load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
                    add_fused(block, -cuts[b] * width, width, runs, b, sums, width, width)
                _add_partial(sums, (count, width), g == 0, out, top, left)
            left += width
        for r in range(top, bottom):
            for c in range(channels):
                out[r, c] += bias[c]
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
