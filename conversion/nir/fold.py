"""Pooling behind a convolution, folded into it: both are linear, so one larger kernel does what the two did."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d
from synaptile.conversion.graph.windows import Pair
from synaptile.foundation.types import Float64


def folded_kernel(conv: Convolution2d, kernel: Pair, stride: Pair) -> Convolution2d:
    """The convolution whose outputs are those of `conv` under windows of `kernel` at `stride`, without padding; shape unset.

    Window element a and tap k meet the input at ``a * conv.stride + k * conv.dilation``: the new kernel spans all of these, as
    coarse as their common divisor allows. No window leaves the plane, so none sees an output that `conv` does not have.
    """
    steps = [gcd(conv.stride[i] * (kernel[i] > 1), conv.dilation[i] * (conv.kernel[i] > 1)) or 1 for i in range(2)]
    reach = [(kernel[i] - 1) * conv.stride[i] + (conv.kernel[i] - 1) * conv.dilation[i] for i in range(2)]
    return replace(
        conv,
        shape=(1, 1),
        kernel=(reach[0] // steps[0] + 1, reach[1] // steps[1] + 1),
        stride=(conv.stride[0] * stride[0], conv.stride[1] * stride[1]),
        dilation=(steps[0], steps[1]),
    )


def folded_arrays(
    conv: Convolution2d,
    folded: Convolution2d,
    weight: NDArray[Any],
    bias: NDArray[Any],
    kernel: Pair,
    kind: Literal["sum", "mean"],
) -> tuple[Float64, Float64]:
    """Weights (channels out, channels / groups, kh, kw) and bias (channels out,) of `folded`, summed in float64."""
    total = np.zeros((*weight.shape[:2], *folded.kernel))
    for window in np.ndindex(kernel):
        rows, columns = (_places(conv, folded, axis, window[axis]) for axis in range(2))
        total[:, :, rows[:, None], columns] += weight
    size = kernel[0] * kernel[1]
    return (total / size, np.array(bias, np.float64)) if kind == "mean" else (total, size * np.array(bias, np.float64))


def _places(conv: Convolution2d, folded: Convolution2d, axis: int, element: int) -> NDArray[np.int64]:
    """Where an element of the pooling window puts the taps of `conv` in the folded kernel."""
    offset = element * conv.stride[axis] + conv.dilation[axis] * np.arange(conv.kernel[axis])
    return offset // folded.dilation[axis]
