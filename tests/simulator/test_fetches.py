"""Are row fetches what a loop over blocks of spikes counts?"""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from synaptile.simulator.kernels.fetches import count_fetches


def by_hand(fired: NDArray[np.bool_], first: int, last: int, block: int, batch: int) -> NDArray[np.int64]:
    """Sets of (block, batch, channel), a fetch at the first step that adds to one."""
    steps, groups, tokens, _ = fired.shape
    counts = np.zeros((steps, groups), np.int64)
    for group in range(groups):
        met: set[tuple[int, int, int]] = set()
        for step in range(steps):
            for token in range(tokens):
                for channel in range(first, last):
                    key = (token // block, step // batch, channel)
                    if fired[step, group, token, channel] and key not in met:
                        met.add(key)
                        counts[step, group] += 1
    return counts


@given(st.data())
def test_fetches_equal_a_count_by_sets(data: st.DataObject) -> None:
    steps, groups, tokens, channels = (data.draw(st.integers(1, most)) for most in (5, 3, 9, 21))
    first = data.draw(st.integers(0, channels - 1))
    last = data.draw(st.integers(first + 1, channels))
    block, batch = data.draw(st.integers(1, tokens + 1)), data.draw(st.integers(1, steps + 1))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    fired = rng.random((steps, groups, tokens, channels)) < data.draw(st.sampled_from([0.0, 0.05, 0.3, 0.9]))
    counted = count_fetches(np.packbits(fired, axis=-1), first, last, block, batch)
    assert np.array_equal(counted, by_hand(fired, first, last, block, batch))


def test_one_token_and_one_step_per_block_fetch_a_row_per_spike() -> None:
    fired = np.random.default_rng(0).random((4, 2, 7, 30)) < 0.4
    assert np.array_equal(count_fetches(np.packbits(fired, axis=-1), 0, 30, 1, 1), fired.sum(axis=(2, 3)))


def test_a_shorter_run_fetches_what_the_first_steps_of_a_longer_one_do() -> None:
    packed = np.packbits(np.random.default_rng(1).random((6, 2, 11, 24)) < 0.1, axis=-1)
    whole = count_fetches(packed, 3, 20, 4, 4)
    for steps in range(1, 7):
        assert np.array_equal(count_fetches(np.ascontiguousarray(packed[:steps]), 3, 20, 4, 4), whole[:steps])
