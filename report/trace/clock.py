"""Cycles as timestamps: whole numbers of a unit in which a cycle is exact wherever the unit allows it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64

_FEMTOSECONDS = ("fs", "ps", "ns", "us", "ms", "s")


@dataclass(frozen=True)
class TimeBase:
    """Timestamps in ticks of ``magnitude`` x ``unit`` (VCD's "10 ns"); a cycle takes `ticks_per_cycle` of them.

    Where that is no whole number, a timestamp is rounded down to a whole tick; order is kept, and `exact` is false.
    """

    magnitude: int
    unit: str
    ticks_per_cycle: Fraction

    @property
    def exact(self) -> bool:
        """Whether every cycle falls on a whole tick."""
        return self.ticks_per_cycle.denominator == 1

    def ticks(self, cycles: Int64) -> Int64:
        """Timestamps of cycles, int64, rounded down."""
        whole, rest = divmod(self.ticks_per_cycle.numerator, self.ticks_per_cycle.denominator)
        return cycles * whole + cycles * rest // self.ticks_per_cycle.denominator  # a product with the numerator can overflow

    def cycle_of(self, ticks: int) -> int:
        """The first cycle whose timestamp is `ticks` or later."""
        return -floor(-Fraction(ticks) / self.ticks_per_cycle)

    def __str__(self) -> str:
        ticks = self.ticks_per_cycle
        how = "" if self.exact else ", timestamps rounded down"
        return f"1 cycle = {float(ticks):g} x {self.magnitude} {self.unit}{how}"


def cycle_seconds(clock_mhz: float) -> Fraction:
    """Length of a cycle in seconds, as the fraction that the chip file means (333.3 is 3333/10)."""
    if not 0 < clock_mhz < float("inf"):
        raise InputError(f"a clock of {clock_mhz} MHz has no cycle time: the chip's clock_mhz must be positive and finite")
    return 1 / (Fraction(str(clock_mhz)) * 10**6)


def nanoseconds(clock_mhz: float) -> TimeBase:
    """Ticks of 1 ns, the unit of Perfetto."""
    return TimeBase(1, "ns", cycle_seconds(clock_mhz) * 10**9)


def coarsest(clock_mhz: float) -> TimeBase:
    """The longest of 100 s ... 1 fs of which a cycle is a whole number; 1 fs where there is none."""
    cycle = cycle_seconds(clock_mhz)
    for exponent in range(17, -1, -1):
        ticks = cycle * 10**15 / 10**exponent
        if ticks.denominator == 1:
            return TimeBase(10 ** (exponent % 3), _FEMTOSECONDS[exponent // 3], ticks)
    return TimeBase(1, "fs", cycle * 10**15)
