"""Product EC units from events: S_K += A(t) S_B(t) + S_A(t-1) B(t), two passes, each a sum of rows.

Per image and head, with operands A (rows i, depth d) and B (columns j, depth d): pass one adds ``a * S_B[:, d]`` to row i of
the result for each event a of A; pass two adds ``b * S_A[:, d]`` to row j of the transposed result for each event b of B. Both
sum over d in ascending order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from simulator.kernels.machine import BLOCK_BYTES
from simulator.kernels.rows import PANEL, Runs, add_exact, aligned_empty, block_cuts, block_width, load_block

LINES_AT_ONCE = 48
"""Lines that pass over a block of running sums together: enough to pay for fetching it."""
LINE = 16
"""Floats of a cache line."""


class Operand(NamedTuple):
    """Events of one operand, regrouped: line l (one row of one head of one image) over depth.

    `depth` (lines, depth) int32 and `value` (lines, depth) hold ``spikes[l]`` events, depth ascending.
    """

    depth: NDArray[np.int32]
    value: NDArray[Any]
    spikes: NDArray[np.int32]


def empty_operand(lines: int, depth: int, dtype: np.dtype[Any]) -> Operand:
    """Room for an operand's events."""
    return Operand(np.zeros((lines, depth), np.int32), np.zeros((lines, depth), dtype), np.zeros(lines, np.int32))


@njit(cache=True, nogil=True)
def _collect(code: Any, emitted: Any, index: Any, value: Any) -> int:
    """List the events of one line; returns how many."""
    n = emitted.shape[0] // 2
    event = 0
    for d in range(code.shape[0]):
        level = np.int64(code[d]) + n
        index[event] = d
        value[event] = emitted[level]
        event += int(level != n)
    return event


@njit(cache=True, nogil=True, parallel=True)
def regroup(code: Any, emitted: Any, strides: Any, shape: Any, operand: Operand) -> None:
    """Collect events of flat int8 codes into lines: element (image, head, line, depth) sits at the dot product with `strides`.

    code: flat int8; emitted: value by code, (2n+1,); strides, shape: four int64 each.
    """
    heads, lines = shape[1], shape[2]
    spikes = operand.spikes  # a store through the tuple inside prange would be lost
    for job in prange(shape[0] * heads * lines):
        image, rest = job // (heads * lines), job % (heads * lines)
        base = image * strides[0] + (rest // lines) * strides[1] + (rest % lines) * strides[2]
        line = code[base : base + shape[3] * strides[3] : strides[3]]
        spikes[job] = _collect(line, emitted, operand.depth[job], operand.value[job])


@njit(cache=True, nogil=True, parallel=True)
def add_events(operand: Operand, total: Any) -> None:
    """total[image*head, d, line] += value for every event; total: (image*heads, depth, padded lines)."""
    blocks = total.shape[0]
    lines = operand.spikes.shape[0] // blocks
    for block in prange(blocks):
        for line in range(lines):
            job = block * lines + line
            for e in range(operand.spikes[job]):
                total[block, operand.depth[job, e], line] += operand.value[job, e]


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


@njit(cache=True, nogil=True, parallel=True)
def sum_rows(operand: Operand, total: Any, out: Any) -> Any:
    """out[line, :] = sum over events of value * total[block, d, :]; total: (blocks, depth, padded columns).

    out: (lines, padded columns), written. Returns the events met on each line, (lines,) int64; each issues an accumulate a
    column.
    """
    blocks, depth, width = total.shape
    lines = operand.spikes.shape[0] // blocks
    flat = total.reshape(-1)
    chunks = max(1, lines // LINES_AT_ONCE)
    longest = BLOCK_BYTES // (PANEL * total.itemsize)
    cuts, _ = block_cuts(np.array([0, depth]), longest)
    for job in prange(blocks * chunks):
        block, chunk = job // chunks, job % chunks
        top, bottom = block * lines + chunk * lines // chunks, block * lines + (chunk + 1) * lines // chunks
        starts = np.empty((bottom - top, cuts.shape[0]), np.int64)
        for r in range(top, bottom):
            starts[r - top, 0] = r * depth
            for b in range(1, cuts.shape[0]):
                starts[r - top, b] = r * depth + _first_from(operand.depth[r, : operand.spikes[r]], cuts[b])
        runs = Runs(operand.depth, operand.value, starts)
        rows, weights = out[top:bottom], aligned_empty(longest * PANEL, total)
        rows[:] = 0
        at = 0
        while at < width:
            step = block_width(width - at)
            for b in range(cuts.shape[0] - 1):
                load_block(flat, (block * depth + cuts[b]) * width + at, width, cuts[b + 1] - cuts[b], step, weights)
                add_exact(weights, -cuts[b] * step, step, runs, b, rows[:, at:], width, step)
            at += step
    return operand.spikes.astype(np.int64)


@njit(cache=True, nogil=True)
def _expect_row(first: Any, second: Any, total: Any, out: Any, clock: Any) -> None:
    now, previous = clock[0], clock[1]
    for column in range(total.shape[0]):
        before = total[column]
        after = before + (first[column] + second[column])
        total[column] = after
        out[column] = after * now - before * previous


@njit(cache=True, nogil=True, parallel=True)
def expect_product(first: Any, second: Any, total: Any, out: Any, strides: Any, clock: Any) -> None:
    """S_K += first + second^T; O = S_K(t)/t - S_K(t-1)/(t-1).

    first: (blocks, rows, padded columns); second: (blocks, columns, padded rows); total: (blocks, rows, columns), updated; out:
    flat, element (block // heads, block % heads, row, column) at the dot product with `strides`, of which a column's is 1;
    clock: [1/t, 1/(t-1) or 0]; the number of heads rides in ``strides[4]``.
    """
    blocks, rows, columns = total.shape
    heads = strides[4]
    bands = -(-rows // LINE)
    for job in prange(blocks * bands):
        block, top = job // bands, job % bands * LINE
        bottom = min(rows, top + LINE)
        turned = np.empty((LINE, columns), total.dtype)
        for column in range(columns):
            read = second[block, column, top : top + LINE]
            for row in range(read.shape[0]):
                turned[row, column] = read[row]
        for row in range(top, bottom):
            base = (block // heads) * strides[0] + (block % heads) * strides[1] + row * strides[2]
            _expect_row(first[block, row], turned[row - top], total[block, row], out[base : base + columns], clock)


@njit(cache=True, nogil=True, parallel=True)
def events_by_depth(operand: Operand, blocks: int, depth: int) -> Any:
    """Events of each (image*head, depth), over its lines; (blocks, depth) int64."""
    lines = operand.spikes.shape[0] // blocks
    counts = np.zeros((blocks, depth), np.int64)
    for block in prange(blocks):
        for line in range(lines):
            job = block * lines + line
            for e in range(operand.spikes[job]):
                counts[block, operand.depth[job, e]] += 1
    return counts


@njit(cache=True, nogil=True, parallel=True)
def nonzeros_by_depth(total: Any) -> Any:
    """Non-zero running sums of each (image*head, depth); total: (blocks, depth, padded lines); (blocks, depth) int64."""
    blocks, depth, width = total.shape
    counts = np.zeros((blocks, depth), np.int64)
    for block in prange(blocks):
        for d in range(depth):
            for line in range(width):
                counts[block, d] += np.int64(total[block, d, line] != 0)
    return counts
