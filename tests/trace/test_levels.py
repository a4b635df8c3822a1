"""Are the stalls and levels that a trace shows true to the timeline?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.report.trace.changes import level, running
from synaptile.report.trace.stalls import INPUT, NETWORK, stalls
from tests.trace.timelines import RUNS, timeline


@pytest.mark.parametrize("options", RUNS)
def test_stalls_add_up_to_the_cycles_of_cores(options: dict[str, Any]) -> None:
    run = timeline(**options)
    found = stalls(run)
    length = found.end_cycles - found.start_cycles
    for kind, column in ((INPUT, run.cores.stalled_input), (NETWORK, run.cores.stalled_network)):
        own = found.kind == kind
        assert np.bincount(found.core[own], length[own], column.size).tolist() == column.tolist()


STRETCHES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 9), st.integers(1, 4)), max_size=30)


@given(STRETCHES)
def test_a_level_is_the_sum_of_what_holds_each_cycle(stretches: list[tuple[int, int, int, int]]) -> None:
    track, start, length, weight = np.array(stretches, np.int64).reshape(-1, 4).T
    changes = level(track, start, start + length, weight)
    value = np.zeros((4, 31), np.int64)
    for at, cycle, now in zip(changes.track, changes.cycle, changes.value, strict=True):
        value[at, cycle:] = now
    naive = np.zeros((4, 31), np.int64)
    for at, begin, lasting, amount in stretches:
        naive[at, begin : begin + lasting] += amount
    assert value.tolist() == naive.tolist()
    pairs = list(zip(changes.track.tolist(), changes.value.tolist(), strict=True))
    assert all(first != second for first, second in pairwise(pairs)), "only changes are kept"


def test_a_running_sum_ends_at_the_total() -> None:
    changes = running(np.array([1, 0, 1]), np.array([5, 2, 3]), np.array([4, 7, 0]))
    assert (changes.track.tolist(), changes.cycle.tolist(), changes.value.tolist()) == ([0, 1], [2, 5], [7, 4])
