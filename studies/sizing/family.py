"""The points of a chip family, how large each is, and which are ruled out by one that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from functools import cached_property
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import ChipError
from synaptile.hwmodels import Chip, die_area_mm2
from synaptile.hwmodels.parameters import resolve_parameter
from synaptile.studies.sizing.answer import ChipOutcome, Knob, Value
from synaptile.studies.sizing.bases import Bases, figures_in
from synaptile.studies.sizing.request import CAPACITIES, RATES, figures_of

Index = tuple[int, ...]
MOST_LISTED = 100_000
"""Points that are listed one by one; of a larger family, no point is proved to be the smallest."""

ANOMALY = 0.2
"""By how much a schedule may get faster with a slower unit, as a share: jobs that come in another order may meet fewer waits."""


@dataclass(frozen=True)
class Family:
    """The family: `index` of shape (points, knobs) and `cost` (points,), in order of index; both empty where it is too large.

    `cost` is the area of one chip; a board of several costs more, so it is a lower bound. Of each knob, `capacity` and `rate` say
    what failing with more of it tells about less, `words` whether its values are no numbers.
    """

    bases: Bases
    knobs: tuple[Knob, ...]
    size: int
    index: NDArray[np.int64]
    cost: NDArray[np.float64]
    capacity: NDArray[np.bool_]
    rate: NDArray[np.bool_]

    @property
    def areas(self) -> bool:
        """Whether every chip that points start from states its area."""
        return all(chip.area is not None for chip in (self.bases.own, *self.bases.named.values()))

    @property
    def unit(self) -> str:
        """What a cost is measured in."""
        return "mm2" if self.areas else "doublings above the smallest values"

    @cached_property
    def words(self) -> tuple[bool, ...]:
        """Of each knob, whether its values are words."""
        return tuple(isinstance(knob.values[0], str) for knob in self.knobs)

    def changes(self, index: Sequence[int]) -> dict[str, Value]:
        """Values by knob."""
        return {knob.name: knob.values[at] for knob, at in zip(self.knobs, index, strict=True)}

    def number(self, index: Sequence[int]) -> int:
        """Row of a point in `index`."""
        return int(np.ravel_multi_index(tuple(index), [len(knob.values) for knob in self.knobs]))

    def cost_of(self, index: Sequence[int], outcome: ChipOutcome | None = None) -> float:
        """Size of a point; without an outcome that of one chip of it."""
        if not self.areas:
            pairs = [(knob.values[at], knob.values[0]) for knob, at in zip(self.knobs, index, strict=True)]
            return sum(log2(one / low) for one, low in pairs if not isinstance(one, str) and not isinstance(low, str))
        if outcome is not None and outcome.area_mm2 is not None:
            return outcome.area_mm2
        if len(self.cost):
            return float(self.cost[self.number(index)])
        changes = self.changes(index)
        figures = figures_in(changes)
        if "process_nm" not in figures and "voltage_v" not in figures:
            return die_area_mm2(_resized(self.bases.of(changes), figures)).total
        try:
            return die_area_mm2(self.bases.chip(changes)).total  # all figures of area move with them
        except ChipError:
            return 0.0  # no chip at all: a lower bound, whatever it will be refused for

    def ruled_out(self, index: Sequence[int], outcome: ChipOutcome, excess: Mapping[str, float]) -> NDArray[np.bool_]:
        """Points that fail because this one does; shape (points,).

        What does not fit does not fit with less of any capacity, whatever the rates. What is too slow by more than `ANOMALY` is
        too slow with the same capacities and lower rates. What misses by less, takes too much energy, or fails for another
        reason, rules out itself alone.
        """
        same, less = self.index == np.array(index), self.index <= np.array(index)
        other = ~self.capacity & ~self.rate
        if not outcome.fits:
            if outcome.binding not in CAPACITIES:
                return np.asarray(same.all(axis=1))
            return np.asarray((less | ~self.capacity).all(axis=1) & (same | ~other).all(axis=1))
        if max(excess.get("latency", 0.0), excess.get("throughput", 0.0)) > ANOMALY:
            return np.asarray((same | (less & self.rate)).all(axis=1))
        return np.asarray(same.all(axis=1))


def make_family(bases: Bases, knobs: tuple[Knob, ...], *, timed: bool = False) -> Family:
    """List a family, smallest index first, where it has at most `MOST_LISTED` points.

    `timed`: mapping for time reads rates, so that a slower unit is not the same mapping slowed down.
    """
    extents = [len(knob.values) for knob in knobs]
    size = prod(extents)
    listed = size <= MOST_LISTED
    index = np.indices(extents).reshape(len(extents), -1).T if listed else np.zeros((0, len(extents)), np.int64)
    figures = [figures_of(knob, bases.own) for knob in knobs]
    capacity, rate = (
        np.array([bool(names) and all(name in kind for name in names) for names in figures])
        for kind in (CAPACITIES, frozenset[str]() if timed else RATES)
    )
    empty = Family(bases, knobs, size, index.astype(np.int64), np.zeros(0), capacity, rate)
    return replace(empty, cost=np.array([empty.cost_of(row) for row in index.tolist()], np.float64))


def smallest_meeting(extent: int, meets: Callable[[int], bool], probe: Callable[[int], int]) -> int | None:
    """The smallest index of a knob that meets a target, by bisection; `probe(found)` is tried for what bisection missed.

    None where the largest index does not meet it. Where a lower one does after all, the search goes on below that.
    """
    high = extent - 1
    if not meets(high):
        return None
    while True:
        low = -1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if meets(middle) else (middle, high)
        lower = probe(high) if high > 1 else -1
        if lower < 0 or not meets(lower):
            return high
        high = lower


def _resized(chip: Chip, figures: Mapping[str, Value]) -> Chip:
    """The chip with figures replaced and nothing checked: for its area only."""
    resized = chip
    for name, value in figures.items():
        figure, scale = resolve_parameter(name, chip.name)
        resized = _put(resized, figure.split("."), value if isinstance(value, str) else value * scale)
    return resized


def _put(section: Any, path: Sequence[str], value: Value) -> Any:
    """A section with one figure replaced; one that it does not have has no area either."""
    within = getattr(section, path[0], None)
    if len(path) > 1 and not is_dataclass(within):
        return section
    return replace(section, **{path[0]: value if len(path) == 1 else _put(within, path[1:], value)})
