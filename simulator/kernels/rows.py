"""Rows of any width from blocks: the one primitive behind synapses and products."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.kernels import blocks, machine

fused_64, fused_32, fused_16 = blocks.fused_64, blocks.fused_32, blocks.fused_16
exact_64, exact_32, exact_16 = blocks.exact_64, blocks.exact_32, blocks.exact_16
whole_64, whole_32, whole_16 = blocks.whole_64, blocks.whole_32, blocks.whole_16

PANEL = machine.PANEL
VECTOR_BYTES = blocks.VECTOR_BYTES
LANE = 16
"""Widths that these functions take are multiples of it."""


class Runs(NamedTuple):
    """Events of several lines (tokens, say), cut into blocks of what they index.

    Line r's events of block b are ``starts[r, b] : starts[r, b+1]`` of `row` (int32, what they index) and `value` (floats),
    both taken flat.
    """

    row: NDArray[np.int32]
    value: NDArray[Any]
    starts: NDArray[np.int64]


@njit(cache=True, nogil=True)
def padded(width: int) -> int:
    """`width` rounded up to whole lanes."""
    return -(-width // LANE) * LANE


@njit(cache=True, nogil=True)
def block_width(width: int) -> int:
    """Columns of the next block of a run of `width` columns, a multiple of 16."""
    if width >= PANEL:
        return PANEL
    return 32 if width >= 32 else LANE


@njit(cache=True, nogil=True)
def add_fused(matrix: Any, base: int, stride: int, runs: Runs, block: int, out: Any, line: int, width: int) -> None:
    """Each line's run of a block: ``out[r*line :][:width] += sum of value[e] * matrix[base + row[e]*stride :][:width]``.

    Events in ascending order. matrix, out: of floats, taken flat; width: 64, 32 or 16. Product and sum are rounded once.
    """
    index, value, starts = runs.row, runs.value, runs.starts
    if width == 64:
        for r in range(starts.shape[0]):
            fused_64(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    elif width == 32:
        for r in range(starts.shape[0]):
            fused_32(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    else:
        for r in range(starts.shape[0]):
            fused_16(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)


@njit(cache=True, nogil=True)
def add_exact(matrix: Any, base: int, stride: int, runs: Runs, block: int, out: Any, line: int, width: int) -> None:
    """As `add_fused`, product and sum rounded apart: what plain NumPy computes in the same order, to the last bit."""
    index, value, starts = runs.row, runs.value, runs.starts
    if width == 64:
        for r in range(starts.shape[0]):
            exact_64(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    elif width == 32:
        for r in range(starts.shape[0]):
            exact_32(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    else:
        for r in range(starts.shape[0]):
            exact_16(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)


@njit(cache=True, nogil=True)
def add_whole(matrix: Any, base: int, stride: int, runs: Runs, block: int, out: Any, line: int, width: int) -> None:
    """As `add_fused` for whole numbers held in float32: summed from zero, then added to the int32 `out`.

    Exact in any order as long as no partial sum passes 2^24.
    """
    index, value, starts = runs.row, runs.value, runs.starts
    if width == 64:
        for r in range(starts.shape[0]):
            whole_64(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    elif width == 32:
        for r in range(starts.shape[0]):
            whole_32(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)
    else:
        for r in range(starts.shape[0]):
            whole_16(matrix, base, stride, index, value, starts[r, block], starts[r, block + 1], out, r * line)


@njit(cache=True, nogil=True)
def aligned_empty(size: int, like: Any) -> Any:
    """Flat scratch of the dtype of `like` that starts on a cache line: a vector that straddles two lines costs two loads."""
    room = np.empty(size + VECTOR_BYTES // like.itemsize, like.dtype)
    skip = (-np.int64(room.ctypes.data) % VECTOR_BYTES) // like.itemsize
    return room[skip : skip + size]


@njit(cache=True, nogil=True)
def block_cuts(bounds: Any, rows: int) -> Any:
    """Rows at which blocks start, and each group's first block.

    Every group of rows, between `bounds`, is cut evenly into blocks of at most `rows`.
    """
    groups = bounds.shape[0] - 1
    first = np.zeros(groups + 1, np.int64)
    for g in range(groups):
        first[g + 1] = first[g] - (bounds[g] - bounds[g + 1]) // rows
    cuts = np.zeros(first[groups] + 1, np.int64)
    for g in range(groups):
        blocks, size = first[g + 1] - first[g], bounds[g + 1] - bounds[g]
        for b in range(blocks):
            cuts[first[g] + b] = bounds[g] + b * size // blocks
    cuts[first[groups]] = bounds[groups]
    return cuts, first


@njit(cache=True, nogil=True)
def load_block(matrix: Any, base: int, stride: int, rows: int, width: int, block: Any) -> None:
    """Copy a block of a flat matrix to the first-level cache, as floats: its rows then start on whole cache lines."""
    if stride == width:
        rows, width = 1, rows * width
    for row in range(rows):
        source, target = matrix[base + row * stride :][:width], block[row * width : (row + 1) * width]
        for i in range(width):
            target[i] = source[i]
