"""Are streams added channel by channel, from wherever they begin, in place too?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.simulator.kernels.streams import add_streams


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_streams_are_added_as_numpy_adds_them(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    a, b, out = rng.standard_normal((5, 30)).astype(dtype), rng.standard_normal((5, 23)).astype(dtype), np.empty((5, 20), dtype)
    add_streams(a, 7, b, 0, out)
    np.testing.assert_array_equal(out, a[:, 7:27] + b[:, :20])
    expected = out + b[:, 3:]
    add_streams(out, 0, b, 3, out)
    np.testing.assert_array_equal(out, expected)
