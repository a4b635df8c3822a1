"""How far two ways of one computation may lie apart, from the number of roundings, never from what one machine gave.

u is the unit roundoff of a floating type. n roundings in a row cost a relative error of at most gamma_n = n u / (1 - n u); a sum
of n terms, in whatever order, errs by at most gamma_(n - 1) times the sum of their magnitudes (Higham, Accuracy and Stability of
Numerical Algorithms, 2002, lemma 3.1 and section 4.2). A comparison of two rounded results adds both bounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def unit_roundoff(dtype: DTypeLike) -> float:
    """The largest relative error of one rounding: 2^-24 of float32, 2^-53 of float64."""
    return float(np.finfo(dtype).eps) / 2


def gamma(n: int, dtype: DTypeLike) -> float:
    """The largest relative error of n roundings in a row."""
    error = n * unit_roundoff(dtype)
    assert error < 0.01, "so many roundings leave no digits to compare"
    return error / (1 - error)


def of_product(left: NDArray[Any], right: NDArray[Any], dtype: DTypeLike, added: ArrayLike = 0.0) -> NDArray[np.float64]:
    """Of `left @ right + added`: each term is rounded once as a product and at most once a partial sum, the fan-in + 1 in all."""
    magnitudes = np.abs(left).astype(np.float64) @ np.abs(right).astype(np.float64) + np.abs(added)
    return np.asarray(gamma(left.shape[-1] + 1, dtype) * magnitudes)


def assert_within(found: ArrayLike, expected: ArrayLike, bound: ArrayLike, what: str = "") -> None:
    """Every element of `found` is no further from `expected` than its bound; the worst one is named, in units of its bound."""
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    off, allowed = np.abs(found - expected), np.broadcast_to(np.asarray(bound, np.float64), found.shape)
    assert found.shape == expected.shape and np.isfinite(found).all(), what
    beyond = off > allowed
    if beyond.any():
        at = tuple(int(i) for i in np.unravel_index(np.argmax(np.where(beyond, off - allowed, -1.0)), found.shape))
        raise AssertionError(f"{what} at {at}: {found[at]!r} is {off[at]:.3g} from {expected[at]!r}, bound {allowed[at]:.3g}")
