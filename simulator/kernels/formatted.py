"""EC units in half precision or with functions of straight lines, row by row: `dense.formatted` to the last bit.

Plain loops: a run that asks for them pays some nanoseconds per operation.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import prange, types
from numba.extending import overload

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.dense import rounding
from synaptile.simulator.kernels.expectation import Function, UnitConstants
from synaptile.simulator.kernels.functions import as_float32, erf, exp
from synaptile.simulator.kernels.vector.emit import INDEX, WORD, emitted

DIV, RSQRT, EXP, ERF, TANH, SIGMOID = range(6)
HALVES = {None: 0, "fp16": 1, "bf16": 2}
"""Number of a format that operations are rounded to."""
_LARGEST, _SMALLEST_NORMAL, _MAGIC = np.float32(rounding.LARGEST_HALF), np.float32(2.0**-14), np.float32(0.75)


class Manner(NamedTuple):
    """How an EC unit computes: what operations are rounded to (HALVES), and the tables of all functions, as in `rounding.Lines`.

    Flat, since Numba takes no tuples of tuples into threads.
    """

    half: int
    start: Any
    low: Any
    high: Any
    per: Any
    slope: Any
    intercept: Any


@emitted(types.int64)
def _bits(builder: Any, number: Any) -> Any:
    """The 32 bits of a float."""
    return builder.zext(builder.bitcast(number, WORD), INDEX)


def rounded(x: Any, half: int) -> Any:
    """A number rounded as HALVES says."""
    return x.dtype.type(rounding.rounded(np.asarray(x), {number: name for name, number in HALVES.items()}[half]))  # type: ignore[arg-type]


@overload(rounded, inline="always")
def _overload_rounded(x: Any, half: int) -> Any:
    if x != types.float32:

        def as_it_is(x: Any, half: int) -> Any:
            return x

        return as_it_is

    def single(x: Any, half: int) -> Any:
        if half == 0:
            return x
        bits = _bits(x)
        if half == 2:
            return as_float32((bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF)
        if abs(x) < _SMALLEST_NORMAL:  # spacing 2^-24, which is that of float32 numbers near 0.75
            return (x + _MAGIC) - _MAGIC
        return min(max(as_float32((bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF), -_LARGEST), _LARGEST)

    return single


@uncounted(error_model="numpy")
def _look_up(x: Any, lines: Any, which: int) -> Any:
    """`rounding.look_up` of one number, without the count."""
    low, start, stop = lines.low[which], lines.start[which], lines.start[which + 1]
    inside = min(max(x, low), lines.high[which])
    place = start + min(np.int64((inside - low) * lines.per[which]), stop - start - 1)
    return lines.slope[place] * inside + lines.intercept[place]


@uncounted(error_model="numpy")
def _function(x: Any, which: int, manner: Manner, one: Any) -> Any:
    """A function of one number, by its table or in software; `one`: 1 in the run's float."""
    lines = manner
    two = one + one
    if lines.start[which] == lines.start[which + 1]:
        if which == DIV:
            value = one / x
        elif which == RSQRT:
            value = one / np.sqrt(x)
        elif which == EXP:
            value = exp(x)
        elif which == ERF:
            value = erf(x)
        elif which == TANH:
            value = two * (one / (one + exp(-(two * x)))) - one
        else:
            value = one / (one + exp(-x))
    elif which == DIV:
        significand, exponent = math.frexp(x)
        value = one * math.ldexp(_look_up(one * significand * two, lines, DIV), 1 - exponent)
    elif which == RSQRT:
        significand, exponent = math.frexp(x)
        odd = exponent & 1
        value = _look_up(one * significand * (two if odd else two + two), lines, RSQRT)
        value = one * math.ldexp(value, 1 - (exponent + odd) // 2)
    else:
        value = _look_up(x, lines, which)
    return rounded(value, manner.half)


@uncounted(error_model="numpy")
def _outside(x: Any, which: int, lines: Any) -> int:
    """1 where a number lies outside a table's range."""
    if lines.start[which] < lines.start[which + 1] and (x < lines.low[which] or x > lines.high[which]):
        return 1
    return 0


@uncounted(error_model="numpy")
def _layer_norm(x: Any, row: int, constants: UnitConstants, manner: Manner, one: Any) -> None:
    half, inverse, total = manner.half, constants.inverse_width, one - one
    for c in range(x.shape[0]):
        total = rounded(total + x[c], half)
    mean, total = rounded(total * inverse, half), one - one
    for c in range(x.shape[0]):
        x[c] = rounded(x[c] - mean, half)
        total = rounded(total + rounded(x[c] * x[c], half), half)
    variance = rounded(total * inverse, half)
    factor = _function(rounded(variance + constants.eps, half), RSQRT, manner, one)
    own = row * x.shape[0] % constants.weight.shape[0]
    weight, bias = constants.weight[own : own + x.shape[0]], constants.bias[own : own + x.shape[0]]
    for c in range(x.shape[0]):
        x[c] = rounded(rounded(rounded(x[c] * factor, half) * weight[c], half) + bias[c], half)


@uncounted(error_model="numpy")
def _rms_norm(x: Any, row: int, constants: UnitConstants, manner: Manner, one: Any) -> None:
    half, total = manner.half, one - one
    for c in range(x.shape[0]):
        total = rounded(total + rounded(x[c] * x[c], half), half)
    mean = rounded(total * constants.inverse_width, half)
    factor = _function(rounded(mean + constants.eps, half), RSQRT, manner, one)
    own = row * x.shape[0] % constants.weight.shape[0]
    weight = constants.weight[own : own + x.shape[0]]
    for c in range(x.shape[0]):
        x[c] = rounded(rounded(x[c] * factor, half) * weight[c], half)


@uncounted(error_model="numpy")
def _softmax(x: Any, manner: Manner, one: Any) -> int:
    half, largest, total, outside = manner.half, x[0], one - one, 0
    for c in range(x.shape[0]):
        largest = max(largest, x[c])
    for c in range(x.shape[0]):
        below = rounded(x[c] - largest, half)
        outside += _outside(below, EXP, manner)
        x[c] = _function(below, EXP, manner, one)
        total = rounded(total + x[c], half)
    factor = _function(total, DIV, manner, one)
    for c in range(x.shape[0]):
        x[c] = rounded(x[c] * factor, half)
    return outside


@uncounted(error_model="numpy")
def _activation(x: Any, constants: UnitConstants, manner: Manner, one: Any) -> int:
    function, half, outside = constants.function, manner.half, 0
    gain, a, b, point_five = constants.gain, constants.a, constants.b, one / (one + one)
    three = one + one + one
    six, sixth = three + three, rounded(one / (three + three), half)
    for c in range(x.shape[0]):
        v = x[c]
        if function == Function.GELU:
            inner = rounded(v * a, half)
            outside += _outside(inner, ERF, manner)
            x[c] = rounded(rounded(v * point_five, half) * rounded(one + _function(inner, ERF, manner, one), half), half)
        elif function == Function.GELU_TANH:
            inner = rounded(v * rounded(a + rounded(rounded(v * v, half) * b, half), half), half)
            outside += _outside(inner, TANH, manner)
            x[c] = rounded(rounded(v * point_five, half) * rounded(one + _function(inner, TANH, manner, one), half), half)
        elif function == Function.QUICK_GELU or function == Function.SILU:
            inner = rounded(v * gain, half)
            outside += _outside(inner, SIGMOID, manner)
            x[c] = rounded(v * _function(inner, SIGMOID, manner, one), half)
        elif function == Function.RELU:
            x[c] = max(v, one - one)
        elif function == Function.RELU6:
            x[c] = min(max(v, one - one), six)
        elif function == Function.HARD_SIGMOID or function == Function.HARD_SWISH:
            gate = rounded(min(max(rounded(v + three, half), one - one), six) * sixth, half)
            x[c] = gate if function == Function.HARD_SIGMOID else rounded(v * gate, half)
        else:
            which = SIGMOID if function == Function.SIGMOID else TANH
            outside += _outside(v, which, manner)
            x[c] = _function(v, which, manner, one)
    return outside


@uncounted(error_model="numpy")
def _expect_row(x: Any, out: Any, constants: UnitConstants, manner: Manner, clock: Any, row: int, state: Any) -> int:
    """One row of one step; state: (2, width), its total and what was expected a step before. Returns inputs outside tables."""
    total, last, half, bias_rows = state[0], state[1], manner.half, constants.map_bias.shape[0]
    one, outside = clock[0] / clock[0], 0
    for c in range(out.shape[0]):
        total[c] = rounded(total[c] + x[c] * clock[0], half)
        out[c] = rounded(rounded(total[c] * clock[1], half) * constants.input_scale, half)
    if bias_rows > 0:
        for c in range(out.shape[0]):
            out[c] = rounded(out[c] + constants.map_bias[row % bias_rows, c], half)
    if constants.function == Function.LAYER_NORM:
        _layer_norm(out, row, constants, manner, one)
    elif constants.function == Function.RMS_NORM:
        _rms_norm(out, row, constants, manner, one)
    elif constants.function == Function.SOFTMAX:
        outside = _softmax(out, manner, one)
    else:
        outside = _activation(out, constants, manner, one)
    for c in range(out.shape[0]):
        expected = rounded(out[c] * clock[2], half)
        out[c] = rounded(rounded(expected - last[c], half) * clock[3], half)
        last[c] = expected
    return outside


@kernel(parallel=True)
def expect_formatted(x: Any, start: int, out: Any, constants: UnitConstants, manner: Manner, clock: Any) -> Any:
    """`expect` in that manner. Constants and clock are rounded already. Returns inputs outside tables, (rows, steps) int64."""
    steps, width = clock.shape[0], out.shape[1]
    rows = out.shape[0] // steps
    outside = np.zeros((rows, steps), np.int64)
    for r in prange(rows):
        state = np.zeros((2, width), out.dtype)
        for t in range(steps):
            at = t * rows + r
            outside[r, t] = _expect_row(x[at, start : start + width], out[at], constants, manner, clock[t], r, state)
    return outside


@kernel(parallel=True)
def round_stream(stream: Any, half: int) -> None:
    """A stream of real values rounded, in place."""
    for r in prange(stream.shape[0]):
        row = stream[r]
        for c in range(row.shape[0]):
            row[c] = rounded(row[c], half)
