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

from simulator.kernels.rows import exact_rows


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
def _collect(code: Any, base: int, stride: int, emitted: Any, index: Any, value: Any) -> int:
    """List the events of one line; returns how many."""
    n = emitted.shape[0] // 2
    event = 0
    for d in range(index.shape[0]):
        spike = code[base + d * stride]
        index[event] = d
        value[event] = emitted[n + spike]
        event += 1 if spike != 0 else 0
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
        spikes[job] = _collect(code, base, strides[3], emitted, operand.depth[job], operand.value[job])


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


@njit(cache=True, nogil=True, parallel=True)
def sum_rows(operand: Operand, total: Any, out: Any) -> Any:
    """out[line, :] = sum over events of value * total[block, d, :]; total: (blocks, depth, padded columns).

    out: (lines, padded columns), written. Returns the events met on each line, (lines,) int64; each issues an accumulate a
    column.
    """
    blocks, depth, width = total.shape
    lines = operand.spikes.shape[0] // blocks
    flat = total.reshape(-1)
    met = np.zeros(operand.spikes.shape[0], np.int64)
    for job in prange(operand.spikes.shape[0]):
        base = (job // lines) * depth * width
        exact_rows(flat, base, width, operand.depth[job], operand.value[job], 0, operand.spikes[job], out[job], width)
        met[job] = operand.spikes[job]
    return met


@njit(cache=True, nogil=True, parallel=True)
def expect_product(first: Any, second: Any, total: Any, out: Any, strides: Any, clock: Any) -> None:
    """S_K += first + second^T; O = S_K(t)/t - S_K(t-1)/(t-1).

    first: (blocks, rows, padded columns); second: (blocks, columns, padded rows); total: (blocks, rows, columns), updated; out:
    flat, element (block // heads, block % heads, row, column) at the dot product with `strides`; clock: [1/t, 1/(t-1) or 0] and
    the number of heads rides in ``strides[4]``.
    """
    blocks, rows, columns = total.shape
    heads = strides[4]
    for job in prange(blocks * rows):
        block, row = job // rows, job % rows
        base = (block // heads) * strides[0] + (block % heads) * strides[1] + row * strides[2]
        for column in range(columns):
            before = total[block, row, column]
            after = before + (first[block, row, column] + second[block, column, row])
            total[block, row, column] = after
            out[base + column * strides[3]] = after * clock[0] - before * clock[1]


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
