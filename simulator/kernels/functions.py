"""Non-linearities of EC units inside kernels. float32 follows `simulator.dense.arithmetic` to the last bit; float64 is libm's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import overload

from synaptile.simulator.dense import arithmetic
from synaptile.simulator.kernels.vector.emit import WORD, emitted

_LOG2_E, _LN2_HIGH, _LN2_LOW = arithmetic.LOG2_E, arithmetic.LN2_HIGH, arithmetic.LN2_LOW
_LOWEST, _HIGHEST = arithmetic.EXP_LOWEST, arithmetic.EXP_HIGHEST
_E0, _E1, _E2, _E3, _E4, _E5 = (np.float32(c) for c in arithmetic.EXP_COEFFICIENTS)
_P = arithmetic.ERF_P
_A5, _A4, _A3, _A2, _A1 = (np.float32(c) for c in arithmetic.ERF_COEFFICIENTS)
_ONE, _HALF = np.float32(1), np.float32(0.5)
_BIAS, _MANTISSA = np.int32(127), np.int32(23)


@emitted(types.float32)
def as_float32(builder: Any, bits: Any) -> Any:
    """The float of 32 bits."""
    return builder.bitcast(builder.trunc(bits, WORD), ir.FloatType())


def exp(x: Any) -> Any:
    """Exp of a scalar."""
    return x.dtype.type(arithmetic.exp(x) if x.dtype == np.float32 else math.exp(x))


def erf(x: Any) -> Any:
    """Erf of a scalar."""
    return x.dtype.type(arithmetic.erf(x) if x.dtype == np.float32 else math.erf(x))


@overload(exp, inline="always")
def _overload_exp(x: Any) -> Any:
    if x == types.float32:

        def single(x: Any) -> Any:
            x = min(max(x, _LOWEST), _HIGHEST)
            whole = np.floor(x * _LOG2_E + _HALF)
            r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
            p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
            p = (p * (r * r) + r) + _ONE
            return p * as_float32((np.int32(whole) + _BIAS) << _MANTISSA)

        return single

    def double(x: Any) -> Any:
        return math.exp(x)

    return double


@overload(erf, inline="always")
def _overload_erf(x: Any) -> Any:
    if x == types.float32:

        def single(x: Any) -> Any:
            magnitude = x if x >= np.float32(0) else -x
            s = _ONE / (_ONE + _P * magnitude)
            p = (((_A5 * s + _A4) * s + _A3) * s + _A2) * s + _A1
            tail = (p * s) * exp(-(magnitude * magnitude))
            value = _ONE - tail
            return value if x >= np.float32(0) else -value

        return single

    def double(x: Any) -> Any:
        return math.erf(x)

    return double
