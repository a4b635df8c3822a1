"""Synapses of int8 weights: two int32 sums an output, for positive and negative spikes, combined last.

Where the machine has instructions for it, bytes are multiplied as they are, four events at a time (`dot`). Elsewhere a block of
weights is widened to float32 once for all tokens that pass over it; its sums stay below 2^24. Both are exact, so the result does
not depend on tiles, threads or order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from simulator.kernels import dot, machine
from simulator.kernels.fire import Events
from simulator.kernels.listing import DOWN, ROOM, UP, list_codes
from simulator.kernels.machine import BLOCK_BYTES, PANEL
from simulator.kernels.rows import Runs, add_whole, aligned_empty, block_cuts, block_width, load_block
from simulator.kernels.synapse import Tiles, count_issued, list_blocks, row_chunks

LEVELS = 30
"""Thresholds of a site at most: powers of two of an int32."""
EXACT = 2**24
"""Whole numbers up to here are exact in float32, whatever the order of addition."""
DOT_ROWS = 448
"""Weight rows of 64 bytes that stay in the first-level cache while tokens pass over them."""
WORDS = dot.WIDTH // 4
"""Words of such a row, of four outputs each."""

add_dots: Any = dot.add_dots


class IntegerScale(NamedTuple):
    """How integer sums become currents: ``up * acc_pos - down * acc_neg + bias``, each (channels,) float32."""

    up: NDArray[np.float32]
    down: NDArray[np.float32]
    bias: NDArray[np.float32]


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


def accumulate_integer(
    events: Events, tiles: Tiles, scale: IntegerScale, out: NDArray[np.float32], levels: int
) -> NDArray[np.int64]:
    """I from int8 weights. `levels`: thresholds of the site in front. Returns accumulates issued, (rows, tiles) int64."""
    by_dots = machine.HAS_DOT and levels <= dot.HIGHEST_LEVEL
    kernel = _accumulate_dots if by_dots else _accumulate_widened
    return np.asarray(kernel(events, tiles, scale, out, row_chunks(len(out))))


@njit(cache=True, nogil=True)
def _powers() -> Any:
    """What a spike counts by its code, without its sign."""
    powers = np.zeros(2 * LEVELS + 1, np.float32)
    for k in range(LEVELS):
        powers[LEVELS + 1 + k] = powers[LEVELS - 1 - k] = np.float32(1 << k)
    return powers


@njit(cache=True, nogil=True)
def _list_fours(code: Any, cuts: Any, which: int, powers: Any, index: Any, power: Any, starts: Any) -> None:
    """List the spikes of one row and sign, every block's filled up to fours with spikes that count nothing.

    `index` counts from the block's first channel; `starts` (blocks+1,), of which the first is set, is written.
    """
    width = code.shape[0]
    found, worth = np.empty(width + ROOM, np.int32), np.empty(width + ROOM, powers.dtype)
    event = starts[0]
    for b in range(cuts.shape[0] - 1):
        count = list_codes(code, cuts[b], cuts[b + 1], which, powers, found, worth, 0)
        for e in range(count):
            index[event + e] = found[e] - cuts[b]
            power[event + e] = np.uint8(worth[e])
        filled = count + -count % dot.EVENTS_AT_ONCE
        for e in range(count, filled):
            index[event + e] = 0
            power[event + e] = 0
        event += filled
        starts[b + 1] = event


@njit(cache=True, nogil=True)
def _load_words(weights: Any, rows: int, width: int, block: Any) -> None:
    """Copy rows of int8 weights, `width` wide, to rows of 64, in the order in which `dot` gives its sums in their own."""
    source, target, held = weights.view(np.int32), block.view(np.int32), width // 4
    for row in range(rows):
        line, words = source[row * held : (row + 1) * held], target[row * WORDS : (row + 1) * WORDS]
        for word in range(held):
            words[word % 4 * 4 + word // 4] = line[word]
        for word in range(held, WORDS):
            words[word % 4 * 4 + word // 4] = 0


@njit(cache=True, nogil=True, parallel=True)
def _accumulate_dots(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, chunks: int) -> Any:
    rows, channels = out.shape
    fan_in = tiles.in_bounds[-1]
    issued = np.zeros((rows, tiles.width.shape[0]), np.int64)
    powers = _powers()
    cuts, _ = block_cuts(np.array([0, fan_in]), DOT_ROWS)
    blocks = cuts.shape[0] - 1
    room = fan_in + dot.EVENTS_AT_ONCE * blocks
    for chunk in prange(chunks):
        top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
        count = bottom - top
        index, power = np.empty(2 * count * room, np.int32), np.empty(2 * count * room, np.uint8)
        starts = np.empty((2 * count, blocks + 1), np.int64)
        for r in range(count):
            starts[2 * r, 0], starts[2 * r + 1, 0] = 2 * r * room, (2 * r + 1) * room
            _list_fours(events.code[top + r], cuts, UP, powers, index, power, starts[2 * r])
            _list_fours(events.code[top + r], cuts, DOWN, powers, index, power, starts[2 * r + 1])
            count_issued(events, tiles, top + r, issued)
        sums = aligned_empty(2 * count * dot.WIDTH, index)
        block = aligned_empty(DOT_ROWS * dot.WIDTH, tiles.weights)
        left = 0
        while left < channels:
            width = block_width(tiles.weights.shape[0] // fan_in - left)
            sums[:] = 0
            for b in range(blocks):
                held = cuts[b + 1] - cuts[b]
                _load_words(tiles.weights[left * fan_in + cuts[b] * width :][: held * width], held, width, block)
                for line in range(2 * count):
                    add_dots(block, 0, index, power, starts[line, b], starts[line, b + 1], sums, line * dot.WIDTH)
            right = min(left + width, channels)
            panel = IntegerScale(scale.up[left:right], scale.down[left:right], scale.bias[left:right])
            for r in range(count):
                at = 2 * r * dot.WIDTH
                _combine(sums[at : at + dot.WIDTH], sums[at + dot.WIDTH : at + 2 * dot.WIDTH], panel, out[top + r, left:right])
            left += width
    return issued


@njit(cache=True, nogil=True, parallel=True)
def _accumulate_widened(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, chunks: int) -> Any:
    rows, channels = out.shape
    fan_in = tiles.in_bounds[-1]
    issued = np.zeros((rows, tiles.width.shape[0]), np.int64)
    powers = _powers()
    for chunk in prange(chunks):
        top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
        count, room = bottom - top, fan_in + ROOM
        level = 1
        for r in range(top, bottom):
            level = max(level, _largest_level(events.code[r]))
            count_issued(events, tiles, r, issued)
        # A single row is exact however large: a weight of 8 bits times a power of two.
        longest = min(BLOCK_BYTES // (PANEL * 4), max(1, EXACT >> (6 + level)))
        cuts, _ = block_cuts(np.array([0, fan_in]), longest)
        blocks = cuts.shape[0] - 1
        starts = np.empty((2 * count, blocks + 1), np.int64)
        runs = Runs(np.empty(2 * count * room, np.int32), np.empty(2 * count * room, np.float32), starts)
        for r in range(count):
            list_blocks(events.code[top + r], cuts, UP, powers, runs, 2 * r)
            list_blocks(events.code[top + r], cuts, DOWN, powers, runs, 2 * r + 1)
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
