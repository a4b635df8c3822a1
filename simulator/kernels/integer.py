"""Synapses of int8 weights: two int32 sums an output, for positive and negative spikes, combined last.

Where the machine has instructions for it, bytes are multiplied as they are, four events at a time (`dot`). Elsewhere a block of
weights is widened to float32 once for all tokens that pass over it; its sums stay below 2^24. Both are exact, so the result does
not depend on tiles, threads or order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import dot, machine
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.listing import DOWN, UP
from synaptile.simulator.kernels.machine import BLOCK_BYTES
from synaptile.simulator.kernels.rows import (
    Runs,
    add_whole,
    block_cuts,
    carve,
    carve_runs,
    carved_bytes,
    list_runs,
    load_block,
    panel_count,
    panel_cut,
    run_bytes,
)
from synaptile.simulator.kernels.synapse import WHOLE_PANEL, Tiles, count_issued, row_chunks, scratch_of

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


@uncounted
def _largest_level(code: Any) -> int:
    largest = smallest = np.int8(0)
    for c in range(code.shape[0]):
        largest = code[c] if code[c] > largest else largest
        smallest = code[c] if code[c] < smallest else smallest
    return max(int(largest), -int(smallest))


@uncounted
def _combine(positive: Any, negative: Any, scale: IntegerScale, out: Any) -> None:
    for c in range(out.shape[0]):
        out[c] = (scale.up[c] * np.float32(positive[c]) - scale.down[c] * np.float32(negative[c])) + scale.bias[c]


def accumulate_integer(
    events: Events,
    tiles: Tiles,
    scale: IntegerScale,
    out: NDArray[np.float32],
    levels: int,
    empty: Callable[..., NDArray[Any]] = np.empty,
) -> NDArray[np.int64]:
    """I from int8 weights. `levels`: thresholds of the site in front. Returns accumulates issued, (rows, tiles) int64.

    Scratch comes from an allocator like `numpy.empty`.
    """
    rows, fan_in = len(out), int(tiles.in_bounds[-1])
    chunks = row_chunks(rows)
    lines = -(-rows // chunks)
    if machine.HAS_DOT and levels <= dot.HIGHEST_LEVEL:
        lists, block = run_bytes(lines, fan_in, -(-fan_in // DOT_ROWS), 1), DOT_ROWS * dot.WIDTH
        room = carved_bytes(lists, lists, lines * dot.WIDTH * 4, lines * dot.WIDTH * 4, block)
        return np.asarray(_accumulate_dots(events, tiles, scale, out, chunks, scratch_of(chunks, room, empty)))
    lists = run_bytes(lines, fan_in, fan_in, 4)
    room = carved_bytes(lists, lists, 2 * lines * WHOLE_PANEL * 4, BLOCK_BYTES)
    return np.asarray(_accumulate_widened(events, tiles, scale, out, chunks, scratch_of(chunks, room, empty)))


@njit(cache=True, nogil=True)
def _powers() -> Any:
    """What a spike counts by its code, without its sign."""
    powers = np.zeros(2 * LEVELS + 1, np.float32)
    for k in range(LEVELS):
        powers[LEVELS + 1 + k] = powers[LEVELS - 1 - k] = np.float32(1 << k)
    return powers


@uncounted
def _load_words(weights: Any, rows: int, width: int, block: Any) -> None:
    """Copy rows of int8 weights, `width` wide, to rows of 64, in the order in which `dot` gives its sums in their own."""
    source, target, held = weights.view(np.int32), block.view(np.int32), width // 4
    for row in range(rows):
        line, words = source[row * held : (row + 1) * held], target[row * WORDS : (row + 1) * WORDS]
        for word in range(held):
            words[word % 4 * 4 + word // 4] = line[word]
        for word in range(held, WORDS):
            words[word % 4 * 4 + word // 4] = 0


@uncounted
def _add_line_dots(matrix: Any, runs: Runs, block: int, out: Any) -> None:
    """As `add_fused` for bytes, lines 64 wide."""
    row, value, order, starts = runs.row, runs.value, runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        add_dots(matrix, row, value, starts[p], starts[p + 1], out, np.int64(order[p]) * dot.WIDTH)


@uncounted
def _combine_lines(positive: Any, negative: Any, stride: int, left: int, width: int, scale: IntegerScale, out: Any) -> None:
    """Currents of a panel of all lines, columns left : left+width of `out`, from its integer sums, `stride` a line."""
    right = min(left + width, out.shape[1])
    panel = IntegerScale(scale.up[left:right], scale.down[left:right], scale.bias[left:right])
    for r in range(out.shape[0]):
        at = r * stride
        _combine(positive[at : at + stride], negative[at : at + stride], panel, out[r, left:right])


@njit(cache=True, nogil=True, parallel=True)
def _accumulate_dots(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, chunks: int, scratch: Any) -> Any:
    rows, workers = out.shape[0], scratch.shape[0]
    issued, powers = np.empty((rows, tiles.width.shape[0]), np.int64), _powers()
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
            count_issued(events, tiles, top, bottom, issued)
            _dot_chunk(events.code[top:bottom], powers, tiles, scale, out[top:bottom], scratch[worker])
    return issued


@njit(cache=True, nogil=True)
def _dot_chunk(code: Any, powers: Any, tiles: Tiles, scale: IntegerScale, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together, bytes multiplied as they are."""
    (count, channels), fan_in = out.shape, tiles.in_bounds[-1]
    cuts, _ = block_cuts(np.array([0, fan_in]), DOT_ROWS)
    up, used = carve_runs(scratch, 0, count, fan_in, cuts, scratch)
    down, used = carve_runs(scratch, used, count, fan_in, cuts, scratch)
    positive, used = carve(scratch, used, count * dot.WIDTH, up.order)
    negative, used = carve(scratch, used, count * dot.WIDTH, up.order)
    block, used = carve(scratch, used, DOT_ROWS * dot.WIDTH, tiles.weights)
    list_runs(code.reshape(-1), fan_in, cuts, UP, powers, up)
    list_runs(code.reshape(-1), fan_in, cuts, DOWN, powers, down)
    for panel in range(panel_count(channels, WHOLE_PANEL)):
        left = panel_cut(channels, WHOLE_PANEL, panel)
        width = panel_cut(channels, WHOLE_PANEL, panel + 1) - left
        positive[:] = 0
        negative[:] = 0
        for b in range(cuts.shape[0] - 1):
            held = cuts[b + 1] - cuts[b]
            _load_words(tiles.weights[left * fan_in + cuts[b] * width :][: held * width], held, width, block)
            _add_line_dots(block, up, b, positive)
            _add_line_dots(block, down, b, negative)
        _combine_lines(positive, negative, dot.WIDTH, left, width, scale, out)


@njit(cache=True, nogil=True, parallel=True)
def _accumulate_widened(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, chunks: int, scratch: Any) -> Any:
    rows, workers = out.shape[0], scratch.shape[0]
    issued, powers = np.empty((rows, tiles.width.shape[0]), np.int64), _powers()
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = chunk * rows // chunks, (chunk + 1) * rows // chunks
            count_issued(events, tiles, top, bottom, issued)
            _widened_chunk(events.code[top:bottom], powers, tiles, scale, out[top:bottom], scratch[worker])
    return issued


@njit(cache=True, nogil=True)
def _widened_chunk(code: Any, powers: Any, tiles: Tiles, scale: IntegerScale, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together, widened to float32."""
    (count, channels), fan_in, level = out.shape, tiles.in_bounds[-1], 1
    for r in range(count):
        level = max(level, _largest_level(code[r]))
    # A single row is exact however large: a weight of 8 bits times a power of two.
    longest = min(BLOCK_BYTES // (WHOLE_PANEL * 4), max(1, EXACT >> (6 + level)))
    cuts, _ = block_cuts(np.array([0, fan_in]), longest)
    up, used = carve_runs(scratch, 0, count, fan_in, cuts, out)
    down, used = carve_runs(scratch, used, count, fan_in, cuts, out)
    sums, used = carve(scratch, used, 2 * count * WHOLE_PANEL, up.order)
    block, used = carve(scratch, used, longest * WHOLE_PANEL, out)
    list_runs(code.reshape(-1), fan_in, cuts, UP, powers, up)
    list_runs(code.reshape(-1), fan_in, cuts, DOWN, powers, down)
    for panel in range(panel_count(channels, WHOLE_PANEL)):
        left = panel_cut(channels, WHOLE_PANEL, panel)
        width = panel_cut(channels, WHOLE_PANEL, panel + 1) - left
        positive, negative = sums[: count * width], sums[count * width : 2 * count * width]
        sums[:] = 0
        for b in range(cuts.shape[0] - 1):
            load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
            add_whole(block, up, b, positive, width, width)
            add_whole(block, down, b, negative, width, width)
        _combine_lines(positive, negative, width, left, width, scale, out)
