"""EC units: accumulate the input, apply F to its mean, emit the increment of the expectation (Eq. 15), row by row.

A row is one token (LayerNorm, activations) or one query of one head (softmax).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from conversion.graph.nodes import ECFunction
from simulator.kernels.functions import erf, exp

FUNCTIONS: dict[ECFunction, int] = {
    "layer_norm": 0,
    "softmax": 1,
    "gelu": 2,
    "gelu_tanh": 3,
    "quick_gelu": 4,
    "silu": 5,
    "relu": 6,
    "sigmoid": 7,
    "tanh": 8,
}


ROWS_AT_ONCE = 8
"""Rows that go through a function together."""


class UnitConstants(NamedTuple):
    """What an EC unit evaluates, in the run's floating type.

    `scalars`: [input scale, eps, 1/width, gain, a, b, zero, half, one, two], where gain is 1.702 (quick GELU) or 1, a and b the
    constants of GELU (sqrt(1/2)) or its tanh form. `weight`, `bias`: (width,) of a LayerNorm. `map_bias`: (rows an image, width)
    of a biased softmax, else empty.
    """

    function: int
    scalars: NDArray[Any]
    weight: NDArray[Any]
    bias: NDArray[Any]
    map_bias: NDArray[Any]


def make_constants(
    function: ECFunction, input_scale: float, eps: float, width: int, dtype: np.dtype[Any], arrays: dict[str, NDArray[Any]]
) -> UnitConstants:
    """Constants of one EC unit, rounded as the dense reference rounds them. `arrays` may hold weight, bias and map_bias."""
    slope = np.sqrt(2 / np.pi)
    first, second = (slope, 0.044715 * slope) if function == "gelu_tanh" else (np.sqrt(0.5), 0.0)
    gain = 1.702 if function == "quick_gelu" else 1.0
    scalars = np.array([input_scale, eps, 1.0 / width, gain, first, second, 0.0, 0.5, 1.0, 2.0], dtype)
    empty = np.zeros(0, dtype)
    return UnitConstants(
        FUNCTIONS[function],
        scalars,
        np.ascontiguousarray(arrays.get("weight", empty), dtype),
        np.ascontiguousarray(arrays.get("bias", empty), dtype),
        np.ascontiguousarray(arrays.get("map_bias", empty.reshape(0, 0)), dtype),
    )


@njit(cache=True, nogil=True)
def _sums(x: Any, squared: bool, out: Any) -> None:
    """Sums of rows, or of their squares, first channel to last. Four rows side by side: an addition waits for the one before."""
    rows, width = x.shape
    four = rows // 4 * 4
    for r in range(0, four, 4):
        a = b = c = d = out.dtype.type(0)
        for i in range(width):
            a += x[r, i] * x[r, i] if squared else x[r, i]
            b += x[r + 1, i] * x[r + 1, i] if squared else x[r + 1, i]
            c += x[r + 2, i] * x[r + 2, i] if squared else x[r + 2, i]
            d += x[r + 3, i] * x[r + 3, i] if squared else x[r + 3, i]
        out[r], out[r + 1], out[r + 2], out[r + 3] = a, b, c, d
    for r in range(four, rows):
        a = out.dtype.type(0)
        for i in range(width):
            a += x[r, i] * x[r, i] if squared else x[r, i]
        out[r] = a


@njit(cache=True, nogil=True)
def _largest(x: Any, out: Any) -> None:
    """The largest of each row, four rows side by side."""
    rows, width = x.shape
    four = rows // 4 * 4
    for r in range(0, four, 4):
        a, b, c, d = x[r, 0], x[r + 1, 0], x[r + 2, 0], x[r + 3, 0]
        for i in range(1, width):
            a = x[r, i] if x[r, i] > a else a
            b = x[r + 1, i] if x[r + 1, i] > b else b
            c = x[r + 2, i] if x[r + 2, i] > c else c
            d = x[r + 3, i] if x[r + 3, i] > d else d
        out[r], out[r + 1], out[r + 2], out[r + 3] = a, b, c, d
    for r in range(four, rows):
        a = x[r, 0]
        for i in range(1, width):
            a = x[r, i] if x[r, i] > a else a
        out[r] = a


@njit(cache=True, nogil=True, error_model="numpy")
def _layer_norm(x: Any, constants: UnitConstants, sums: Any) -> None:
    inverse_width, eps = constants.scalars[2], constants.scalars[1]
    _sums(x, False, sums)
    for r in range(x.shape[0]):
        row, mean = x[r], sums[r] * inverse_width
        for c in range(row.shape[0]):
            row[c] -= mean
    _sums(x, True, sums)
    for r in range(x.shape[0]):
        row, inverse = x[r], constants.scalars[8] / np.sqrt(sums[r] * inverse_width + eps)
        for c in range(row.shape[0]):
            row[c] = (row[c] * inverse) * constants.weight[c] + constants.bias[c]


@njit(cache=True, nogil=True, error_model="numpy")
def _softmax(x: Any, sums: Any) -> None:
    _largest(x, sums)
    for r in range(x.shape[0]):
        row, largest = x[r], sums[r]
        for c in range(row.shape[0]):
            row[c] = exp(row[c] - largest)
    _sums(x, False, sums)
    for r in range(x.shape[0]):
        row, total = x[r], sums[r]
        inverse = (total / total) / total
        for c in range(row.shape[0]):
            row[c] *= inverse


@njit(cache=True, nogil=True, error_model="numpy")
def _activation(x: Any, function: int, s: Any) -> None:
    width = x.shape[0]
    gain, a, b, zero, half, one, two = s[3], s[4], s[5], s[6], s[7], s[8], s[9]
    if function == 2:
        for c in range(width):
            x[c] = (x[c] * half) * (one + erf(x[c] * a))
    elif function == 3:
        for c in range(width):
            inner = x[c] * (a + (x[c] * x[c]) * b)
            tangent = two * (one / (one + exp(-(two * inner)))) - one
            x[c] = (x[c] * half) * (one + tangent)
    elif function == 4 or function == 5:
        for c in range(width):
            x[c] = x[c] * (one / (one + exp(-(x[c] * gain))))
    elif function == 6:
        for c in range(width):
            x[c] = x[c] if x[c] > zero else zero
    elif function == 7:
        for c in range(width):
            x[c] = one / (one + exp(-x[c]))
    else:
        for c in range(width):
            x[c] = two * (one / (one + exp(-(two * x[c])))) - one


@njit(cache=True, nogil=True, error_model="numpy")
def _mean(read: Any, r: int, total: Any, inverse_t: Any, constants: UnitConstants, mean: Any) -> None:
    """Add what row r reads to its total; its mean, scaled and biased, is what F is applied to."""
    width, scale, bias_rows = total.shape[0], constants.scalars[0], constants.map_bias.shape[0]
    for c in range(width):
        total[c] += read[c]
        mean[c] = total[c] * inverse_t
    if scale != constants.scalars[8]:
        for c in range(width):
            mean[c] *= scale
    if bias_rows > 0:
        bias = constants.map_bias[r % bias_rows]
        for c in range(width):
            mean[c] += bias[c]


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def expect(x: Any, start: int, total: Any, last: Any, out: Any, constants: UnitConstants, clock: Any) -> None:
    """An EC unit, all steps of a row before the next.

    x: (steps * rows, row width), channels start : start+width are the input; total, last: (rows, width), updated; out: (steps *
    rows, width), written; clock: (steps, 2), 1/t and t of each step in the run's floating type.
    """
    rows, width = total.shape
    groups = -(-rows // ROWS_AT_ONCE)
    for group in prange(groups):
        top, bottom = group * ROWS_AT_ONCE, min(rows, (group + 1) * ROWS_AT_ONCE)
        sums = np.empty(bottom - top, total.dtype)
        for t in range(clock.shape[0]):
            at, now = t * rows, clock[t, 1]
            for r in range(top, bottom):
                _mean(x[at + r, start : start + width], r, total[r], clock[t, 0], constants, out[at + r])
            block = out[at + top : at + bottom]
            if constants.function == 0:
                _layer_norm(block, constants, sums)
            elif constants.function == 1:
                _softmax(block, sums)
            else:
                for r in range(bottom - top):
                    _activation(block[r], constants.function, constants.scalars)
            for r in range(top, bottom):
                value, before = out[at + r], last[r]
                for c in range(width):
                    expected = value[c] * now
                    value[c] = expected - before[c]
                    before[c] = expected
