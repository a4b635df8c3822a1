"""Rows of any width from blocks: the one primitive behind synapses and products."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import add_exact, add_fused, add_whole, count_between, list_codes
from synaptile.simulator.kernels.machine import BLOCK_BYTES, EVENTS_AT_ONCE, LANES, PANEL, VECTOR_BYTES, WORD_CODES
from synaptile.simulator.kernels.plain import ALL, ROOM, SpikeList


class Runs(NamedTuple):
    """Spikes of several lines (tokens, say), cut into blocks of what they index, in the order in which they are accumulated.

    At place p block b takes line ``order[b, p]``, whose spikes are ``starts[b, p] : starts[b, p+1]`` of `spikes` (rows uint16,
    numbered from the block's first), filled up to fours with spikes of value 0. Lines of equally many fours follow one
    another: a processor then foresees where the loop over a line ends, and all is read from front to back. `fours` (lines,) and
    `places` are scratch for sorting them.
    """

    spikes: SpikeList
    order: NDArray[np.int32]
    starts: NDArray[np.int64]
    fours: NDArray[np.int64]
    places: NDArray[np.int64]


@kernel
def padded(width: int) -> int:
    """`width` rounded up to whole lanes."""
    return -(-width // LANES) * LANES


@kernel
def panel_cut(width: int, widest: int, panel: int) -> int:
    """Column at which a panel of `width` columns starts; panels are whole lanes, as even as can be, at most `widest`."""
    lanes, most = -(-width // LANES), widest // LANES
    panels = -(-lanes // most)
    return panel * lanes // panels * LANES


@kernel
def panel_count(width: int, widest: int) -> int:
    """How many panels of at most `widest` columns there are."""
    return -(-padded(width) // widest)


@kernel
def longest_block(itemsize: int) -> int:
    """Rows of a panel of floats that stay in the first-level cache."""
    return BLOCK_BYTES // (PANEL * itemsize)


@kernel
def room_for(lines: int, width: int, blocks: int) -> int:
    """Spikes that the runs of lines over `width` neurons may hold at most, cut into blocks."""
    return lines * (width + (EVENTS_AT_ONCE - 1) * blocks) + ROOM


@uncounted(inline="always")
def _count(codes: Any, first: int, last: int, which: int) -> int:
    """How many codes among first : last are listed."""
    if which == ALL:
        return int(count_between(codes, first, last))
    count = 0
    for c in range(first, last):
        count += int(np.int64(codes[c]) * which > 0)
    return count


@uncounted
def list_runs(codes: Any, stride: int, cuts: Any, which: int, emitted: Any, runs: Runs) -> None:
    """List the spikes of lines in blocks of neurons between `cuts`; fills `runs`.

    codes: flat int8, a line every `stride`, as many as `runs` has; `which` are listed: ALL, UP or DOWN; emitted: value by code,
    (2n+1,).
    """
    spikes, order, starts, fours, places = runs.spikes, runs.order, runs.starts, runs.fours, runs.places
    lines = fours.shape[0]
    event = 0
    for b in range(cuts.shape[0] - 1):
        left, right = cuts[b], cuts[b + 1]
        most = -(-(right - left) // EVENTS_AT_ONCE)
        for k in range(most + 2):
            places[k] = 0
        for line in range(lines):
            fours[line] = -(-_count(codes, line * stride + left, line * stride + right, which) // EVENTS_AT_ONCE)
            places[fours[line] + 1] += 1
        for k in range(most + 1):
            places[k + 1] += places[k]
        for line in range(lines):
            order[b, places[fours[line]]] = line
            places[fours[line]] += 1
        starts[b, 0] = event
        for p in range(lines):
            begin = np.int64(order[b, p]) * stride
            end = list_codes(codes, begin + left, begin + right, which, emitted, spikes, event)
            for e in range(end, end + EVENTS_AT_ONCE - 1):  # whatever is left of the last four
                spikes.row[e] = 0
                spikes.value[e] = 0
            event += EVENTS_AT_ONCE * fours[order[b, p]]
            starts[b, p + 1] = event


@uncounted
def add_lines_fused(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int, fresh: bool) -> None:
    """Each line's run of a block: ``out[stride*line :][:width] += sum of value[e] * matrix[width*row[e] :][:width]``.

    Spikes in ascending order, from zero where `fresh`, else added to what `out` holds. matrix, out: of floats, taken flat; width:
    whole lanes, at most PANEL. Product and sum are rounded once where the machine can.
    """
    order, starts = runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        add_fused(matrix, runs.spikes, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, fresh)


@uncounted
def add_lines_exact(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int, fresh: bool) -> None:
    """As `add_lines_fused`, product and sum rounded apart: what NumPy computes in the same order, to the last bit."""
    order, starts = runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        add_exact(matrix, runs.spikes, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, fresh)


@uncounted
def add_lines_whole(matrix: Any, runs: Runs, block: int, out: Any, stride: int, width: int) -> None:
    """As `add_lines_fused` for whole numbers held in float32, added to the int32 `out`: exact while sums stay within 2^24."""
    order, starts = runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        add_whole(matrix, runs.spikes, starts[p], starts[p + 1], out, np.int64(order[p]) * stride, width, False)


@kernel
def suballocate(scratch: Any, used: int, size: int, like: Any) -> Any:
    """`size` numbers of the dtype of `like` out of scratch bytes, from the next cache line on, and the bytes used then.

    A vector that straddles two lines costs two loads.
    """
    start = used + -(np.int64(scratch.ctypes.data) + used) % VECTOR_BYTES
    stop = start + size * like.itemsize
    return scratch[start:stop].view(like.dtype), stop


def suballocated_bytes(*sizes: int) -> int:
    """Bytes of scratch from which arrays of so many bytes can be taken."""
    return sum(sizes) + VECTOR_BYTES * len(sizes)


@kernel
def suballocate_runs(scratch: Any, used: int, lines: int, width: int, cuts: Any, like: Any) -> Any:
    """Room for the runs of lines over `width` neurons, values of the dtype of `like`, and the bytes used then."""
    blocks = cuts.shape[0] - 1
    room = room_for(lines, width, blocks)
    row, used = suballocate(scratch, used, room, np.empty(0, np.uint16))
    value, used = suballocate(scratch, used, room, like)
    order, starts = np.empty((blocks, lines), np.int32), np.empty((blocks, lines + 1), np.int64)
    fours, places = np.empty(lines, np.int64), np.empty(width // EVENTS_AT_ONCE + 3, np.int64)
    return Runs(SpikeList(row, value), order, starts, fours, places), used


def run_bytes(lines: int, width: int, blocks: int, itemsize: int) -> int:
    """Bytes of scratch that `suballocate_runs` takes at most."""
    room = int(room_for(lines, width, blocks))
    return suballocated_bytes(room * 2, room * itemsize)


def block_count(bounds: Any, rows: int) -> int:
    """How many blocks `block_cuts` makes."""
    return sum(-(-int(size) // rows) for size in np.diff(bounds))


@kernel
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
        words = blocks > 0 and 0 < size - (blocks - 1) * WORD_CODES <= rows and rows >= WORD_CODES
        for b in range(blocks):
            cuts[first[g] + b] = bounds[g] + (b * WORD_CODES if words else b * size // blocks)
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
