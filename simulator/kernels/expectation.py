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


@njit(cache=True, nogil=True, error_model="numpy")
def _layer_norm(x: Any, constants: UnitConstants) -> None:
    inverse_width, eps = constants.scalars[2], constants.scalars[1]
    width = x.shape[0]
    total = constants.scalars[6]
    for c in range(width):
        total += x[c]
    mean = total * inverse_width
    squares = constants.scalars[6]
    for c in range(width):
        x[c] -= mean
        squares += x[c] * x[c]
    inverse = constants.scalars[8] / np.sqrt(squares * inverse_width + eps)
    for c in range(width):
        x[c] = (x[c] * inverse) * constants.weight[c] + constants.bias[c]


@njit(cache=True, nogil=True, error_model="numpy")
def _softmax(x: Any) -> None:
    width = x.shape[0]
    largest = x[0]
    for c in range(1, width):
        largest = x[c] if x[c] > largest else largest
    for c in range(width):
        x[c] = exp(x[c] - largest)
    total = x[0] - x[0]
    for c in range(width):
        total += x[c]
    inverse = (total / total) / total
    for c in range(width):
        x[c] *= inverse


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


@njit(cache=True, nogil=True, parallel=True, error_model="numpy")
def expect(x: Any, start: int, total: Any, last: Any, out: Any, constants: UnitConstants, clock: Any) -> None:
    """An EC unit, all steps of a row before the next.

    x: (steps * rows, row width), channels start : start+width are the input; total, last: (rows, width), updated; out: (steps *
    rows, width), written; clock: (steps, 2), 1/t and t of each step in the run's floating type.
    """
    rows, width = total.shape
    scale = constants.scalars[0]
    bias_rows = constants.map_bias.shape[0]
    for r in prange(rows):
        for t in range(clock.shape[0]):
            at = t * rows + r
            mean, read, inverse_t, now = out[at], x[at, start : start + width], clock[t, 0], clock[t, 1]
            for c in range(width):
                total[r, c] += read[c]
                mean[c] = total[r, c] * inverse_t
            if scale != constants.scalars[8]:
                for c in range(width):
                    mean[c] *= scale
            if bias_rows > 0:
                for c in range(width):
                    mean[c] += constants.map_bias[r % bias_rows, c]
            if constants.function == 0:
                _layer_norm(mean, constants)
            elif constants.function == 1:
                _softmax(mean)
            else:
                _activation(mean, constants.function, constants.scalars)
            for c in range(width):
                expected = mean[c] * now
                mean[c] = expected - last[r, c]
                last[r, c] = expected
