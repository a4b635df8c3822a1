"""Product EC units from events: S_K += A(t) S_B(t) + S_A(t-1) B(t), two passes, each a sum of rows.

Per image and head, with operands A (rows i, depth d) and B (columns j, depth d): pass one adds ``a * S_B[:, d]`` to row i of
the result for each event a of A; pass two adds ``b * S_A[:, d]`` to row j of the transposed result for each event b of B. Both
sum over d in ascending order. A head's running sums stay with one thread through all steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from simulator.kernels.listing import ALL, ROOM, list_codes
from simulator.kernels.machine import BLOCK_BYTES
from simulator.kernels.rows import PANEL, Runs, add_exact, aligned_empty, block_cuts, block_width, load_block, padded

LINE = 16
"""Floats of a cache line."""


class Operand(NamedTuple):
    """Codes of one operand, flat int8: `lines` (rows of A, columns of B) over `depth`.

    Element (step, image, head, line, depth) sits at the dot product with `strides` (5,); `emitted` is the value by code, (2n+1,).
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


class Listed(NamedTuple):
    """Events of one block and step: line l's are ``row[l, :spikes[l]]`` (what of the depth they index) and `value`."""

    row: NDArray[np.int32]
    value: NDArray[Any]
    spikes: NDArray[np.int32]


@njit(cache=True, nogil=True)
def _list_block(operand: Operand, base: int, lines_code: Any, listed: Listed) -> None:
    """List the events of one block and step, whose codes start at `base`; lines_code: scratch (lines, depth) int8."""
    over_lines, over_depth = operand.strides[3], operand.strides[4]
    spikes = listed.spikes
    if over_depth != 1:
        for d in range(operand.depth):
            for line in range(operand.lines):
                lines_code[line, d] = operand.code[base + d * over_depth + line * over_lines]
    for line in range(operand.lines):
        code = operand.code[base + line * over_lines :][: operand.depth] if over_depth == 1 else lines_code[line]
        spikes[line] = list_codes(code, 0, operand.depth, ALL, operand.emitted, listed.row[line], listed.value[line], 0)


@njit(cache=True, nogil=True)
def _add_events(listed: Listed, total: Any, met: Any) -> None:
    """total[d, line] += value for every event, and count them over the lines in `met` (depth,)."""
    met[:] = 0
    for line in range(listed.spikes.shape[0]):
        for e in range(listed.spikes[line]):
            d = listed.row[line, e]
            total[d, line] += listed.value[line, e]
            met[d] += 1


@njit(cache=True, nogil=True)
def _count_nonzeros(total: Any, found: Any) -> None:
    """Non-zero running sums of each depth."""
    for d in range(total.shape[0]):
        row, nonzeros = total[d], np.int32(0)
        for line in range(row.shape[0]):
            nonzeros += np.int32(row[line] != 0)
        found[d] = nonzeros


@njit(cache=True, nogil=True)
def _first_from(ascending: Any, bound: int) -> int:
    """How many of ascending numbers lie below a bound."""
    low, high = 0, ascending.shape[0]
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < bound:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def sum_rows(listed: Listed, total: Any, weights: Any, out: Any) -> None:
    """out[line, :] = sum over the line's events of value * total[row, :].

    total: (depth, padded columns); weights: aligned scratch for a block of it; out: (lines, padded columns), written.
    """
    depth, width = total.shape
    lines = listed.spikes.shape[0]
    flat, room = total.reshape(-1), listed.row.shape[1]
    cuts, _ = block_cuts(np.array([0, depth]), weights.shape[0] // PANEL)
    starts = np.empty((lines, cuts.shape[0]), np.int64)
    for r in range(lines):
        starts[r, 0] = r * room
        starts[r, cuts.shape[0] - 1] = r * room + listed.spikes[r]
        for b in range(1, cuts.shape[0] - 1):
            starts[r, b] = r * room + _first_from(listed.row[r, : listed.spikes[r]], cuts[b])
    runs = Runs(listed.row, listed.value, starts)
    out[:] = 0
    at = 0
    while at < width:
        step = block_width(width - at)
        for b in range(cuts.shape[0] - 1):
            load_block(flat, cuts[b] * width + at, width, cuts[b + 1] - cuts[b], step, weights)
            add_exact(weights, -cuts[b] * step, step, runs, b, out[:, at:], width, step)
        at += step


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


@njit(cache=True, nogil=True, parallel=True)
def multiply(a: Operand, b: Operand, shape: ProductShape, clock: Any, out: Any, counts: ProductCounts) -> None:
    """A product unit from its first step to its last.

    clock: (steps, 2), 1/t and 1/(t-1) (0 at first) in the run's floating type; out: flat, written; counts: written.
    """
    met_a, met_b, eq30, released = counts.a, counts.b, counts.eq30, counts.released  # stores through the tuple would be lost
    rows, columns, depth = a.lines, b.lines, a.depth
    for block in prange(shape.blocks):
        image, head = block // shape.heads, block % shape.heads
        listed_a = Listed(
            np.empty((rows, depth + ROOM), np.int32), np.empty((rows, depth + ROOM), out.dtype), np.empty(rows, np.int32)
        )
        listed_b = Listed(
            np.empty((columns, depth + ROOM), np.int32), np.empty((columns, depth + ROOM), out.dtype), np.empty(columns, np.int32)
        )
        lines_code = np.empty((max(rows, columns), depth), np.int8)
        sum_a = np.zeros((depth, padded(rows)), out.dtype)
        sum_b = np.zeros((depth, padded(columns)), out.dtype)
        sum_k = np.zeros((0 if shape.telescoping else rows, columns), out.dtype)
        first = np.zeros((rows, sum_b.shape[1]), out.dtype)
        second = np.zeros((columns, sum_a.shape[1]), out.dtype)
        weights = aligned_empty(BLOCK_BYTES // (PANEL * out.itemsize) * PANEL, out)
        events_a, events_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
        before_a, before_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
        after_a, after_b = np.zeros(depth, np.int64), np.zeros(depth, np.int64)
        for t in range(clock.shape[0]):
            base_a = t * a.strides[0] + image * a.strides[1] + head * a.strides[2]
            base_b = t * b.strides[0] + image * b.strides[1] + head * b.strides[2]
            _list_block(a, base_a, lines_code, listed_a)
            _list_block(b, base_b, lines_code, listed_b)
            _add_events(listed_b, sum_b, events_b)
            sum_rows(listed_a, sum_b, weights, first)
            if t > 0:  # S_A(0) is zero: the second pass has nothing to add
                sum_rows(listed_b, sum_a, weights, second)
            _add_events(listed_a, sum_a, events_a)
            _count_nonzeros(sum_a, after_a)
            _count_nonzeros(sum_b, after_b)
            for d in range(depth):
                both = events_a[d] * events_b[d]
                eq30[t, block] += both + events_a[d] * before_b[d] + before_a[d] * events_b[d]
                released[t, block] += both + events_a[d] * after_b[d] + after_a[d] * events_b[d]
                before_a[d], before_b[d] = after_a[d], after_b[d]
            met_a[t, block] = listed_a.spikes
            met_b[t, block] = listed_b.spikes
            at = t * shape.strides[0] + image * shape.strides[1] + head * shape.strides[2]
            _emit(first, second, sum_k, out[at:], shape.strides[3], clock[t], shape.telescoping)
