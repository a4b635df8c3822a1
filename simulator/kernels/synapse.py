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
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels.blocks import LANE
from synaptile.simulator.kernels.blocks import add_lane as _add_lane
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.listing import ALL
from synaptile.simulator.kernels.machine import PANEL
from synaptile.simulator.kernels.rows import (
    add_fused,
    block_count,
    block_cuts,
    carve,
    carve_runs,
    carved_bytes,
    list_runs,
    load_block,
    longest_block,
    padded,
    panel_count,
    panel_cut,
    run_bytes,
)
from synaptile.simulator.kernels.turn import turn

ROWS_AT_ONCE = 256
"""Tokens that pass over a block together: enough to pay for fetching it, few enough that their events stay in the second-level
cache."""
WHOLE_PANEL = min(PANEL, 64)
"""Outputs a panel of int8 weights."""


add_lane: Any = _add_lane


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
    columns = np.array(rectangles, np.int64).reshape(-1, 4)
    bounds = np.unique(columns[:, 2:])
    packed = empty((weight.shape[1] * padded(weight.shape[0]),), weight.dtype)
    _pack(np.ascontiguousarray(weight), packed, WHOLE_PANEL if weight.dtype == np.int8 else PANEL)
    counted = bounds if groups is None else groups
    first, last = (np.searchsorted(counted, columns[:, column]).astype(np.int64) for column in (2, 3))
    return Tiles(packed, bounds, first, last, columns[:, 1] - columns[:, 0])


@njit(cache=True, nogil=True, parallel=True)
def _pack(weight: Any, packed: Any, widest: int) -> None:
    (channels, fan_in), flat = weight.shape, weight.reshape(-1)
    for panel in prange(panel_count(channels, widest)):
        left, right = panel_cut(channels, widest, panel), panel_cut(channels, widest, panel + 1)
        width, held = right - left, min(right, channels) - left
        target = packed[left * fan_in : right * fan_in]
        turn(flat, left * fan_in, fan_in, held, fan_in, target, 0, width)
        if held < width:
            target.reshape(fan_in, width)[:, held:] = 0


def row_chunks(rows: int) -> int:
    """Runs of rows that are handed to threads, a whole number a thread."""
    threads = get_num_threads()
    return min(rows, -(-rows // (ROWS_AT_ONCE * threads)) * threads)


def scratch_of(chunks: int, size: int, empty: Callable[..., NDArray[Any]]) -> NDArray[np.uint8]:
    """So many bytes for each thread that takes chunks, (workers, bytes)."""
    return empty((min(chunks, get_num_threads()), size), np.uint8)


@uncounted
def count_issued(events: Events, tiles: Tiles, top: int, bottom: int, issued: Any) -> None:
    """Accumulates of rows top : bottom, by tile."""
    for r in range(top, bottom):
        for i in range(tiles.width.shape[0]):
            met = np.int64(0)
            for g in range(tiles.first[i], tiles.last[i]):
                met += events.spikes[r, g]
            issued[r, i] = met * tiles.width[i]


@uncounted
def _add_partial(sums: Any, left: int, width: int, ends: Any, bias: Any, out: Any) -> None:
    """Write (if first) or add partial sums of a panel, flat (rows, width), and add the bias (if last).

    left: the panel's first column in `out`; ends: whether these are the first and the last partial sums.
    """
    first, last = ends
    columns, flat = min(width, out.shape[1] - left), out.reshape(-1)
    whole = columns // LANE * LANE
    for r in range(out.shape[0]):
        source, target = r * width, r * out.shape[1] + left
        for c in range(0, whole, LANE):
            add_lane(sums, source + c, bias, left + c, flat, target + c, first, last)
        for c in range(whole, columns):
            before = out.dtype.type(0) if first else flat[target + c]
            flat[target + c] = before + sums[source + c] + (bias[left + c] if last else out.dtype.type(0))


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
    written; scratch comes from an allocator like `numpy.empty`. Returns accumulates issued, (rows, tiles) int64: events met times
    the tile's outputs.
    """
    rows, size, fan_in = len(out), out.itemsize, int(tiles.in_bounds[-1])
    chunks = row_chunks(rows)
    lines, longest = -(-rows // chunks), longest_block(size)
    lists = run_bytes(lines, fan_in, block_count(tiles.in_bounds, longest), size)
    scratch = scratch_of(chunks, carved_bytes(lists, lines * PANEL * size, longest * PANEL * size), empty)
    return np.asarray(_accumulate(events, emitted, tiles, bias, out, chunks, scratch))


@njit(cache=True, nogil=True, parallel=True)
def _accumulate(events: Events, emitted: Any, tiles: Tiles, bias: Any, out: Any, chunks: int, scratch: Any) -> Any:
    rows, workers = out.shape[0], scratch.shape[0]
    issued = np.empty((rows, tiles.width.shape[0]), np.int64)
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
            count_issued(events, tiles, top, bottom, issued)
            _accumulate_chunk(events.code[top:bottom], emitted, tiles, bias, out[top:bottom], scratch[worker])
    return issued


@njit(cache=True, nogil=True)
def _accumulate_chunk(code: Any, emitted: Any, tiles: Tiles, bias: Any, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together."""
    (count, channels), fan_in = out.shape, tiles.in_bounds[-1]
    groups, longest = tiles.in_bounds.shape[0] - 1, longest_block(out.itemsize)
    cuts, first_block = block_cuts(tiles.in_bounds, longest)
    runs, used = carve_runs(scratch, 0, count, fan_in, cuts, out)
    sums, used = carve(scratch, used, count * PANEL, out)
    block, used = carve(scratch, used, longest * PANEL, out)
    list_runs(code.reshape(-1), fan_in, cuts, ALL, emitted, runs)
    for panel in range(panel_count(channels, PANEL)):
        left = panel_cut(channels, PANEL, panel)
        width = panel_cut(channels, PANEL, panel + 1) - left
        held = sums[: count * width]
        for g in range(groups):
            for b in range(first_block[g], first_block[g + 1]):
                load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
                add_fused(block, runs, b, held, width, width, b == first_block[g])
            _add_partial(held, left, width, (g == 0, g == groups - 1), bias, out)


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
