"""EC units: accumulate the input, apply F to its mean, emit the increment of the expectation (Eq. 15), row by row.

A row is one token (LayerNorm, activations) or one query of one head (softmax).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.conversion.graph.node import Law
from synaptile.conversion.graph.units import ECFunction
from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import centre_rows, exponentiate_rows
from synaptile.simulator.kernels.functions import erf, exp
from synaptile.simulator.kernels.machine import LANES

ROWS_AT_ONCE = 4
"""Rows that go through an activation together, through all steps; of those that are summed, LayerNorm and softmax, LANES do."""


class Function(IntEnum):
    """Functions of EC units, as `ECFunction` names them; norms and SOFTMAX sum over their row."""

    LAYER_NORM = 0
    SOFTMAX = 1
    GELU = 2
    GELU_TANH = 3
    QUICK_GELU = 4
    SILU = 5
    RELU = 6
    SIGMOID = 7
    TANH = 8
    RMS_NORM = 9
    RELU6 = 10
    HARD_SIGMOID = 11
    HARD_SWISH = 12


class UnitConstants(NamedTuple):
    """What an EC unit evaluates, numbers in the run's floating type.

    `function` is the number of a Function: members of an enumeration are slow to hand to a kernel. `gain` is 1.702 (quick GELU)
    or 1, `a` and `b` the constants of GELU (sqrt(1/2)) or its tanh form. `weight`, `bias`: (width,) of a norm, or
    (sets * width,), which rows take in turn. `map_bias`:
    (rows per image, width) of a biased softmax, else empty.
    """

    function: int
    input_scale: Any
    eps: Any
    inverse_width: Any
    gain: Any
    a: Any
    b: Any
    weight: NDArray[Any]
    bias: NDArray[Any]
    map_bias: NDArray[Any]


def make_constants(
    function: ECFunction, input_scale: float, eps: float, width: int, dtype: np.dtype[Any], arrays: dict[str, NDArray[Any]]
) -> UnitConstants:
    """Constants of one EC unit, rounded as the dense reference rounds them. `arrays` may hold weight, bias and map_bias."""
    slope = np.sqrt(2 / np.pi)
    a, b = (slope, 0.044715 * slope) if function == "gelu_tanh" else (np.sqrt(0.5), 0.0)
    gain = 1.702 if function == "quick_gelu" else 1.0
    empty = np.zeros(0, dtype)
    real = dtype.type
    return UnitConstants(
        function=int(Function[function.upper()]),
        input_scale=real(input_scale),
        eps=real(eps),
        inverse_width=real(1.0 / width),
        gain=real(gain),
        a=real(a),
        b=real(b),
        weight=np.ascontiguousarray(arrays.get("weight", empty), dtype),
        bias=np.ascontiguousarray(arrays.get("bias", empty), dtype),
        map_bias=np.ascontiguousarray(arrays.get("map_bias", empty.reshape(0, 0)), dtype),
    )


def make_clock(law: Law, steps: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """What a law multiplies with at each step, (steps, 4): the input, its sum, F of that, and the change of F.

    Those of 1 change nothing, to the last bit.
    """
    ticks = np.ones((steps, 4))
    t = np.arange(1, steps + 1)
    if law == "mean":
        ticks[:, 1], ticks[:, 2] = 1.0 / t, t
    elif law == "difference":
        ticks[:, 0], ticks[:, 3] = 1.0 / t, t
    return ticks.astype(dtype)


@uncounted(error_model="numpy")
def _layer_norm(x: Any, top: int, constants: UnitConstants, factor: Any, scratch: Any) -> None:
    """Rows from `top` on centred, over their deviation, times weight, plus bias; factor: (rows,) or more, 1 afterwards."""
    (rows, width), one = x.shape, x.dtype.type(1)
    centre_rows(x, constants.inverse_width, factor, scratch)
    for r in range(rows):
        row, inverse = x[r], one / np.sqrt(factor[r] * constants.inverse_width + constants.eps)
        own = (top + r) * width % constants.weight.shape[0]
        weight, bias = constants.weight[own : own + width], constants.bias[own : own + width]
        for c in range(width):
            row[c] = (row[c] * inverse) * weight[c] + bias[c]
        factor[r] = one


@uncounted(error_model="numpy")
def _rms_norm(x: Any, top: int, constants: UnitConstants, factor: Any) -> None:
    """Rows from `top` on over the root of their mean square, times weight; factor: (rows,) or more, 1 afterwards."""
    (rows, width), one = x.shape, x.dtype.type(1)
    for r in range(rows):
        row, total = x[r], x.dtype.type(0)
        for c in range(width):
            total += row[c] * row[c]
        inverse = one / np.sqrt(total * constants.inverse_width + constants.eps)
        own = (top + r) * width % constants.weight.shape[0]
        weight = constants.weight[own : own + width]
        for c in range(width):
            row[c] = (row[c] * inverse) * weight[c]
        factor[r] = one


@uncounted(error_model="numpy")
def _softmax(x: Any, factor: Any, scratch: Any) -> None:
    """Exponentials of each row, and the factor that makes their sum one."""
    exponentiate_rows(x, factor, scratch)
    for r in range(x.shape[0]):
        factor[r] = x.dtype.type(1) / factor[r]


@uncounted(error_model="numpy")
def _activation(x: Any, constants: UnitConstants) -> None:
    """F of each number of `x`, flat."""
    function, gain, a, b = constants.function, constants.gain, constants.a, constants.b
    zero, half, one, two = x.dtype.type(0), x.dtype.type(0.5), x.dtype.type(1), x.dtype.type(2)
    three, six, sixth = x.dtype.type(3), x.dtype.type(6), x.dtype.type(1 / 6)
    if function == Function.GELU:
        for c in range(x.shape[0]):
            x[c] = (x[c] * half) * (one + erf(x[c] * a))
    elif function == Function.GELU_TANH:
        for c in range(x.shape[0]):
            inner = x[c] * (a + (x[c] * x[c]) * b)
            tangent = two * (one / (one + exp(-(two * inner)))) - one
            x[c] = (x[c] * half) * (one + tangent)
    elif function == Function.QUICK_GELU or function == Function.SILU:
        for c in range(x.shape[0]):
            x[c] = x[c] * (one / (one + exp(-(x[c] * gain))))
    elif function == Function.RELU:
        for c in range(x.shape[0]):
            x[c] = x[c] if x[c] > zero else zero
    elif function == Function.RELU6:
        for c in range(x.shape[0]):
            x[c] = min(max(x[c], zero), six)
    elif function == Function.HARD_SIGMOID:
        for c in range(x.shape[0]):
            x[c] = min(max(x[c] + three, zero), six) * sixth
    elif function == Function.HARD_SWISH:
        for c in range(x.shape[0]):
            x[c] = x[c] * (min(max(x[c] + three, zero), six) * sixth)
    elif function == Function.SIGMOID:
        for c in range(x.shape[0]):
            x[c] = one / (one + exp(-x[c]))
    else:
        for c in range(x.shape[0]):
            x[c] = two * (one / (one + exp(-(two * x[c])))) - one


@uncounted(error_model="numpy")
def _mean(read: Any, r: int, total: Any, tick: Any, constants: UnitConstants, mean: Any) -> None:
    """Add what row r reads to its total; its mean, scaled and biased, is what F is applied to. tick: (4,) of `make_clock`."""
    width, scale, bias_rows = total.shape[0], constants.input_scale, constants.map_bias.shape[0]
    share, inverse_t = tick[0], tick[1]
    for c in range(width):
        total[c] += read[c] * share
        mean[c] = (total[c] * inverse_t) * scale
    if bias_rows > 0:
        bias = constants.map_bias[r % bias_rows]
        for c in range(width):
            mean[c] += bias[c]


@uncounted(error_model="numpy")
def _expect_rows(x: Any, start: int, out: Any, constants: UnitConstants, clock: Any, top: int, state: Any, scratch: Any) -> None:
    """Rows from `top` on, as many as `state`, (2, rows, width), holds: their totals, and what was expected a step before.

    scratch: for LANES rows, those without a row are zero, and a factor each.
    """
    total, last, function = state[0], state[1], constants.function
    summed, one = function == Function.LAYER_NORM or function == Function.SOFTMAX, out.dtype.type(1)
    (count, width), rows = total.shape, out.shape[0] // clock.shape[0]
    factor = scratch[LANES * width :]
    if summed and count < LANES:
        for i in range(scratch.shape[0]):
            scratch[i] = 0
    for r in range(count):
        for c in range(width):
            total[r, c] = last[r, c] = 0
    for t in range(clock.shape[0]):
        at, now, change = t * rows + top, clock[t, 2], clock[t, 3]
        for r in range(count):
            _mean(x[at + r, start : start + width], top + r, total[r], clock[t], constants, out[at + r])
        block = out[at : at + count]
        if function == Function.LAYER_NORM:
            _layer_norm(block, top, constants, factor, scratch)
        elif function == Function.RMS_NORM:
            _rms_norm(block, top, constants, factor)
        elif function == Function.SOFTMAX:
            _softmax(block, factor, scratch)
        else:
            _activation(block.reshape(-1), constants)
            for r in range(count):
                factor[r] = one
        for r in range(count):
            value, before, times = block[r], last[r], factor[r]
            for c in range(width):
                expected = (value[c] * times) * now
                value[c] = (expected - before[c]) * change
                before[c] = expected


@kernel(parallel=True)
def expect(x: Any, start: int, out: Any, constants: UnitConstants, clock: Any) -> None:
    """An EC unit, all steps of a row before the next.

    x: (steps * rows, row width), channels start : start+width are the input; out: (steps * rows, width), written; clock: of the
    law, (steps, 4), from `make_clock`.
    """
    rows, width = out.shape[0] // clock.shape[0], out.shape[1]
    summed = constants.function == Function.LAYER_NORM or constants.function == Function.SOFTMAX
    together = LANES if summed else ROWS_AT_ONCE
    for group in prange(-(-rows // together)):
        top = group * together
        state = np.empty((2, min(together, rows - top), width), out.dtype)
        _expect_rows(x, start, out, constants, clock, top, state, np.empty(LANES * (width + 1), out.dtype))
