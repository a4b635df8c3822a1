"""Do sums over rectangles of a table equal those of slices, where they overlap, are empty or end beyond the table?"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synaptile.simulator.kernels.rectangles import sum_rectangles


@given(st.integers(1, 3), st.integers(1, 6), st.integers(1, 6), st.integers(0, 9), st.integers(0, 2**32))
def test_sums_are_those_of_slices(steps: int, rows: int, columns: int, rectangles: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(-9, 9, (steps, 2, rows, columns)).astype(np.int32)
    top, bottom = np.sort(rng.integers(0, rows + 3, (2, rectangles)), axis=0)
    left, right = np.sort(rng.integers(0, columns + 2, (2, rectangles)), axis=0)
    expected = [counts[:, :, a:b, c:d].sum(axis=(1, 2, 3)) for a, b, c, d in zip(top, bottom, left, right, strict=True)]
    found = sum_rectangles(counts, top, bottom, left, right)
    np.testing.assert_array_equal(found, np.array(expected).reshape(rectangles, steps).T)
