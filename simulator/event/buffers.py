"""Memory that units hand on and that is used again: fresh pages cost more than the arithmetic on them."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

SMALLEST = 1 << 16
"""Arrays below so many bytes are not worth keeping."""


def _held(buffers: list[NDArray[np.uint8]], references: int, smallest: int, largest: int) -> list[NDArray[np.uint8]]:
    """Buffers of so many bytes that so many names hold, as counted here."""
    return [buffer for buffer in buffers if smallest <= buffer.size <= largest and sys.getrefcount(buffer) == references]


_OWN_REFERENCES = next(count for count in range(1, 10) if _held([np.empty(0, np.uint8)], count, 0, 0))
"""What is counted where the list alone holds a buffer: measured, since newer Pythons lend arguments without counting them."""


class Buffers:
    """Arrays whose memory returns by itself once no array of it is left anywhere.

    A buffer is free when nothing but the pool refers to it: NumPy's arrays keep the array that owns their memory alive, through
    any number of views.
    """

    def __init__(self, limit: int = 0, kept_room: int = 0) -> None:
        """`limit`: bytes to hold together; free buffers go, the largest first, where one more would pass it.

        `kept_room`: bytes that may be kept beyond the run, outside the pool.
        """
        self._limit, self.kept_room = limit, kept_room
        self._buffers: list[NDArray[np.uint8]] = []

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An unset array, C-contiguous; its memory may have served before."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if size < SMALLEST:
            return np.empty(shape, kind)
        return self._buffer(size)[:size].view(kind).reshape(shape)

    def _buffer(self, size: int) -> NDArray[np.uint8]:
        fitting = _held(self._buffers, _OWN_REFERENCES, size, size + size // 4)
        if fitting:
            return min(fitting, key=len)
        self._let_go(self._limit - size)
        made = np.empty(size, np.uint8)
        self._buffers.append(made)
        return made

    def _let_go(self, allowed: int) -> None:
        """Forget free buffers, the largest first, until no more than `allowed` bytes are held."""
        free = sorted(_held(self._buffers, _OWN_REFERENCES, 0, sys.maxsize), key=len)
        while free and sum(map(len, self._buffers)) > allowed:
            gone = free.pop()
            self._buffers = [buffer for buffer in self._buffers if buffer is not gone]
