"""Does memory return to its pool when nothing uses it, and not before?"""

from __future__ import annotations

import numpy as np

from synaptile.simulator.event.buffers import Buffers


def owner(array: np.ndarray) -> int:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return id(array)


def test_memory_is_used_again_only_when_no_view_of_it_is_left() -> None:
    pool = Buffers(1 << 30)
    first = pool.empty((100, 1000), np.float32)
    view, at = first[3:].T, owner(first)
    del first
    second = pool.empty((100, 1000), np.float32)
    assert owner(second) != at, "a view is left"
    del view
    assert owner(pool.empty((90, 1000), np.float32)) == at


def test_a_buffer_much_too_large_is_left_alone() -> None:
    pool = Buffers(1 << 30)
    at = owner(pool.empty((1 << 20,), np.uint8))
    assert owner(pool.empty((1 << 17,), np.uint8)) != at


def test_what_nobody_uses_goes_where_one_more_would_pass_the_limit() -> None:
    size = 1 << 20
    pool = Buffers(5 * size)
    used, free = pool.empty((2 * size,), np.uint8), pool.empty((size,), np.uint8)
    assert used.size and free.size
    del free
    kept = pool.empty((4 * size,), np.uint8)
    assert sum(map(len, pool._buffers)) == used.size + kept.size, "what is in use stays whatever the limit"
