"""Weights as whole numbers, an output channel at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from synaptile.simulator.compiled import kernel


@kernel(parallel=True, error_model="numpy")
def quantise_rows(weight: Any, levels: Any, scale: Any, highest: int) -> Any:
    """Scale each row so that its largest weight stands at `highest`, and round half to even.

    weight: (channels, fan_in) float32; levels: whole numbers alike, and scale (channels,) float32, written. Returns each
    row's sum of absolute levels, (channels,) int64.
    """
    sums = np.zeros(weight.shape[0], np.int64)
    for channel in prange(weight.shape[0]):
        row, found = weight[channel], levels[channel]
        largest = np.float32(0)
        for i in range(row.shape[0]):
            size = abs(row[i])
            largest = size if size > largest else largest
        step = largest / np.float32(highest) if largest > 0 else np.float32(1)
        total = np.int64(0)
        for i in range(row.shape[0]):
            level = min(max(int(np.rint(row[i] / step)), -highest), highest)
            found[i] = level
            total += abs(level)
        scale[channel] = step
        sums[channel] = total
    return sums
