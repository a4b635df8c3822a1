"""Product EC units from events: S_K += A(t) S_B(t) + S_A(t-1) B(t), two passes, each a sum of rows.

Per image and head, with operands A (rows i, depth d) and B (columns j, depth d): pass one adds ``a * S_B[:, d]`` to row i of
the result for each event a of A; pass two adds ``b * S_A[:, d]`` to row j of the transposed result for each event b of B. Both
sum over d in ascending order. A head's running sums stay with one thread through all steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_fired, reset_codes, transpose
from synaptile.simulator.kernels.machine import BLOCK_BYTES, LANES, PANEL
from synaptile.simulator.kernels.plain import ALL
from synaptile.simulator.kernels.rows import (
    Runs,
    add_lines_exact,
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


class Operand(NamedTuple):
    """Codes of one operand, flat int8: `lines` (rows of A, columns of B) over `depth`.

    Element (step, image, head, line, depth) sits at the dot product with `strides` (5,), of which that of lines or that of the
    depth is one; `emitted` is the value by code, (2n+1,).
    """

    codes: NDArray[np.int8]
    emitted: NDArray[Any]
    strides: NDArray[np.int64]
    lines: int
    depth: int


class ProductShape(NamedTuple):
    """`blocks` heads of all images, `heads` per image; `telescoping`: the law of sums, which emits the increment as it is.

    `strides` (4,) of the flat output are those of step, image, head and row; a row's columns lie side by side. `depth_gain`
    (heads, depth): what a spike counts in the sums; `column_gain` (heads, columns): what telescoping results are multiplied with.
    """

    blocks: int
    heads: int
    strides: NDArray[np.int64]
    telescoping: bool
    depth_gain: NDArray[Any]
    column_gain: NDArray[Any]


class ProductCounts(NamedTuple):
    """Spikes per line: `a` (steps, blocks, rows), `b` (steps, blocks, columns), int32.

    `eq30`, `released`: non-zero pairs of the three terms of Eq. 18, with S(t-1) and with S(t), (steps, blocks) int64.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    eq30: NDArray[np.int64]
    released: NDArray[np.int64]


@uncounted
def _transpose_block(operand: Operand, base: int, transposed: Any) -> None:
    """Transpose the codes of one block and step, from `base` on: the depths of a line, or the lines of a depth, side by side."""
    over_lines, over_depth = operand.strides[3], operand.strides[4]
    if over_depth == 1:
        transpose(operand.codes, base, over_lines, operand.lines, operand.depth, transposed, 0, operand.lines)
    else:
        transpose(operand.codes, base, over_depth, operand.depth, operand.lines, transposed, 0, operand.depth)


@kernel
def _by_line(operand: Operand, base: int, transposed: Any) -> Any:
    """Codes of one block and step with the depths of a line side by side: flat, and how far apart lines are."""
    if operand.strides[4] == 1:
        return operand.codes[base:], operand.strides[3]
    return transposed, operand.depth


@kernel
def _by_depth(operand: Operand, base: int, transposed: Any) -> Any:
    """Codes of one block and step with the lines of a depth side by side: flat, and how far apart depths are."""
    if operand.strides[4] == 1:
        return transposed, operand.lines
    return operand.codes[base:], operand.strides[4]


@uncounted
def _count_lines(codes: Any, stride: int, depth: int, counts: Any) -> None:
    """Spikes of each line; codes: flat, a line every `stride`."""
    for line in range(counts.shape[0]):
        counts[line] = count_fired(codes[line * stride :][:depth])


@uncounted
def _add_spikes(codes: Any, stride: int, lines: int, emitted: Any, gains: Any, total: Any, counts: Any, nonzero: Any) -> None:
    """total[d, line] += what the spike of a line at depth d is worth; counts a depth's spikes in `counts`, its sums in `nonzero`.

    codes: flat, a depth every `stride`; emitted: the value of a spike by code; gains: times which it counts, (depth,), and at
    this step, and scratch like `emitted`; total: (depth, padded lines).
    """
    by_depth, share, taken = gains
    for d in range(total.shape[0]):
        times = by_depth[d] * share
        for k in range(taken.shape[0]):
            taken[k] = -(emitted[k] * times)
        counts[d], nonzero[d] = reset_codes(codes[d * stride :][:lines], taken, total[d, :lines])


@uncounted
def sum_rows(runs: Runs, cuts: Any, total: Any, weights: Any, out: Any) -> None:
    """out[line, :] = sum over the line's events of value * total[row, :].

    runs: of the lines, in blocks between `cuts` of the depth; total: (depth, padded columns); weights: aligned scratch for a
    block of it; out: (lines, padded columns), written.
    """
    width, flat = total.shape[1], total.reshape(-1)
    sums = out.reshape(-1)
    for panel in range(panel_count(width, PANEL)):
        left = panel_cut(width, PANEL, panel)
        wide = panel_cut(width, PANEL, panel + 1) - left
        for b in range(cuts.shape[0] - 1):
            load_block(flat, cuts[b] * width + left, width, cuts[b + 1] - cuts[b], wide, weights)
            add_lines_exact(weights, runs, b, sums[left:], width, wide, b == 0)


@uncounted
def _expect_row(first: Any, second: Any, total: Any, out: Any, clock: Any) -> None:
    """One row of `_emit` under the law of means."""
    now, previous = clock[0], clock[1]
    for column in range(total.shape[0]):
        before = total[column]
        after = before + (first[column] + second[column])
        total[column] = after
        out[column] = after * now - before * previous


@uncounted
def _emit_row(first: Any, second: Any, gain: Any, out: Any) -> None:
    """One row of `_emit` under the laws of sums and of differences."""
    for column in range(out.shape[0]):
        out[column] = (first[column] + second[column]) * gain[column]


@uncounted
def _emit(first: Any, second: Any, total: Any, out: Any, stride: int, clock: Any, gain: Any, transposed: Any) -> None:
    """S_K += first + second^T; O = S_K(t)/t - S_K(t-1)/(t-1), or, telescoping, first + second^T times the gain of its column.

    first: (rows, padded columns); second: (columns, padded rows); total: (rows, columns), updated, or empty; out: flat, a row
    every `stride`; clock: 1/t, 1/(t-1) or 0; gain: (columns,); transposed: scratch, flat, for LANES rows of padded columns.
    """
    (rows, width), columns, tall = first.shape, second.shape[0], second.shape[1]
    for top in range(0, rows, LANES):
        transpose(second.reshape(-1), top, tall, columns, LANES, transposed, 0, width)
        for row in range(top, min(rows, top + LANES)):
            target, second_row = out[row * stride :][:columns], transposed[(row - top) * width :][:columns]
            if total.shape[0] == 0:
                _emit_row(first[row], second_row, gain, target)
            else:
                _expect_row(first[row], second_row, total[row], target, clock)


@kernel
def _multiply_block(
    a: Operand, b: Operand, shape: ProductShape, clock: Any, out: Any, counts: ProductCounts, scratch: Any, block: int
) -> None:
    """One head of one image, from the first step to the last."""
    spikes_a, spikes_b, eq30, released = counts.a, counts.b, counts.eq30, counts.released
    rows, columns, depth = a.lines, b.lines, a.depth
    image, head, longest = block // shape.heads, block % shape.heads, longest_block(out.itemsize)
    cuts, _ = block_cuts(np.array([0, depth]), longest)
    taken_a, taken_b = -a.emitted, -b.emitted
    by_depth, by_column = shape.depth_gain[head], shape.column_gain[head]
    transposed_a, used = suballocate(scratch, 0, rows * depth, a.codes)
    transposed_b, used = suballocate(scratch, used, columns * depth, b.codes)
    runs_a, used = suballocate_runs(scratch, used, rows, depth, cuts, out)
    runs_b, used = suballocate_runs(scratch, used, columns, depth, cuts, out)
    sum_a, used = _suballocate_zeros(scratch, used, (depth, padded(rows)), out)
    sum_b, used = _suballocate_zeros(scratch, used, (depth, padded(columns)), out)
    sum_k, used = _suballocate_zeros(scratch, used, (0 if shape.telescoping else rows, columns), out)
    first, used = _suballocate_zeros(scratch, used, (rows, padded(columns)), out)
    second, used = _suballocate_zeros(scratch, used, (columns, padded(rows)), out)
    weights, used = suballocate(scratch, used, longest * PANEL, out)
    strip, used = suballocate(scratch, used, LANES * padded(columns), out)
    events_a, events_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    before_a, before_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    after_a, after_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    for t in range(clock.shape[0]):
        base_a = t * a.strides[0] + image * a.strides[1] + head * a.strides[2]
        base_b = t * b.strides[0] + image * b.strides[1] + head * b.strides[2]
        _transpose_block(a, base_a, transposed_a)
        _transpose_block(b, base_b, transposed_b)
        (codes_a, next_a), (codes_b, next_b) = _by_line(a, base_a, transposed_a), _by_line(b, base_b, transposed_b)
        list_runs(codes_a, next_a, cuts, ALL, a.emitted, runs_a)
        codes, apart = _by_depth(b, base_b, transposed_b)
        _add_spikes(codes, apart, columns, b.emitted, (by_depth, clock[t, 2], taken_b), sum_b, events_b, after_b)
        sum_rows(runs_a, cuts, sum_b, weights, first)
        if t > 0:  # S_A(0) is zero: the second pass has nothing to add
            list_runs(codes_b, next_b, cuts, ALL, b.emitted, runs_b)
            sum_rows(runs_b, cuts, sum_a, weights, second)
        codes, apart = _by_depth(a, base_a, transposed_a)
        _add_spikes(codes, apart, rows, a.emitted, (by_depth, clock[t, 2], taken_a), sum_a, events_a, after_a)
        for d in range(depth):
            both = events_a[d] * events_b[d]
            eq30[t, block] += both + events_a[d] * before_b[d] + before_a[d] * events_b[d]
            released[t, block] += both + events_a[d] * after_b[d] + after_a[d] * events_b[d]
            before_a[d], before_b[d] = after_a[d], after_b[d]
        _count_lines(codes_a, next_a, depth, spikes_a[t, block])
        _count_lines(codes_b, next_b, depth, spikes_b[t, block])
        at = t * shape.strides[0] + image * shape.strides[1] + head * shape.strides[2]
        _emit(first, second, sum_k, out[at:], shape.strides[3], clock[t], by_column, strip)


@kernel
def _suballocate_zeros(scratch: Any, used: int, shape: Any, like: Any) -> Any:
    """As `suballocate`, zeros of two dimensions."""
    zeros, used = suballocate(scratch, used, shape[0] * shape[1], like)
    zeros[:] = 0
    return zeros.reshape(shape), used


def multiply(
    a: Operand,
    b: Operand,
    shape: ProductShape,
    clock: NDArray[Any],
    out: NDArray[Any],
    counts: ProductCounts,
    empty: Callable[..., NDArray[Any]] = np.empty,
) -> None:
    """A product unit from its first step to its last.

    clock: (steps, 3), 1/t, 1/(t-1) (0 at first) and what sums take of a spike, in the run's floating type; out: flat, written;
    counts: written; scratch comes from an allocator like `numpy.empty`.
    """
    size, rows, columns, depth = out.itemsize, a.lines, b.lines, a.depth
    blocks, wide, tall = -(-depth // longest_block(size)), int(padded(columns)), int(padded(rows))
    codes = suballocated_bytes(rows * depth, columns * depth)
    lists = run_bytes(rows, depth, blocks, size) + run_bytes(columns, depth, blocks, size)
    sums = suballocated_bytes(depth * tall * size, depth * wide * size, rows * columns * size)
    passes = suballocated_bytes(rows * wide * size, columns * tall * size, BLOCK_BYTES, LANES * wide * size)
    chunks = min(shape.blocks, get_num_threads())
    _multiply(a, b, shape, clock, out, counts, empty((chunks, codes + lists + sums + passes), np.uint8))


@kernel(parallel=True)
def _multiply(a: Operand, b: Operand, shape: ProductShape, clock: Any, out: Any, counts: ProductCounts, scratch: Any) -> None:
    """Heads in as many runs as there is scratch for, (runs, bytes) uint8."""
    runs = scratch.shape[0]
    for run in prange(runs):
        for block in range(run * shape.blocks // runs, (run + 1) * shape.blocks // runs):
            _multiply_block(a, b, shape, clock, out, counts, scratch[run], block)
