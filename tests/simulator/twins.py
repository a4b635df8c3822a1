"""Naive twins of the simulator's kernels: the paper's equations, one scalar at a time, sharing no code with what they check."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from synaptile.foundation.types import Array

Scalars = Sequence[float]


def linear(spikes: Array, weight: Array, bias: Array) -> Array:
    """I = W x + b in float64; spikes (rows, fan_in), weight (channels, fan_in)."""
    out = np.zeros((len(spikes), len(weight)))
    for r, row in enumerate(spikes):
        for c, synapses in enumerate(weight):
            out[r, c] = sum(float(s) * float(w) for s, w in zip(row, synapses, strict=True)) + float(bias[c])
    return out


def ordered_rows(rows: Array, index: Sequence[int], value: Sequence[Any]) -> Array:
    """Sum of value[e] * rows[index[e]], one event after the other, product and sum rounded apart in the dtype of `rows`."""
    total = np.zeros(rows.shape[1], rows.dtype)
    for i, v in zip(index, value, strict=True):
        total = total + rows.dtype.type(v) * rows[i]
    return total


def integer_currents(codes: Array, levels: Array, up: Array, down: Array, bias: Array) -> Array:
    """Currents of int8 weights: exact integer sums of positive and negative spikes, combined in float32; codes (rows, fan_in)."""
    out = np.zeros((len(codes), len(levels)), np.float32)
    for r, row in enumerate(codes.tolist()):
        for c, column in enumerate(levels.tolist()):
            positive = sum(w << (code - 1) for w, code in zip(column, row, strict=True) if code > 0)
            negative = sum(w << (-code - 1) for w, code in zip(column, row, strict=True) if code < 0)
            out[r, c] = (up[c] * np.float32(positive) - down[c] * np.float32(negative)) + bias[c]
    return out


def fire(membrane: float, theta1: float, theta2: float, n: int) -> tuple[int, float]:
    """Code and value of the spike of one membrane (Eq. 19-25): the largest threshold reached, positive ones first."""
    for k in reversed(range(n)):
        if membrane >= theta1 * 2**k - theta1 / 2:
            return k + 1, theta1 * 2**k
    for k in reversed(range(n)):
        if -membrane >= theta2 * 2**k - theta2 / 2:
            return -(k + 1), -theta2 * 2**k
    return 0, 0.0


def expectation(inputs: Sequence[Scalars], function: Callable[[Scalars], list[float]]) -> list[list[float]]:
    """O(t) = t F(S(t)/t) - (t-1) F(S(t-1)/(t-1)) of one row, for every step (Eq. 15)."""
    outputs: list[list[float]] = []
    total = [0.0] * len(inputs[0])
    for t, x in enumerate(inputs, 1):
        before = function([s / (t - 1) for s in total]) if t > 1 else [0.0] * len(x)
        total = [s + float(v) for s, v in zip(total, x, strict=True)]
        after = function([s / t for s in total])
        outputs.append([t * a - (t - 1) * b for a, b in zip(after, before, strict=True)])
    return outputs


def layer_norm(x: Scalars, weight: Scalars, bias: Scalars, eps: float) -> list[float]:
    """(x - mean) / sqrt(variance + eps) * weight + bias."""
    mean = sum(x) / len(x)
    variance = sum((v - mean) ** 2 for v in x) / len(x)
    return [(v - mean) / math.sqrt(variance + eps) * w + b for v, w, b in zip(x, weight, bias, strict=True)]


def rms_norm(x: Scalars, weight: Scalars, eps: float) -> list[float]:
    """x / sqrt(mean of squares + eps) * weight."""
    root = math.sqrt(sum(v**2 for v in x) / len(x) + eps)
    return [v / root * w for v, w in zip(x, weight, strict=True)]


def softmax(x: Scalars) -> list[float]:
    """exp(x) over its sum."""
    powers = [math.exp(v - max(x)) for v in x]
    return [p / sum(powers) for p in powers]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "gelu": lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "quick_gelu": lambda x: x * _sigmoid(1.702 * x),
    "silu": lambda x: x * _sigmoid(x),
    "relu": lambda x: max(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": math.tanh,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "hard_sigmoid": lambda x: min(max(x + 3.0, 0.0), 6.0) / 6.0,
    "hard_swish": lambda x: x * min(max(x + 3.0, 0.0), 6.0) / 6.0,
}


def product_increments(a: Array, b: Array) -> Array:
    """O(t) of the product of (steps, rows, d) and (steps, d, columns) by the three terms of Eq. 18, float64."""
    outputs = []
    sum_a, sum_b = np.zeros(a.shape[1:]), np.zeros(b.shape[1:])
    sum_k = np.zeros((a.shape[1], b.shape[2]))
    for t, (x, y) in enumerate(zip(a, b, strict=True), 1):
        before = sum_k / (t - 1) if t > 1 else 0.0
        sum_k = sum_k + _matmul(x, y) + _matmul(x, sum_b) + _matmul(sum_a, y)
        sum_a, sum_b = sum_a + x, sum_b + y
        outputs.append(sum_k / t - before)
    return np.stack(outputs)


def pairs(a: Array, b: Array) -> int:
    """Pairs of non-zero factors that the product of (rows, d) and (d, columns) meets, one by one."""
    return sum(bool(a[i, d]) and bool(b[d, j]) for i in range(a.shape[0]) for d in range(a.shape[1]) for j in range(b.shape[1]))


def product_pairs(a: Array, b: Array) -> tuple[list[int], list[int]]:
    """Accumulates of each step in `eq30` (S(t-1)) and `released` (S(t)); a (steps, rows, d), b (steps, d, columns)."""
    eq30, released = [], []
    before_a, before_b = np.zeros(a.shape[1:], a.dtype), np.zeros(b.shape[1:], b.dtype)
    for x, y in zip(a, b, strict=True):
        after_a, after_b = before_a + x, before_b + y
        eq30.append(pairs(x, y) + pairs(x, before_b) + pairs(before_a, y))
        released.append(pairs(x, y) + pairs(x, after_b) + pairs(after_a, y))
        before_a, before_b = after_a, after_b
    return eq30, released


def _matmul(a: Array, b: Array) -> Array:
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            out[i, j] = sum(float(a[i, d]) * float(b[d, j]) for d in range(a.shape[1]))
    return out
