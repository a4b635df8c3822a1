"""Rows of any width from blocks: the one primitive behind synapses and products."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import blocks, machine
from synaptile.simulator.kernels.listing import ALL, ROOM, WORD_BYTES, count_between, list_codes

fused, exact, whole = blocks.fused, blocks.exact, blocks.whole

PANEL = machine.PANEL
BLOCK_BYTES = machine.BLOCK_BYTES
VECTOR_BYTES = blocks.VECTOR_BYTES
LANE = blocks.LANE
FOUR = blocks.EVENTS_AT_ONCE


class Runs(NamedTuple):
    """Events of several lines (tokens, say), cut into blocks of what they index, in the order in which they are accumulated.

    At place p block b takes line ``order[b, p]``, whose events are ``starts[b, p] : starts[b, p+1]`` of `row` (uint16, counted
    from the block's first) and `value`, filled up to fours with events of value 0. Lines of equally many fours follow one
    another: a processor then foresees where the loop over a line ends, and all is read from front to back. `fours` (lines,) and
    `places` are scratch for sorting them.
    """

    row: NDArray[np.uint16]
    value: NDArray[Any]
    order: NDArray[np.int32]
    starts: NDArray[np.int64]
    fours: NDArray[np.int64]
    places: NDArray[np.int64]


@njit(cache=True, nogil=True)
def padded(width: int) -> int:
    """`width` rounded up to whole lanes."""
    return -(-width // LANE) * LANE


@njit(cache=True, nogil=True)
def panel_cut(width: int, widest: int, panel: int) -> int:
    """Column at which a panel of `width` columns starts; panels are whole lanes, as even as can be, at most `widest`."""
    lanes, most = -(-width // LANE), widest // LANE
    panels = -(-lanes // most)
    return panel * lanes // panels * LANE


@njit(cache=True, nogil=True)
def panel_count(width: int, widest: int) -> int:
    """How many panels of at most `widest` columns there are."""
    return -(-padded(width) // widest)


@njit(cache=True, nogil=True)
def longest_block(itemsize: int) -> int:
    """Rows of a panel of floats that stay in the first-level cache."""
    return BLOCK_BYTES // (PANEL * itemsize)


@njit(cache=True, nogil=True)
def room_for(lines: int, width: int, blocks: int) -> int:
    """Events that the runs of lines over `width` neurons may hold at most, cut into blocks."""
    return lines * (width + (FOUR - 1) * blocks) + ROOM


@uncounted(inline="always")
def _count(code: Any, first: int, last: int, which: int) -> int:
    if which == ALL:
        return int(count_between(code, first, last))
    found = 0
    for c in range(first, last):
        found += int(np.int64(code[c]) * which > 0)
    return found


@uncounted
def list_runs(code: Any, stride: int, cuts: Any, which: int, emitted: Any, runs: Runs) -> None:
    """List the spikes of lines in blocks of neurons between `cuts`; fills `runs`.

    code: flat int8, a line every `stride`, as many as `runs` has; `which` are listed: ALL, UP or DOWN; emitted: value by code,
    (2n+1,).
    """
    row, value, order, starts, fours, places = runs.row, runs.value, runs.order, runs.starts, runs.fours, runs.places
    lines = fours.shape[0]
    event = 0
    for b in range(cuts.shape[0] - 1):
        left, right = cuts[b], cuts[b + 1]
        most = -(-(right - left) // FOUR)
        for k in range(most + 2):
            places[k] = 0
        for line in range(lines):
            fours[line] = -(-_count(code, line * stride + left, line * stride + right, which) // FOUR)
            places[fours[line] + 1] += 1
        for k in range(most + 1):
            places[k + 1] += places[k]
        for line in range(lines):
            order[b, places[fours[line]]] = line
            places[fours[line]] += 1
        starts[b, 0] = event
        for p in range(lines):
            begin = np.int64(order[b, p]) * stride
            end = list_codes(code, begin + left, begin + right, which, emitted, row, value, event)
            for e in range(end, end + FOUR - 1):  # whatever is left of the last four
                row[e] = 0
                value[e] = 0
            event += FOUR * fours[order[b, p]]
            starts[b, p + 1] = event


@uncounted
def add_fused(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int, fresh: bool) -> None:
    """Each line's run of a block: ``out[stride*line :][:width] += sum of value[e] * matrix[width*row[e] :][:width]``.

    Events in ascending order, from zero where `fresh`, else added to what `out` holds. matrix, out: of floats, taken flat; width:
    whole lanes, at most PANEL. Product and sum are rounded once.
    """
    row, value, order, starts = runs.row, runs.value, runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        fused(matrix, row, value, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, fresh)


@uncounted
def add_exact(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int, fresh: bool) -> None:
    """As `add_fused`, product and sum rounded apart: what plain NumPy computes in the same order, to the last bit."""
    row, value, order, starts = runs.row, runs.value, runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        exact(matrix, row, value, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, fresh)


@uncounted
def add_whole(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int) -> None:
    """As `add_fused` for whole numbers held in float32: summed from zero, then added to the int32 `out`.

    Exact in any order as long as no partial sum passes 2^24.
    """
    row, value, order, starts = runs.row, runs.value, runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        whole(matrix, row, value, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, False)


@njit(cache=True, nogil=True)
def carve(scratch: Any, used: int, size: int, like: Any) -> Any:
    """`size` numbers of the dtype of `like` out of scratch bytes, from the next cache line on, and the bytes used then.

    A vector that straddles two lines costs two loads.
    """
    start = used + -(np.int64(scratch.ctypes.data) + used) % VECTOR_BYTES
    stop = start + size * like.itemsize
    return scratch[start:stop].view(like.dtype), stop


def carved_bytes(*sizes: int) -> int:
    """Bytes of scratch from which arrays of so many bytes can be carved."""
    return sum(sizes) + VECTOR_BYTES * len(sizes)


@njit(cache=True, nogil=True)
def carve_runs(scratch: Any, used: int, lines: int, width: int, cuts: Any, like: Any) -> Any:
    """Room for the runs of lines over `width` neurons, values of the dtype of `like`, and the bytes used then."""
    blocks = cuts.shape[0] - 1
    room = room_for(lines, width, blocks)
    row, used = carve(scratch, used, room, np.empty(0, np.uint16))
    value, used = carve(scratch, used, room, like)
    order, starts = np.empty((blocks, lines), np.int32), np.empty((blocks, lines + 1), np.int64)
    fours, places = np.empty(lines, np.int64), np.empty(width // FOUR + 3, np.int64)
    return Runs(row, value, order, starts, fours, places), used


def run_bytes(lines: int, width: int, blocks: int, itemsize: int) -> int:
    """Bytes of scratch that `carve_runs` takes at most."""
    room = int(room_for(lines, width, blocks))
    return carved_bytes(room * 2, room * itemsize)


def block_count(bounds: Any, rows: int) -> int:
    """How many blocks `block_cuts` makes."""
    return sum(-(-int(size) // rows) for size in np.diff(bounds))


@njit(cache=True, nogil=True)
def block_cuts(bounds: Any, rows: int) -> Any:
    """Rows at which blocks start, and each group's first block.

    Every group of rows, between `bounds`, is cut into blocks of at most `rows`: at words of codes, which are listed together, if
    that makes no more blocks, else evenly.
    """
    groups = bounds.shape[0] - 1
    first = np.zeros(groups + 1, np.int64)
    for g in range(groups):
        first[g + 1] = first[g] - (bounds[g] - bounds[g + 1]) // rows
    cuts = np.zeros(first[groups] + 1, np.int64)
    for g in range(groups):
        blocks, size = first[g + 1] - first[g], bounds[g + 1] - bounds[g]
        words = blocks > 0 and 0 < size - (blocks - 1) * WORD_BYTES <= rows and rows >= WORD_BYTES
        for b in range(blocks):
            cuts[first[g] + b] = bounds[g] + (b * WORD_BYTES if words else b * size // blocks)
    cuts[first[groups]] = bounds[groups]
    return cuts, first


@uncounted
def load_block(matrix: Any, base: int, stride: int, rows: int, width: int, block: Any) -> None:
    """Copy a block of a flat matrix to the first-level cache, as floats: its rows then start on whole cache lines."""
    if stride == width:
        rows, width = 1, rows * width
    for row in range(rows):
        source, target = matrix[base + row * stride :][:width], block[row * width : (row + 1) * width]
        for i in range(width):
            target[i] = source[i]
