"""Is a matrix transposed in squares of registers right, whatever its extents?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.simulator.kernels import dispatch, plain


@pytest.mark.parametrize("way", [dispatch.transpose, plain.transpose], ids=["dispatch", "plain"])
@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (16, 16), (17, 16), (16, 31), (33, 50)])
def test_a_part_of_a_matrix_is_transposed_into_a_part_of_another(shape: tuple[int, int], dtype: Any, way: Any) -> None:
    rows, columns = shape
    whole = np.random.default_rng(rows).integers(-128, 128, (rows + 2, columns + 3)).astype(dtype)
    target = np.full((columns + 1, rows + 4), 99, dtype)
    start, stride, step = 1 * (columns + 3) + 2, columns + 3, rows + 4
    way(whole.reshape(-1), start, stride, rows, columns, target.reshape(-1), step + 3, step)
    np.testing.assert_array_equal(target[1:, 3 : 3 + rows], whole[1 : 1 + rows, 2 : 2 + columns].T)
    assert (target[0] == 99).all() and (target[:, :3] == 99).all() and (target[:, 3 + rows :] == 99).all()
