"""Does independent work run side by side, and come back in order?"""

from __future__ import annotations

import threading

import numba
import pytest

from synaptile.simulator.parallel import in_threads


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one thread")  # type: ignore[attr-defined]  # set at import
def test_as_many_run_at_once_as_there_are_threads_and_results_come_in_order() -> None:
    threads = numba.get_num_threads()
    together = threading.Barrier(threads, timeout=60)

    def wait(number: int) -> int:
        together.wait()  # passes only where so many are here at once
        return number

    assert list(in_threads(wait, range(3 * threads))) == list(range(3 * threads))


def test_an_error_is_handed_on_and_nothing_begins_after_it() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 2:
            raise ValueError("two")
        return number

    with pytest.raises(ValueError, match="two"):
        list(in_threads(work, range(1000)))
    assert len(begun) <= 2 + 2 * (numba.get_num_threads() + 1)
