"""Product EC units from events: S_K += A(t) S_B(t) + S_A(t-1) B(t), two passes, each a sum of rows.

Per image and head, with operands A (rows i, depth d) and B (columns j, depth d): pass one adds ``a * S_B[:, d]`` to row i of
the result for each event a of A; pass two adds ``b * S_A[:, d]`` to row j of the transposed result for each event b of B. Both
sum over d in ascending order. A head's running sums stay with one thread through all steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import get_num_threads, njit, prange
from numpy.typing import NDArray

from simulator.kernels.listing import ALL, count_fired, reset_codes
from simulator.kernels.machine import BLOCK_BYTES
from simulator.kernels.rows import (
    PANEL,
    Runs,
    add_exact,
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
from simulator.kernels.turn import turn

LINE = 16
"""Floats of a cache line."""


class Operand(NamedTuple):
    """Codes of one operand, flat int8: `lines` (rows of A, columns of B) over `depth`.

    Element (step, image, head, line, depth) sits at the dot product with `strides` (5,), of which that of lines or that of the
    depth is one; `emitted` is the value by code, (2n+1,).
    """

    code: NDArray[np.int8]
    emitted: NDArray[Any]
    strides: NDArray[np.int64]
    lines: int
    depth: int


class ProductShape(NamedTuple):
    """`blocks` heads of all images, `heads` an image; `telescoping`: the law of sums, which emits the increment as it is.

    `strides` (4,) of the flat output are those of step, image, head and row; a row's columns lie side by side.
    """

    blocks: int
    heads: int
    strides: NDArray[np.int64]
    telescoping: bool


class ProductCounts(NamedTuple):
    """Spikes met, a line: `a` (steps, blocks, rows), `b` (steps, blocks, columns), int32.

    `eq30`, `released`: non-zero pairs of the three terms of Eq. 18, with S(t-1) and with S(t), (steps, blocks) int64.
    """

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    eq30: NDArray[np.int64]
    released: NDArray[np.int64]


@njit(cache=True, nogil=True)
def _read_block(operand: Operand, base: int, code: Any, turned: Any) -> None:
    """Codes of one block and step, which start at `base`: code (lines, depth) and turned (depth, lines) are written."""
    lines, depth = code.shape
    over_lines, over_depth = operand.strides[3], operand.strides[4]
    if over_depth == 1:
        for line in range(lines):
            code[line] = operand.code[base + line * over_lines :][:depth]
        turn(code.reshape(-1), 0, depth, lines, depth, turned.reshape(-1), 0, lines)
    else:  # then a depth's lines lie side by side
        for d in range(depth):
            turned[d] = operand.code[base + d * over_depth :][:lines]
        turn(turned.reshape(-1), 0, lines, depth, lines, code.reshape(-1), 0, depth)


@njit(cache=True, nogil=True)
def _add_spikes(turned: Any, taken: Any, total: Any, met: Any, nonzero: Any) -> None:
    """total[d, line] += what the spike of a line at depth d is worth; counts a depth's spikes in `met`, its sums in `nonzero`.

    turned: (depth, lines) int8; taken: minus the value of a spike by code; total: (depth, padded lines).
    """
    depth, lines = turned.shape
    for d in range(depth):
        row, found = total[d, :lines], np.int32(0)
        reset_codes(turned[d], taken, row)
        for line in range(lines):
            found += np.int32(row[line] != 0)
        met[d], nonzero[d] = count_fired(turned[d]), found


@njit(cache=True, nogil=True)
def sum_rows(runs: Runs, cuts: Any, total: Any, weights: Any, out: Any) -> None:
    """out[line, :] = sum over the line's events of value * total[row, :].

    runs: of the lines, in blocks between `cuts` of the depth; total: (depth, padded columns); weights: aligned scratch for a
    block of it; out: (lines, padded columns), written.
    """
    width, flat = total.shape[1], total.reshape(-1)
    out[:] = 0
    sums = out.reshape(-1)
    for panel in range(panel_count(width, PANEL)):
        left = panel_cut(width, PANEL, panel)
        held = panel_cut(width, PANEL, panel + 1) - left
        for b in range(cuts.shape[0] - 1):
            load_block(flat, cuts[b] * width + left, width, cuts[b + 1] - cuts[b], held, weights)
            add_exact(weights, runs, b, sums[left:], width, held)


@njit(cache=True, nogil=True)
def _expect_row(first: Any, second: Any, total: Any, out: Any, clock: Any) -> None:
    now, previous = clock[0], clock[1]
    for column in range(total.shape[0]):
        before = total[column]
        after = before + (first[column] + second[column])
        total[column] = after
        out[column] = after * now - before * previous


@njit(cache=True, nogil=True)
def _emit_row(first: Any, second: Any, out: Any) -> None:
    for column in range(out.shape[0]):
        out[column] = first[column] + second[column]


@njit(cache=True, nogil=True)
def _emit(first: Any, second: Any, total: Any, out: Any, stride: int, clock: Any, telescoping: bool) -> None:
    """S_K += first + second^T; O = S_K(t)/t - S_K(t-1)/(t-1), or first + second^T as it is.

    first: (rows, padded columns); second: (columns, padded rows); total: (rows, columns), updated, or empty; out: flat, a row
    every `stride`; clock: 1/t, 1/(t-1) or 0.
    """
    rows, columns = first.shape[0], second.shape[0]
    turned = np.empty((LINE, columns), first.dtype)
    for top in range(0, rows, LINE):
        bottom = min(rows, top + LINE)
        for column in range(columns):
            read = second[column, top:bottom]
            for row in range(read.shape[0]):
                turned[row, column] = read[row]
        for row in range(top, bottom):
            target = out[row * stride :][:columns]
            if telescoping:
                _emit_row(first[row, :columns], turned[row - top], target)
            else:
                _expect_row(first[row], turned[row - top], total[row], target, clock)


@njit(cache=True, nogil=True)
def _multiply_block(
    a: Operand, b: Operand, shape: ProductShape, clock: Any, out: Any, counts: ProductCounts, scratch: Any, block: int
) -> None:
    """One head of one image, from the first step to the last."""
    met_a, met_b, eq30, released = counts.a, counts.b, counts.eq30, counts.released
    rows, columns, depth = a.lines, b.lines, a.depth
    image, head, longest = block // shape.heads, block % shape.heads, longest_block(out.itemsize)
    cuts, _ = block_cuts(np.array([0, depth]), longest)
    taken_a, taken_b = -a.emitted, -b.emitted
    code_a, turned_a, used = _carve_codes(a, scratch, 0)
    code_b, turned_b, used = _carve_codes(b, scratch, used)
    runs_a, used = carve_runs(scratch, used, rows, depth, cuts, out)
    runs_b, used = carve_runs(scratch, used, columns, depth, cuts, out)
    sum_a, used = _carve_zeros(scratch, used, (depth, padded(rows)), out)
    sum_b, used = _carve_zeros(scratch, used, (depth, padded(columns)), out)
    sum_k, used = _carve_zeros(scratch, used, (0 if shape.telescoping else rows, columns), out)
    first, used = _carve_zeros(scratch, used, (rows, padded(columns)), out)
    second, used = _carve_zeros(scratch, used, (columns, padded(rows)), out)
    weights, used = carve(scratch, used, longest * PANEL, out)
    events_a, events_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    before_a, before_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    after_a, after_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
    for t in range(clock.shape[0]):
        _read_block(a, t * a.strides[0] + image * a.strides[1] + head * a.strides[2], code_a, turned_a)
        _read_block(b, t * b.strides[0] + image * b.strides[1] + head * b.strides[2], code_b, turned_b)
        list_runs(code_a, cuts, ALL, a.emitted, runs_a)
        _add_spikes(turned_b, taken_b, sum_b, events_b, after_b)
        sum_rows(runs_a, cuts, sum_b, weights, first)
        if t > 0:  # S_A(0) is zero: the second pass has nothing to add
            list_runs(code_b, cuts, ALL, b.emitted, runs_b)
            sum_rows(runs_b, cuts, sum_a, weights, second)
        _add_spikes(turned_a, taken_a, sum_a, events_a, after_a)
        for d in range(depth):
            both = events_a[d] * events_b[d]
            eq30[t, block] += both + events_a[d] * before_b[d] + before_a[d] * events_b[d]
            released[t, block] += both + events_a[d] * after_b[d] + after_a[d] * events_b[d]
            before_a[d], before_b[d] = after_a[d], after_b[d]
        for line in range(rows):
            met_a[t, block, line] = count_fired(code_a[line])
        for line in range(columns):
            met_b[t, block, line] = count_fired(code_b[line])
        at = t * shape.strides[0] + image * shape.strides[1] + head * shape.strides[2]
        _emit(first, second, sum_k, out[at:], shape.strides[3], clock[t], shape.telescoping)


@njit(cache=True, nogil=True)
def _carve_codes(operand: Operand, scratch: Any, used: int) -> Any:
    """Room for the codes of one block and step, line by line and turned, and the bytes used then."""
    lines, depth = operand.lines, operand.depth
    code, used = carve(scratch, used, lines * depth, operand.code)
    turned, used = carve(scratch, used, lines * depth, operand.code)
    return code.reshape(lines, depth), turned.reshape(depth, lines), used


@njit(cache=True, nogil=True)
def _carve_zeros(scratch: Any, used: int, shape: Any, like: Any) -> Any:
    zeros, used = carve(scratch, used, shape[0] * shape[1], like)
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

    clock: (steps, 2), 1/t and 1/(t-1) (0 at first) in the run's floating type; out: flat, written; counts: written; scratch comes
    from an allocator like `numpy.empty`.
    """
    size, rows, columns, depth = out.itemsize, a.lines, b.lines, a.depth
    blocks, wide, tall = -(-depth // longest_block(size)), int(padded(columns)), int(padded(rows))
    codes = carved_bytes(*[rows * depth, columns * depth] * 2)
    lists = run_bytes(rows, depth, blocks, size) + run_bytes(columns, depth, blocks, size)
    sums = carved_bytes(depth * tall * size, depth * wide * size, rows * columns * size)
    passes = carved_bytes(rows * wide * size, columns * tall * size, BLOCK_BYTES)
    chunks = min(shape.blocks, get_num_threads())
    _multiply(a, b, shape, clock, out, counts, empty((chunks, codes + lists + sums + passes), np.uint8))


@njit(cache=True, nogil=True, parallel=True)
def _multiply(a: Operand, b: Operand, shape: ProductShape, clock: Any, out: Any, counts: ProductCounts, scratch: Any) -> None:
    """Heads in as many runs as there is scratch for, (runs, bytes) uint8."""
    runs = scratch.shape[0]
    for run in prange(runs):
        for block in range(run * shape.blocks // runs, (run + 1) * shape.blocks // runs):
            _multiply_block(a, b, shape, clock, out, counts, scratch[run], block)
