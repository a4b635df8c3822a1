"""The non-linearities F of EC units, plainly, in NumPy. Shapes: (..., tokens, channels) or (..., heads, tokens, keys)."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from synaptile.conversion.graph import ECUnit, SpikingGraph
from synaptile.foundation.types import Array


def evaluate(graph: SpikingGraph, unit: ECUnit, x: Array) -> Array:
    """F(input_scale * x) of an EC unit, in the dtype of x, as the model itself computes it."""
    x = x * x.dtype.type(unit.input_scale) if unit.input_scale != 1.0 else x
    if unit.groups > 1:
        grouped = x.reshape(*x.shape[:-1], unit.groups, unit.row)
        return _evaluate(graph, unit, grouped).reshape(x.shape)
    return _evaluate(graph, unit, x)


def _evaluate(graph: SpikingGraph, unit: ECUnit, x: Array) -> Array:
    match unit.function:
        case "rms_norm":
            root = np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + x.dtype.type(unit.eps))
            return np.asarray(x / root * unit.per_element(graph.array(unit.name, "weight")).astype(x.dtype, copy=False))
        case "layer_norm":
            centred = x - x.mean(axis=-1, keepdims=True)
            variance = np.square(centred).mean(axis=-1, keepdims=True)
            normed = centred / np.sqrt(variance + x.dtype.type(unit.eps))
            learnt = (unit.per_element(graph.array(unit.name, field)) for field in ("weight", "bias"))
            weight, bias = (array.astype(x.dtype, copy=False) for array in learnt)
            return np.asarray(normed * weight + bias)
        case "softmax":
            if unit.biased:
                x = x + graph.array(unit.name, "bias").astype(x.dtype, copy=False)
            powers = np.exp(x - x.max(axis=-1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
        case "gelu":
            return np.asarray(x * 0.5 * (1.0 + erf(x * x.dtype.type(np.sqrt(0.5)))), dtype=x.dtype)
        case "gelu_tanh":
            inner = np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)
            return np.asarray(0.5 * x * (1.0 + np.tanh(inner)), dtype=x.dtype)
        case "quick_gelu":
            return _gated(x, 1.702 * x)
        case "silu":
            return _gated(x, x)
        case "relu":
            return np.asarray(np.maximum(x, x.dtype.type(0)))
        case "relu6":
            return np.asarray(np.clip(x, 0, 6))
        case "hard_sigmoid":
            return np.asarray(np.clip(x + 3, 0, 6) / 6)
        case "hard_swish":
            return np.asarray(x * np.clip(x + 3, 0, 6) / 6)
        case "sigmoid":
            return _gated(np.ones_like(x), x)
        case "tanh":
            return np.asarray(np.tanh(x))


def _gated(x: Array, gate: Array) -> Array:
    return np.asarray(x / (1.0 + np.exp(-gate)), dtype=x.dtype)
