"""The search: shrink one parameter at a time until none shrinks further, then rule out everything smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synaptile.foundation.errors import InputError
from synaptile.studies.sizing.answer import ChipOutcome, Floor, Target
from synaptile.studies.sizing.evaluate import Evaluate, Spent
from synaptile.studies.sizing.family import Family, Index, smallest_meeting

CHECKS = 4
"""Points that were ruled out unseen and are tried all the same, drawn by the seed."""


@dataclass(frozen=True)
class Smallest:
    """The smallest point found, and how far it is known to be the smallest."""

    index: Index
    outcome: ChipOutcome
    floors: tuple[Floor, ...]
    exhaustive: bool
    statement: str


class Search:
    """Points of a family tried against a target; whatever is tried is remembered."""

    def __init__(self, family: Family, target: Target, evaluate: Evaluate, seed: int) -> None:
        self.family, self.target, self.evaluate = family, target, evaluate
        self.rng = np.random.default_rng(seed)
        self.seen: dict[Index, ChipOutcome] = {}
        self.anomalies = 0

    def outcome(self, index: Sequence[int]) -> ChipOutcome:
        """What a point does. Raises Spent."""
        key = tuple(index)
        if key not in self.seen:
            self.seen[key] = self.evaluate(self.family.changes(key))
        return self.seen[key]

    def meets(self, index: Sequence[int]) -> bool:
        """Whether a point meets the target. Raises Spent."""
        return self.target.met(self.outcome(index))

    def run(self) -> Smallest:
        """Search as far as the evaluations go. Raises InputError where no point that was tried meets the target."""
        floors: list[Floor] = []
        spent = False
        try:
            start = self._start()
            if start is not None:
                floors = [self._floor(knob, start) for knob in range(len(self.family.knobs))]
                self._descend(start)
        except Spent:
            spent = True
        ruled_out = (0, 0)
        if self.family.index.size and not spent:
            try:
                ruled_out = self._rule_out()
            except Spent:
                spent = True
        best = self._best()
        if best is None:
            raise InputError(self._unreachable(spent=spent))
        exhaustive, statement = self._told(spent, *ruled_out)
        return Smallest(best, self.seen[best], tuple(floors), exhaustive, statement)

    def _start(self) -> Index | None:
        """A point that meets the target: the largest, else the best that single steps from it lead to; None where none does."""
        here: Index = tuple(len(knob.values) - 1 for knob in self.family.knobs)
        if self.meets(here):
            return here
        while True:
            tries = [
                (*here[:at], value, *here[at + 1 :])
                for at, knob in enumerate(self.family.knobs)
                for value in range(len(knob.values))
                if abs(value - here[at]) == 1
            ]
            best = min(tries, key=lambda index: (self._miss(self.outcome(index)), index), default=here)
            if self.meets(best):
                return best
            if self._miss(self.outcome(best)) >= self._miss(self.outcome(here)):
                return None
            here = best

    def _floor(self, knob: int, start: Index) -> Floor:
        return Floor(self.family.knobs[knob].name, self.family.knobs[knob].values[self._shrunk(start, knob)[knob]])

    def _descend(self, start: Index) -> None:
        """Shrink knob after knob, over and over, until none can."""
        here = start
        while True:
            before = here
            for knob in range(len(self.family.knobs)):
                here = self._shrunk(here, knob)
            if here == before:
                return

    def _shrunk(self, here: Index, knob: int) -> Index:
        """The point with one knob as small as the target allows."""

        def at(value: int) -> Index:
            return (*here[:knob], value, *here[knob + 1 :])

        def probe(lowest: int) -> int:
            lower = [value for value in range(lowest - 1) if at(value) not in self.seen]
            return int(self.rng.choice(lower)) if lower else -1

        smallest = smallest_meeting(here[knob] + 1, lambda value: self.meets(at(value)), probe)
        assert smallest is not None  # the point itself meets the target
        return at(smallest)

    def _rule_out(self) -> tuple[int, int]:
        """Try points smaller than the best, the largest of them first, until all are tried or ruled out by one that failed.

        Returns how many were ruled out unseen, and how many of those were tried as a check. Where a check meets the target after
        all, nothing is ruled out any more. Raises Spent.
        """
        family = self.family
        trusted, checked = True, 0
        while True:
            closed = np.zeros(family.size, bool)
            for index, outcome in self.seen.items():
                closed |= self._closed_by(index, outcome, trusted=trusted)
            while (left := self._smaller() & ~closed).any():
                at = int(np.flatnonzero(left)[np.argmax(family.cost[left])])
                largest: Index = tuple(family.index[at].tolist())
                closed |= self._closed_by(largest, self.outcome(largest), trusted=trusted)
            unseen = np.flatnonzero(self._smaller() & ~self._tried())
            if not trusted or not unseen.size or checked >= CHECKS:
                return int(unseen.size), checked
            checked += 1
            if self.meets(tuple(family.index[int(self.rng.choice(unseen))].tolist())):
                trusted, self.anomalies = False, self.anomalies + 1

    def _closed_by(self, index: Index, outcome: ChipOutcome, *, trusted: bool) -> np.ndarray:
        same = np.asarray((self.family.index == np.array(index)).all(axis=1))
        if self.target.met(outcome) or not trusted:
            return same
        excess = self.target.excess(outcome) if outcome.fits else {}
        return same | self.family.ruled_out(index, outcome, excess)

    def _smaller(self) -> np.ndarray:
        """Points that would be smaller than the best, were they one chip; all where there is no best."""
        best = self._best()
        if best is None:
            return np.ones(self.family.size, bool)
        cost = self.family.cost_of(best, self.seen[best])
        place = int(np.flatnonzero((self.family.index == np.array(best)).all(axis=1))[0])
        return np.asarray((self.family.cost < cost) | ((self.family.cost == cost) & (np.arange(self.family.size) < place)))

    def _tried(self) -> np.ndarray:
        tried = np.zeros(self.family.size, bool)
        for index in self.seen:
            tried |= (self.family.index == np.array(index)).all(axis=1)
        return tried

    def _best(self) -> Index | None:
        meeting = [index for index, outcome in self.seen.items() if self.target.met(outcome)]
        return min(meeting, key=lambda index: (self.family.cost_of(index, self.seen[index]), index), default=None)

    def _miss(self, outcome: ChipOutcome) -> float:
        """How far a point is from the target: the largest share by which a figure misses it."""
        return max(self.target.excess(outcome).values(), default=0.0) if outcome.fits else float("inf")

    def _told(self, spent: bool, unseen: int, checked: int) -> tuple[bool, str]:
        tried = f"{len(self.seen):,} of {self.family.size:,} points tried"
        if spent:
            return False, f"NOT EXHAUSTIVE: {tried}, then the evaluations were spent; a smaller chip may meet the target"
        if not self.family.index.size:
            return False, f"NOT EXHAUSTIVE: {tried}; no parameter alone can be smaller, several together might trade"
        if self.anomalies:
            return True, f"exhaustive: {tried}, all smaller ones among them (the target is not met monotonically)"
        how = (
            f", {unseen:,} smaller ones ruled out by larger ones that failed ({checked} of them tried as a check)"
            if unseen
            else ""
        )
        return True, f"exhaustive: {tried}{how}"

    def _unreachable(self, *, spent: bool) -> str:
        fitting = [index for index, outcome in self.seen.items() if outcome.fits]
        rest = "then the evaluations were spent" if spent else "the others ruled out by larger ones that failed"
        left = f", {rest}" if len(self.seen) < self.family.size else ""
        tried = f"{len(self.seen):,} of {self.family.size:,} points were tried{left}"
        if not fitting:
            largest = tuple(len(knob.values) - 1 for knob in self.family.knobs)
            why = self.seen[largest if largest in self.seen else next(iter(self.seen))].why if self.seen else "none was tried"
            return f"no chip of the family holds the graph: {why}; {tried}: widen the ranges"
        best = min(fitting, key=lambda index: (self._miss(self.seen[index]), index))
        outcome = self.seen[best]
        values = ", ".join(f"{name}={value:g}" for name, value in self.family.changes(best).items())
        return (
            f"no chip of the family meets the target ({self.target}): best reached {outcome.latency_ms:.4g} ms, "
            f"{outcome.images_per_second:.4g} images/s, {outcome.energy_mj:.4g} mJ at {values}, bound by {outcome.binding} "
            f"({outcome.why}); {tried}: widen the ranges of what binds, or relax the target"
        )
