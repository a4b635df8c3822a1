"""Synapses of int8 weights: two int32 sums per output, for positive and negative spikes, combined last.

Where the machine has instructions for it, bytes are multiplied as they are, four spikes at a time (`vector.dot`). Elsewhere a
block of weights is widened to float32 once for all tokens that pass over it; its sums stay below 2^24. Both are exact, so the
result does not depend on tiles, threads or order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import COMPILED, kernel, uncounted
from synaptile.simulator.kernels import machine
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.machine import BLOCK_BYTES
from synaptile.simulator.kernels.plain import DOWN, UP
from synaptile.simulator.kernels.rows import (
    Runs,
    add_lines_whole,
    block_cuts,
    list_runs,
    load_block,
    panel_count,
    panel_cut,
    run_bytes,
    suballocate,
    suballocate_runs,
    suballocated_bytes,
)
from synaptile.simulator.kernels.synapse import WHOLE_PANEL, Tiles, count_issued, row_chunks, row_cuts, scratch_of
from synaptile.simulator.kernels.vector import dot

LEVELS = 30
"""Thresholds of a site at most: powers of two of an int32."""
EXACT = 2**24
"""Whole numbers up to here are exact in float32, whatever the order of addition."""
DOT_ROWS = 448
"""Weight rows of 64 bytes that stay in the first-level cache while tokens pass over them."""
WORDS = dot.WIDTH // 4
"""Words of such a row, of four outputs each."""


class IntegerScale(NamedTuple):
    """How integer sums become currents: ``up * acc_pos - down * acc_neg + bias``, each (channels,) float32."""

    up: NDArray[np.float32]
    down: NDArray[np.float32]
    bias: NDArray[np.float32]


@uncounted
def _largest_level(codes: Any) -> int:
    """The largest threshold that a row reached, of either sign."""
    largest = smallest = np.int8(0)
    for c in range(codes.shape[0]):
        largest = codes[c] if codes[c] > largest else largest
        smallest = codes[c] if codes[c] < smallest else smallest
    return max(int(largest), -int(smallest))


@uncounted
def _combine(positive: Any, negative: Any, scale: IntegerScale, out: Any) -> None:
    """Currents of a row from its integer sums."""
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
    cuts = row_cuts(events, fan_in, row_chunks(rows))
    chunks, lines = len(cuts) - 1, int(np.diff(cuts).max())
    if COMPILED and machine.HAS_DOT and levels <= dot.HIGHEST_LEVEL:
        lists, block = run_bytes(lines, fan_in, -(-fan_in // DOT_ROWS), 1), DOT_ROWS * dot.WIDTH
        room = suballocated_bytes(lists, lists, lines * dot.WIDTH * 4, lines * dot.WIDTH * 4, block)
        return np.asarray(_accumulate_dots(events, tiles, scale, out, cuts, scratch_of(chunks, room, empty)))
    lists = run_bytes(lines, fan_in, fan_in, 4)
    room = suballocated_bytes(lists, lists, 2 * lines * WHOLE_PANEL * 4, BLOCK_BYTES)
    return np.asarray(_accumulate_widened(events, tiles, scale, out, cuts, scratch_of(chunks, room, empty)))


@kernel
def _powers() -> Any:
    """What a spike counts by its code, without its sign."""
    powers = np.zeros(2 * LEVELS + 1, np.float32)
    for k in range(LEVELS):
        powers[LEVELS + 1 + k] = powers[LEVELS - 1 - k] = np.float32(1 << k)
    return powers


@uncounted
def _load_words(weights: Any, rows: int, width: int, block: Any) -> None:
    """Copy rows of int8 weights, `width` wide, to rows of 64, in the order in which `dot` gives its sums in their own."""
    source, target, own = weights.view(np.int32), block.view(np.int32), width // 4
    for row in range(rows):
        line, words = source[row * own : (row + 1) * own], target[row * WORDS : (row + 1) * WORDS]
        for word in range(own):
            words[word % 4 * 4 + word // 4] = line[word]
        for word in range(own, WORDS):
            words[word % 4 * 4 + word // 4] = 0


@uncounted
def _add_line_dots(matrix: Any, runs: Runs, block: int, out: Any) -> None:
    """As `add_lines_fused` for bytes, lines 64 wide."""
    order, starts = runs.order[block], runs.starts[block]
    for p in range(order.shape[0]):
        dot.add_dots(matrix, runs.spikes, starts[p], starts[p + 1], out, np.int64(order[p]) * dot.WIDTH)


@uncounted
def _combine_lines(positive: Any, negative: Any, stride: int, left: int, width: int, scale: IntegerScale, out: Any) -> None:
    """Currents of a panel of all lines, columns left : left+width of `out`, from its integer sums, `stride` a line."""
    right = min(left + width, out.shape[1])
    panel = IntegerScale(scale.up[left:right], scale.down[left:right], scale.bias[left:right])
    for r in range(out.shape[0]):
        at = r * stride
        _combine(positive[at : at + stride], negative[at : at + stride], panel, out[r, left:right])


@kernel(parallel=True)
def _accumulate_dots(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, cuts: Any, scratch: Any) -> Any:
    """Rows in chunks between `cuts`, by as many workers as there is scratch for; scratch: (workers, bytes) uint8."""
    chunks, workers = cuts.shape[0] - 1, scratch.shape[0]
    issued, powers = np.empty((out.shape[0], tiles.width.shape[0]), np.int64), _powers()
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = cuts[chunk], cuts[chunk + 1]
            count_issued(events, tiles, top, bottom, issued)
            _dot_chunk(events.codes[top:bottom], powers, tiles, scale, out[top:bottom], scratch[worker])
    return issued


@kernel
def _dot_chunk(codes: Any, powers: Any, tiles: Tiles, scale: IntegerScale, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together, bytes multiplied as they are."""
    (count, channels), fan_in = out.shape, tiles.in_bounds[-1]
    cuts, _ = block_cuts(np.array([0, fan_in]), DOT_ROWS)
    up, used = suballocate_runs(scratch, 0, count, fan_in, cuts, scratch)
    down, used = suballocate_runs(scratch, used, count, fan_in, cuts, scratch)
    positive, used = suballocate(scratch, used, count * dot.WIDTH, up.order)
    negative, used = suballocate(scratch, used, count * dot.WIDTH, up.order)
    block, used = suballocate(scratch, used, DOT_ROWS * dot.WIDTH, tiles.weights)
    list_runs(codes.reshape(-1), fan_in, cuts, UP, powers, up)
    list_runs(codes.reshape(-1), fan_in, cuts, DOWN, powers, down)
    for panel in range(panel_count(channels, WHOLE_PANEL)):
        left = panel_cut(channels, WHOLE_PANEL, panel)
        width = panel_cut(channels, WHOLE_PANEL, panel + 1) - left
        positive[:] = 0
        negative[:] = 0
        for b in range(cuts.shape[0] - 1):
            inputs = cuts[b + 1] - cuts[b]
            _load_words(tiles.weights[left * fan_in + cuts[b] * width :][: inputs * width], inputs, width, block)
            _add_line_dots(block, up, b, positive)
            _add_line_dots(block, down, b, negative)
        _combine_lines(positive, negative, dot.WIDTH, left, width, scale, out)


@kernel(parallel=True)
def _accumulate_widened(events: Events, tiles: Tiles, scale: IntegerScale, out: Any, cuts: Any, scratch: Any) -> Any:
    """Rows in chunks between `cuts`, by as many workers as there is scratch for; scratch: (workers, bytes) uint8."""
    chunks, workers = cuts.shape[0] - 1, scratch.shape[0]
    issued, powers = np.empty((out.shape[0], tiles.width.shape[0]), np.int64), _powers()
    for worker in prange(workers):
        for chunk in range(worker * chunks // workers, (worker + 1) * chunks // workers):
            top, bottom = cuts[chunk], cuts[chunk + 1]
            count_issued(events, tiles, top, bottom, issued)
            _widened_chunk(events.codes[top:bottom], powers, tiles, scale, out[top:bottom], scratch[worker])
    return issued


@kernel
def _widened_chunk(codes: Any, powers: Any, tiles: Tiles, scale: IntegerScale, out: Any, scratch: Any) -> None:
    """Currents of rows that pass over each block of weights together, widened to float32."""
    (count, channels), fan_in, level = out.shape, tiles.in_bounds[-1], 1
    for r in range(count):
        level = max(level, _largest_level(codes[r]))
    # A single row is exact however large: a weight of 8 bits times a power of two.
    longest = min(BLOCK_BYTES // (WHOLE_PANEL * 4), max(1, EXACT >> (6 + level)))
    cuts, _ = block_cuts(np.array([0, fan_in]), longest)
    up, used = suballocate_runs(scratch, 0, count, fan_in, cuts, out)
    down, used = suballocate_runs(scratch, used, count, fan_in, cuts, out)
    sums, used = suballocate(scratch, used, 2 * count * WHOLE_PANEL, up.order)
    block, used = suballocate(scratch, used, longest * WHOLE_PANEL, out)
    list_runs(codes.reshape(-1), fan_in, cuts, UP, powers, up)
    list_runs(codes.reshape(-1), fan_in, cuts, DOWN, powers, down)
    for panel in range(panel_count(channels, WHOLE_PANEL)):
        left = panel_cut(channels, WHOLE_PANEL, panel)
        width = panel_cut(channels, WHOLE_PANEL, panel + 1) - left
        positive, negative = sums[: count * width], sums[count * width : 2 * count * width]
        sums[:] = 0
        for b in range(cuts.shape[0] - 1):
            load_block(tiles.weights, left * fan_in + cuts[b] * width, width, cuts[b + 1] - cuts[b], width, block)
            add_lines_whole(block, up, b, positive, width, width)
            add_lines_whole(block, down, b, negative, width, width)
        _combine_lines(positive, negative, width, left, width, scale, out)
