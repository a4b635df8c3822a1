"""Exact sums of integers by place, and which integers there are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Int64


def sum_by(places: tuple[NDArray[np.integer], ...], values: NDArray[np.integer], shape: tuple[int, ...]) -> Int64:
    """`values` (n,) summed where `places`, as many columns (n,) as `shape` has axes, put them.

    NumPy's ``add.at`` takes some thirty times as long where it gets several indices, or 32 bits.
    """
    sums = np.zeros(math.prod(shape), np.int64)
    place = places[0].astype(np.int64)
    for column, extent in zip(places[1:], shape[1:], strict=True):
        place = place * extent + column
    np.add.at(sums, place, values.astype(np.int64))
    return sums.reshape(shape)


def distinct(values: Int64) -> Int64:
    """The integers of an array (n,), each once, ascending; NumPy's ``unique`` hashes, which takes a hundred times as long."""
    ordered = np.sort(values)
    new = np.ones(ordered.size, bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]
