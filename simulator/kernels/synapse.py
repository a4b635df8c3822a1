"""Synapses: each spike fetches its weight row and accumulates it.

Weights are packed in panels of up to 128 outputs, input row by input row, so that the segment of a row that a panel needs is one
run of memory. A panel's rows are taken in blocks that stay in the first-level cache while all tokens of a thread pass over
them; a token's sums wait in `sums` between blocks. Every output sums its input channels in ascending order whatever the blocks,
panels and threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import add_partial, transpose
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.machine import PANEL
from synaptile.simulator.kernels.plain import ALL
from synaptile.simulator.kernels.rows import (
    add_lines_fused,
    block_count,
    block_cuts,
    list_runs,
    load_block,
    longest_block,
    padded,
    panel_count,
    panel_cut,
    run_bytes,
    suballocate,
    suballocate_runs,
    suballocated_bytes,
)

ROWS_AT_ONCE = 256
"""Tokens that pass over a block together: enough to pay for fetching it, few enough that their events stay in the second-level
cache."""
DENSE_ROWS = 8
"""Rows of real values that meet a row of weights together: their sums stay in the first-level cache."""
IDLE_SHARE = 16
"""A row costs what one spike in so many neurons would, however many fire."""
WHOLE_PANEL = min(PANEL, 64)
"""Outputs per panel of int8 weights."""


class Tiles(NamedTuple):
    """The weights of one synapse, packed, and the distinct tiles its cores cut it into.

    `weights`: panel after panel of outputs, each (fan_in, width of the panel), the last outputs padded to whole vectors. Panels
    are cut as `rows.panel_cut` says, at most PANEL wide, of whole numbers WHOLE_PANEL.
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
    return tile_bounds(rectangles, groups)._replace(weights=pack(weight, empty))


def pack(weight: NDArray[Any], empty: Callable[..., NDArray[Any]] = np.empty) -> NDArray[Any]:
    """The `weights` of `Tiles`, flat, from a matrix (channels, fan_in); they do not depend on how cores cut it."""
    packed = empty((packed_size(*weight.shape),), weight.dtype)
    _pack(np.ascontiguousarray(weight), packed, WHOLE_PANEL if weight.dtype == np.int8 else PANEL)
    return packed


def packed_size(channels: int, fan_in: int) -> int:
    """Numbers that `pack` writes."""
    return int(fan_in * padded(channels))


def tile_bounds(rectangles: list[tuple[int, int, int, int]], groups: NDArray[np.int64] | None = None) -> Tiles:
    """The tiles of `pack_tiles` without weights."""
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    bounds = np.unique(columns[:, 2:])
    counted = bounds if groups is None else groups
    first, last = (np.searchsorted(counted, columns[:, column]).astype(np.int64) for column in (2, 3))
    return Tiles(np.zeros(0, np.int8), bounds, first, last, columns[:, 1] - columns[:, 0])


@kernel(parallel=True)
def _pack(weight: Any, packed: Any, widest: int) -> None:
    """Transpose a matrix (channels, fan_in) panel by panel of at most `widest` channels; packed: flat, written."""
    (channels, fan_in), flat = weight.shape, weight.reshape(-1)
    for panel in prange(panel_count(channels, widest)):
        left, right = panel_cut(channels, widest, panel), panel_cut(channels, widest, panel + 1)
        width, own = right - left, min(right, channels) - left
        target = packed[left * fan_in : right * fan_in]
        transpose(flat, left * fan_in, fan_in, own, fan_in, target, 0, width)
        if own < width:
            target.reshape(fan_in, width)[:, own:] = 0


def row_chunks(rows: int) -> int:
    """Runs of rows that are handed to threads, a whole number per thread."""
    threads = get_num_threads()
    return min(rows, -(-rows // (ROWS_AT_ONCE * threads)) * threads)


@kernel
def row_cuts(events: Events, fan_in: int, chunks: int) -> Any:
    """Rows at which the chunks that `row_chunks` counts begin, (chunks+1,) int64: alike in spikes, as steps and images differ.

    Where that would put more than twice as many rows in one chunk as in another they are alike in rows: scratch is sized by them.
    """
    rows, groups = events.counts.shape
    even, cuts, cost = np.zeros(chunks + 1, np.int64), np.zeros(chunks + 1, np.int64), np.zeros(rows + 1, np.int64)
    for r in range(rows):
        spikes = np.int64(fan_in // IDLE_SHARE)
        for g in range(groups):
            spikes += events.counts[r, g]
        cost[r + 1] = cost[r] + spikes
    longest = 0
    for k in range(1, chunks + 1):
        even[k] = k * rows // chunks
        cuts[k] = rows if k == chunks else max(cuts[k - 1], np.searchsorted(cost, cost[rows] * k // chunks))
        longest = max(longest, cuts[k] - cuts[k - 1])
    return cuts if longest * chunks <= 2 * rows else even


def scratch_of(chunks: int, size: int, empty: Callable[..., NDArray[Any]]) -> NDArray[np.uint8]:
    """So many bytes for each thread that takes chunks, (workers, bytes)."""
    return empty((min(chunks, get_num_threads()), size), np.uint8)


@uncounted
def count_issued(events: Events, tiles: Tiles, top: int, bottom: int, issued: Any) -> None:
    """Accumulates of rows top : bottom, by tile."""
    for r in range(top, bottom):
        for i in range(tiles.width.shape[0]):
            spikes = np.int64(0)
            for g in range(tiles.first[i], tiles.last[i]):
                spikes += events.counts[r, g]
            issued[r, i] = spikes * tiles.width[i]


@uncounted
def _add_panel(sums: Any, left: int, width: int, ends: Any, bias: Any, out: Any) -> None:
    """Write (if first) or add partial sums of a panel, flat (rows, width), and add the bias (if last).

    left: the panel's first column in `out`; ends: whether these are the first and the last partial sums.
    """
    columns, flat = min(width, out.shape[1] - left), out.reshape(-1)
    for r in range(out.shape[0]):
        add_partial(sums, r * width, bias, left, flat, r * out.shape[1] + left, columns, ends)


def accumulate(
    events: Events,
    emitted: NDArray[Any],
    tiles: Tiles,
    bias: NDArray[Any],
    out: NDArray[Any],
    empty: Callable[..., NDArray[Any]] = np.empty,
) -> NDArray[np.int64]:
    """I = W x + b from events, in floats.

    events: of the site in front, `emitted` the value of its spikes by code, (2n+1,); bias: (channels,); out: (rows, channels),
    written; scratch comes from an allocator like `numpy.empty`. Returns accumulates issued, (rows, tiles) int64: spikes times the
    tile's outputs.
    """
    rows, size, fan_in = len(out), out.itemsize, int(tiles.in_bounds[-1])
    cuts = row_cuts(events, fan_in, row_chunks(rows))
    lines, longest = int(np.diff(cuts).max()), longest_block(size)
    lists = run_bytes(lines, fan_in, block_count(tiles.in_bounds, longest), size)
    scratch = scratch_of(len(cuts) - 1, suballocated_bytes(lists, lines * PANEL * size, longest * PANEL * size), empty)
    return np.asarray(_accumulate(events, emitted, tiles, bias, out, cuts, scratch))


@kernel(parallel=True)
def _accumulate(events: Events, emitted: Any, tiles: Tiles, bias: Any, out: Any, cuts: Any, scratch: Any) -> Any:
    """Rows in chunks between `cuts`, by as many workers as there is scratch for; scratch: (workers, bytes) uint8."""
    chunks, workers = cuts.shape[0] - 1, scratch.shape[0]
    issued = np.empty((out.shape[0], tiles.width.shape[0]), np.int64)
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = cuts[chunk], cuts[chunk + 1]
            count_issued(events, tiles, top, bottom, issued)
            _accumulate_chunk(events.codes[top:bottom], emitted, tiles, bias, out[top:bottom], scratch[worker])
    return issued


@kernel
def _accumulate_chunk(codes: Any, emitted: Any, tiles: Tiles, bias: Any, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together."""
    (count, channels), fan_in = out.shape, tiles.in_bounds[-1]
    groups, longest = tiles.in_bounds.shape[0] - 1, longest_block(out.itemsize)
    cuts, first_block = block_cuts(tiles.in_bounds, longest)
    runs, used = suballocate_runs(scratch, 0, count, fan_in, cuts, out)
    sums, used = suballocate(scratch, used, count * PANEL, out)
    block, used = suballocate(scratch, used, longest * PANEL, out)
    list_runs(codes.reshape(-1), fan_in, cuts, ALL, emitted, runs)
    for panel in range(panel_count(channels, PANEL)):
        left = panel_cut(channels, PANEL, panel)
        width = panel_cut(channels, PANEL, panel + 1) - left
        partial = sums[: count * width]
        for g in range(groups):
            for b in range(first_block[g], first_block[g + 1]):
                load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
                add_lines_fused(block, runs, b, partial, width, width, b == first_block[g])
            _add_panel(partial, left, width, (g == 0, g == groups - 1), bias, out)


@kernel(parallel=True)
def multiply_dense(x: Any, start: int, weight_rows: Any, bias: Any, out: Any) -> None:
    """A head on real values: out = W x + b, the fan-in summed first channel to last; weight_rows: (fan_in, channels)."""
    rows = out.shape[0]
    for group in prange(-(-rows // DENSE_ROWS)):
        top = group * DENSE_ROWS
        _multiply_rows(x[top : top + DENSE_ROWS], start, weight_rows, bias, out[top : top + DENSE_ROWS])


@uncounted
def _multiply_rows(x: Any, start: int, weight_rows: Any, bias: Any, out: Any) -> None:
    """`multiply_dense` of a few rows, which meet a row of weights together."""
    rows, channels = out.shape
    for r in range(rows):
        for c in range(channels):
            out[r, c] = bias[c] - bias[c]
    for i in range(weight_rows.shape[0]):
        weights = weight_rows[i]
        for r in range(rows):
            value, total = x[r, start + i], out[r]
            for c in range(channels):
                total[c] += value * weights[c]
    for r in range(rows):
        for c in range(channels):
            out[r, c] += bias[c]
