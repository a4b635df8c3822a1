"""Do blocks of rows cover every group once, none too large, and begin at words of codes where that costs no block?"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from synaptile.simulator.kernels.rows import block_count, block_cuts


@pytest.mark.parametrize("rows", [1, 16, 40, 64, 80, 160])
@pytest.mark.parametrize("bounds", [[0, 1], [0, 64], [0, 197], [0, 768], [0, 100, 197, 500], [0, 65, 65, 70]])
def test_blocks_cover_each_group_and_are_no_more_than_needed(bounds: list[int], rows: int) -> None:
    cuts, first = block_cuts(np.array(bounds), rows)
    assert (
        len(cuts) - 1
        == block_count(np.array(bounds), rows)
        == sum(-(-(right - left) // rows) for left, right in pairwise(bounds))
    )
    sizes = np.diff(cuts)
    assert (sizes > 0).all() and sizes.max() <= rows
    assert [cuts[b] for b in first] == bounds


def test_blocks_begin_at_words_where_there_are_no_more_of_them() -> None:
    assert block_cuts(np.array([0, 197]), 80)[0].tolist() == [0, 64, 128, 197]
    assert block_cuts(np.array([0, 768]), 80)[0].tolist() == [k * 768 // 10 for k in range(11)], "words would make twelve"
