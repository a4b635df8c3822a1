"""EC units: accumulate the input, apply F to its mean, emit the increment of the expectation (Eq. 15), row by row.

A row is one token (LayerNorm, activations) or one query of one head (softmax).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from synaptile.conversion.graph.units import ECFunction
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels.columns import largest_column, subtract_columns, sum_columns, sum_squares
from synaptile.simulator.kernels.functions import erf, exp
from synaptile.simulator.kernels.listing import COMPILED
from synaptile.simulator.kernels.turn import SIDE, turn

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
SUMMED = 2
"""Functions below this number sum over their row."""
ROWS_AT_ONCE = 4
"""Rows that go through an activation together, through all steps; of those that are summed, LayerNorm and softmax, SIDE do."""


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


@uncounted(error_model="numpy")
def _layer_norm(x: Any, constants: UnitConstants, factor: Any, turned: Any) -> None:
    (rows, width), inverse_width, eps = x.shape, constants.scalars[2], constants.scalars[1]
    if COMPILED:
        flat = x.reshape(-1)
        turn(flat, 0, width, rows, width, turned, 0, SIDE)
        sum_columns(turned, width, factor)
        for r in range(SIDE):
            factor[r] *= inverse_width
        subtract_columns(turned, width, factor)
        sum_squares(turned, width, factor)
        turn(turned, 0, SIDE, width, rows, flat, 0, width)
    else:
        for r in range(rows):
            mean = squares = x.dtype.type(0)
            for c in range(width):
                mean += x[r, c]
            mean *= inverse_width
            for c in range(width):
                x[r, c] -= mean
                squares += x[r, c] * x[r, c]
            factor[r] = squares
    for r in range(rows):
        row, inverse = x[r], constants.scalars[8] / np.sqrt(factor[r] * inverse_width + eps)
        for c in range(width):
            row[c] = (row[c] * inverse) * constants.weight[c] + constants.bias[c]
        factor[r] = constants.scalars[8]


@uncounted(error_model="numpy")
def _softmax(x: Any, factor: Any, turned: Any) -> None:
    """Exponentials of each row, and the factor that makes their sum one."""
    rows, width = x.shape
    if COMPILED:
        flat = x.reshape(-1)
        turn(flat, 0, width, rows, width, turned, 0, SIDE)
        largest_column(turned, width, factor)
        subtract_columns(turned, width, factor)
        for i in range(SIDE * width):
            turned[i] = exp(turned[i])
        sum_columns(turned, width, factor)
        turn(turned, 0, SIDE, width, rows, flat, 0, width)
    else:
        for r in range(rows):
            largest, total = x[r, 0], x.dtype.type(0)
            for c in range(1, width):
                largest = x[r, c] if x[r, c] > largest else largest
            for c in range(width):
                x[r, c] = exp(x[r, c] - largest)
                total += x[r, c]
            factor[r] = total
    for r in range(rows):
        factor[r] = (factor[r] / factor[r]) / factor[r]


@uncounted(error_model="numpy")
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


@uncounted(error_model="numpy")
def _mean(read: Any, r: int, total: Any, inverse_t: Any, constants: UnitConstants, mean: Any) -> None:
    """Add what row r reads to its total; its mean, scaled and biased, is what F is applied to."""
    width, scale, bias_rows = total.shape[0], constants.scalars[0], constants.map_bias.shape[0]
    for c in range(width):
        total[c] += read[c]
        mean[c] = (total[c] * inverse_t) * scale
    if bias_rows > 0:
        bias = constants.map_bias[r % bias_rows]
        for c in range(width):
            mean[c] += bias[c]


@uncounted(error_model="numpy")
def _expect_rows(x: Any, start: int, out: Any, constants: UnitConstants, clock: Any, top: int, state: Any, turned: Any) -> None:
    """Rows from `top` on, as many as `state`, (2, rows, width), holds: their totals, and what was expected a step before.

    turned: scratch for SIDE rows, lanes without a row are zero, and a factor each.
    """
    total, last, function = state[0], state[1], constants.function
    (count, width), rows = total.shape, out.shape[0] // clock.shape[0]
    factor = turned[SIDE * width :]
    if function < SUMMED and count < SIDE:
        for i in range(turned.shape[0]):
            turned[i] = 0
    for r in range(count):
        for c in range(width):
            total[r, c] = last[r, c] = 0
    for t in range(clock.shape[0]):
        at, now = t * rows + top, clock[t, 1]
        for r in range(count):
            _mean(x[at + r, start : start + width], top + r, total[r], clock[t, 0], constants, out[at + r])
        block = out[at : at + count]
        if function == 0:
            _layer_norm(block, constants, factor, turned)
        elif function == 1:
            _softmax(block, factor, turned)
        else:
            _activation(block.reshape(-1), function, constants.scalars)
            for r in range(count):
                factor[r] = constants.scalars[8]
        for r in range(count):
            value, before, times = block[r], last[r], factor[r]
            for c in range(width):
                expected = (value[c] * times) * now
                value[c] = expected - before[c]
                before[c] = expected


@njit(cache=True, nogil=True, parallel=True)
def expect(x: Any, start: int, out: Any, constants: UnitConstants, clock: Any) -> None:
    """An EC unit, all steps of a row before the next.

    x: (steps * rows, row width), channels start : start+width are the input; out: (steps * rows, width), written; clock: (steps,
    2), 1/t and t of each step in the run's floating type.
    """
    rows, width = out.shape[0] // clock.shape[0], out.shape[1]
    together = SIDE if constants.function < SUMMED else ROWS_AT_ONCE
    for group in prange(-(-rows // together)):
        top = group * together
        state = np.empty((2, min(together, rows - top), width), out.dtype)
        _expect_rows(x, start, out, constants, clock, top, state, np.empty(SIDE * (width + 1), out.dtype))
