"""Are cycles exact in the units of traces wherever they can be?"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synaptile.foundation.errors import InputError
from synaptile.report.trace.clock import coarsest, cycle_seconds, nanoseconds


@pytest.mark.parametrize(
    ("clock_mhz", "magnitude", "unit", "ticks"),
    [
        (500, 1, "ns", 2),
        (100.0, 10, "ns", 1),
        (1000, 1, "ns", 1),
        (0.001, 1, "ms", 1),
        (333.3, 1, "fs", None),
        (160, 10, "ps", 625),
    ],
)
def test_a_waveform_counts_in_the_coarsest_unit_that_is_exact(
    clock_mhz: float, magnitude: int, unit: str, ticks: int | None
) -> None:
    base = coarsest(clock_mhz)
    assert (base.magnitude, base.unit) == (magnitude, unit)
    assert base.exact == (ticks is not None)
    assert ticks is None or base.ticks_per_cycle == ticks


def test_perfetto_counts_nanoseconds() -> None:
    assert nanoseconds(500).ticks(np.array([0, 1, 7])).tolist() == [0, 2, 14]
    assert str(nanoseconds(500)) == "1 cycle = 2 x 1 ns"
    assert nanoseconds(300).ticks(np.array([0, 1, 2, 3])).tolist() == [0, 3, 6, 10]
    assert not nanoseconds(300).exact
    assert "rounded down" in str(nanoseconds(300))


@given(st.integers(1, 999), st.integers(0, 2**40))
def test_a_rounded_timestamp_gives_its_cycle_back(clock_mhz: int, cycle: int) -> None:
    base = nanoseconds(clock_mhz)
    assert base.cycle_of(int(base.ticks(np.array(cycle)))) == cycle


def test_a_late_timestamp_of_a_crooked_clock_does_not_overflow() -> None:
    base, cycle = coarsest(285.714286), 2**31
    assert int(base.ticks(np.array(cycle))) == cycle * base.ticks_per_cycle.numerator // base.ticks_per_cycle.denominator


def test_a_clock_of_decimals_is_taken_as_written() -> None:
    assert cycle_seconds(333.3) == Fraction(10, 3333) / 10**6


@pytest.mark.parametrize("clock_mhz", [0.0, -1.0, float("inf"), float("nan")])
def test_a_clock_that_divides_by_nothing_is_refused(clock_mhz: float) -> None:
    with pytest.raises(InputError, match="clock_mhz must be positive"):
        cycle_seconds(clock_mhz)
