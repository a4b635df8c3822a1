"""Are the integers of an array each there once?"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from synaptile.foundation.sums import distinct


@given(values=st.lists(st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)))
def test_distinct_integers_are_those_of_a_set(values: list[int]) -> None:
    assert distinct(np.array(values, np.int64)).tolist() == sorted(set(values))
