"""Rows of any width from blocks: the one primitive behind synapses and products."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.kernels import blocks

fused_128, fused_64, fused_32, fused_16 = blocks.fused_128, blocks.fused_64, blocks.fused_32, blocks.fused_16
exact_128, exact_64, exact_32, exact_16 = blocks.exact_128, blocks.exact_64, blocks.exact_32, blocks.exact_16
shift_128, shift_64, shift_32, shift_16 = blocks.shift_128, blocks.shift_64, blocks.shift_32, blocks.shift_16

LANE = 16
"""Widths that these functions take are multiples of it."""


def padded(width: int) -> int:
    """`width` rounded up to whole lanes."""
    return -(-width // LANE) * LANE


@njit(cache=True, nogil=True)
def fused_rows(matrix: Any, base: int, stride: int, index: Any, value: Any, first: int, last: int, out: Any, width: int) -> None:
    """``out[:width] = sum of value[e] * matrix[base + index[e]*stride :][:width]``, fused multiply-add, e ascending.

    matrix: flat floats; index: int32; value: floats; width: a multiple of 16.
    """
    at = 0
    while at < width:
        if width - at >= 128:
            fused_128(matrix, base + at, stride, index, value, first, last, out, at)
            at += 128
        elif width - at >= 64:
            fused_64(matrix, base + at, stride, index, value, first, last, out, at)
            at += 64
        elif width - at >= 32:
            fused_32(matrix, base + at, stride, index, value, first, last, out, at)
            at += 32
        else:
            fused_16(matrix, base + at, stride, index, value, first, last, out, at)
            at += 16


@njit(cache=True, nogil=True)
def exact_rows(matrix: Any, base: int, stride: int, index: Any, value: Any, first: int, last: int, out: Any, width: int) -> None:
    """As `fused_rows`, product and sum rounded apart: what plain NumPy computes in the same order, to the last bit."""
    at = 0
    while at < width:
        if width - at >= 128:
            exact_128(matrix, base + at, stride, index, value, first, last, out, at)
            at += 128
        elif width - at >= 64:
            exact_64(matrix, base + at, stride, index, value, first, last, out, at)
            at += 64
        elif width - at >= 32:
            exact_32(matrix, base + at, stride, index, value, first, last, out, at)
            at += 32
        else:
            exact_16(matrix, base + at, stride, index, value, first, last, out, at)
            at += 16


@njit(cache=True, nogil=True)
def shift_rows(matrix: Any, base: int, stride: int, index: Any, shift: Any, first: int, last: int, out: Any, width: int) -> None:
    """``out[:width] = sum of matrix[base + index[e]*stride :][:width] << shift[e]``: int8 weights, int32 sums, int32 shifts."""
    at = 0
    while at < width:
        if width - at >= 128:
            shift_128(matrix, base + at, stride, index, shift, first, last, out, at)
            at += 128
        elif width - at >= 64:
            shift_64(matrix, base + at, stride, index, shift, first, last, out, at)
            at += 64
        elif width - at >= 32:
            shift_32(matrix, base + at, stride, index, shift, first, last, out, at)
            at += 32
        else:
            shift_16(matrix, base + at, stride, index, shift, first, last, out, at)
            at += 16


def pad_columns(matrix: NDArray[Any]) -> NDArray[Any]:
    """The matrix with zero columns appended up to whole lanes, C-contiguous."""
    extra = padded(matrix.shape[1]) - matrix.shape[1]
    return np.ascontiguousarray(np.pad(matrix, ((0, 0), (0, extra))))
