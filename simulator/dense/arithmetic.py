"""The arithmetic that both sides of an int8 run must share, written as plain NumPy.

In float32 (hence int8) runs every sum that is not an integer sum has a stated order, and exp and erf are the polynomials
below, as an EC core would evaluate them: only +, -, *, / and square root, each correctly rounded, so that any two
implementations that keep the order agree to the last bit. In float64 the library's exp and erf are used.
"""

from __future__ import annotations

import numpy as np
from scipy.special import erf as library_erf

from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.foundation.types import Array

LOG2_E = np.float32(1.44269504)
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(-2.12194440e-4)
EXP_LOWEST = np.float32(-87.0)
EXP_HIGHEST = np.float32(88.0)
# Cephes expf (S. Moshier): degree-5 polynomial after range reduction to |r| <= ln(2)/2, highest power first.
EXP_COEFFICIENTS = np.array(
    [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1], np.float32
)
# Abramowitz and Stegun 7.1.26: erf(x) = 1 - (a1 s + ... + a5 s^5) exp(-x^2), s = 1 / (1 + p x); error below 1.5e-7.
ERF_P = np.float32(0.3275911)
ERF_COEFFICIENTS = np.array([1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592], np.float32)


def exp(x: Array) -> Array:
    """exp, float32 by range reduction and a polynomial; float64 by the library."""
    if x.dtype == np.float64:
        return np.asarray(np.exp(x))
    x = np.minimum(np.maximum(x, EXP_LOWEST), EXP_HIGHEST)
    whole = np.floor(x * LOG2_E + np.float32(0.5))
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    p = np.full_like(r, EXP_COEFFICIENTS[0])
    for coefficient in EXP_COEFFICIENTS[1:]:
        p = p * r + coefficient
    p = (p * (r * r) + r) + np.float32(1)
    power = ((whole.astype(np.int32) + np.int32(127)) << np.int32(23)).view(np.float32)
    return np.asarray(p * power)


def erf(x: Array) -> Array:
    """erf, float32 by Abramowitz and Stegun 7.1.26; float64 by the library."""
    if x.dtype == np.float64:
        return np.asarray(library_erf(x))
    magnitude = np.abs(x)
    s = np.float32(1) / (np.float32(1) + ERF_P * magnitude)
    p = np.full_like(s, ERF_COEFFICIENTS[0])
    for coefficient in ERF_COEFFICIENTS[1:]:
        p = p * s + coefficient
    tail = (p * s) * exp(-(magnitude * magnitude))
    magnitude_of_erf = np.float32(1) - tail
    return np.asarray(np.where(x >= 0, magnitude_of_erf, -magnitude_of_erf))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x))."""
    one = x.dtype.type(1)
    return np.asarray(one / (one + exp(-x)))


def tanh(x: Array) -> Array:
    """2 sigmoid(2x) - 1."""
    two = x.dtype.type(2)
    return np.asarray(two * sigmoid(two * x) - x.dtype.type(1))


def hard_sigmoid(x: Array) -> Array:
    """min(max(x + 3, 0), 6) times 1/6."""
    real = x.dtype.type
    return np.asarray(np.clip(x + real(3), real(0), real(6)) * real(1 / 6))


def row_sum(x: Array) -> Array:
    """Sum over the last axis, first element to last, kept as an axis of length 1."""
    total = np.zeros(x.shape[:-1], x.dtype)
    for i in range(x.shape[-1]):
        total = total + x[..., i]
    return total[..., None]


def unit_rows(x: Array) -> Array:
    """Rows over their Euclidean norm, squares summed first element to last; rows of zeros stay."""
    norm = np.sqrt(row_sum(x * x))
    return np.asarray(x * (x.dtype.type(1) / np.where(norm > 0, norm, x.dtype.type(1))))


def evaluate(graph: SpikingGraph, unit: ECUnit, x: Array) -> Array:
    """F(input_scale * x) of an EC unit."""
    real = x.dtype.type
    if unit.input_scale != 1.0:
        x = x * real(unit.input_scale)
    if unit.groups > 1:
        grouped = x.reshape(*x.shape[:-1], unit.groups, unit.row)
        return _evaluate(graph, unit, grouped).reshape(x.shape)
    return _evaluate(graph, unit, x)


def _evaluate(graph: SpikingGraph, unit: ECUnit, x: Array) -> Array:
    real = x.dtype.type
    match unit.function:
        case "rms_norm":
            mean = row_sum(x * x) * real(1.0 / x.shape[-1])
            normed = x * (real(1) / np.sqrt(mean + real(unit.eps)))
            return np.asarray(normed * unit.per_element(graph.array(unit.name, "weight")).astype(x.dtype, copy=False))
        case "layer_norm":
            inverse_width = real(1.0 / x.shape[-1])
            centred = x - row_sum(x) * inverse_width
            variance = row_sum(centred * centred) * inverse_width
            normed = centred * (real(1) / np.sqrt(variance + real(unit.eps)))
            learnt = (unit.per_element(graph.array(unit.name, field)) for field in ("weight", "bias"))
            weight, bias = (array.astype(x.dtype, copy=False) for array in learnt)
            return np.asarray(normed * weight + bias)
        case "softmax":
            if unit.biased:
                x = x + graph.array(unit.name, "bias").astype(x.dtype, copy=False)
            powers = exp(x - x.max(axis=-1, keepdims=True))
            return np.asarray(powers * (real(1) / row_sum(powers)))
        case "gelu":
            return np.asarray((x * real(0.5)) * (real(1) + erf(x * real(np.sqrt(0.5)))))
        case "gelu_tanh":
            inner = x * (real(np.sqrt(2 / np.pi)) + (x * x) * real(0.044715 * np.sqrt(2 / np.pi)))
            return np.asarray((x * real(0.5)) * (real(1) + tanh(inner)))
        case "quick_gelu":
            return np.asarray(x * sigmoid(x * real(1.702)))
        case "silu":
            return np.asarray(x * sigmoid(x))
        case "relu":
            return np.asarray(np.maximum(x, real(0)))
        case "relu6":
            return np.asarray(np.clip(x, real(0), real(6)))
        case "hard_sigmoid":
            return hard_sigmoid(x)
        case "hard_swish":
            return np.asarray(x * hard_sigmoid(x))
        case "sigmoid":
            return sigmoid(x)
        case "tanh":
            return tanh(x)
