"""What the machine can do: loads from the first-level cache, and a stream from memory, in floats a second."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

CACHED_FLOATS = 4096
STREAMED_FLOATS = 24_000_000
PASSES = 200


@njit(fastmath={"reassoc"})  # the sum may be split over vectors: what is measured is the loading
def _sum_passes(data: Any, passes: int, shift: int) -> Any:
    total = np.float32(0)
    for p in range(passes):
        part = data[p % shift :]
        for i in range(part.shape[0]):
            total += part[i]
    return total


def cached_loads() -> Any:
    """A call that loads `CACHED_FLOATS` * `PASSES` floats from the first-level cache, at whole cache lines."""
    room = np.zeros(CACHED_FLOATS + 16, np.float32)
    skip = (-room.ctypes.data % 64) // 4
    data = room[skip : skip + CACHED_FLOATS]
    return lambda: _sum_passes(data, PASSES, 1)


def streamed_loads() -> Any:
    """A call that loads `STREAMED_FLOATS` floats from memory."""
    data = np.ones(STREAMED_FLOATS, np.float32)
    return lambda: _sum_passes(data, 1, 1)
