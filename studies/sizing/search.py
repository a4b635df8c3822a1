"""The search: from the largest chip down, parameter by parameter and neighbour by neighbour, then everything that is smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from synaptile.foundation.errors import InputError
from synaptile.studies.sizing.answer import ChipOutcome, Floor, Target, value_text
from synaptile.studies.sizing.evaluate import Evaluate, Spent
from synaptile.studies.sizing.family import Family, Index, smallest_meeting

CHECKS = 4
"""Points that were ruled out unseen and are tried all the same, drawn by the seed."""


@dataclass(frozen=True)
class Smallest:
    """The smallest of all points tried that meet the target, and how far it is known to be the smallest of the family."""

    index: Index
    outcome: ChipOutcome
    floors: tuple[Floor, ...]
    exhaustive: bool
    statement: str


class Search:
    """Points of a family tried against a target; whatever is tried is remembered, and the best of it is the answer."""

    def __init__(self, family: Family, target: Target, evaluate: Evaluate, seed: int) -> None:
        self.family, self.target, self.evaluate = family, target, evaluate
        self.rng = np.random.default_rng(seed)
        self.seen: dict[Index, ChipOutcome] = {}
        self.tried = np.zeros(len(family.index), np.bool_)
        self.best: tuple[float, Index] | None = None
        self.anomalies = 0

    def outcome(self, index: Sequence[int], *, free: bool = False) -> ChipOutcome:
        """What a point does. Raises Spent."""
        key = tuple(index)
        if key not in self.seen:
            outcome = self.seen[key] = self.evaluate(self.family.changes(key), free=free)
            if self.tried.size:
                self.tried[self.family.number(key)] = True
            if self.target.met(outcome):
                rank = self.family.cost_of(key, outcome), key
                self.best = rank if self.best is None else min(self.best, rank)
        return self.seen[key]

    def meets(self, index: Sequence[int]) -> bool:
        """Whether a point meets the target. Raises Spent."""
        return self.target.met(self.outcome(index))

    def run(self) -> Smallest:
        """Search as far as the evaluations go, then past them to where no neighbour is better.

        Raises InputError where no point that was tried meets the target.
        """
        floors: list[Floor] = []
        unseen, checked, spent = 0, 0, False
        try:
            starts = self._starts()
            if starts:
                floors = [self._floor(knob, starts[0]) for knob in range(len(self.family.knobs)) if not self.family.words[knob]]
            for start in starts:
                self._descend(start)
            self._improve()
            unseen, checked = self._rule_out()
        except Spent:
            spent = True
        if self.best is None:
            raise InputError(self._unreachable(spent=spent))
        self._improve(free=True)
        index = self.best[1]
        exhaustive, statement = self._told(spent, unseen, checked)
        return Smallest(index, self.seen[index], tuple(floors), exhaustive, statement)

    def neighbours(self, index: Index, *, trades: bool = False) -> Iterator[Index]:
        """Points one value up or down in one parameter, or with another of its words; `trades`: up in one and down in another."""
        for at, knob in enumerate(self.family.knobs):
            values = range(len(knob.values)) if self.family.words[at] else (index[at] - 1, index[at] + 1)
            yield from (_with(index, at, to) for to in values if 0 <= to < len(knob.values) and to != index[at])
        if not trades:
            return
        for up, more in enumerate(self.family.knobs):
            for down in range(len(self.family.knobs)):
                plain = up != down and not self.family.words[up] and not self.family.words[down]
                if plain and index[up] + 1 < len(more.values) and index[down] > 0:
                    yield _with(_with(index, up, index[up] + 1), down, index[down] - 1)

    def _starts(self) -> list[Index]:
        """Points to descend from: the largest that meet the target, with each choice of words; else what single steps lead to."""
        knobs = [
            range(len(k.values)) if w else (len(k.values) - 1,) for k, w in zip(self.family.knobs, self.family.words, strict=True)
        ]
        largest = list(product(*knobs))
        if meeting := [index for index in largest if self.meets(index)]:
            return meeting
        here = min(largest, key=lambda index: (self._miss(self.outcome(index)), index))
        while True:
            best = min(self.neighbours(here), key=lambda index: (self._miss(self.outcome(index)), index), default=here)
            if self.meets(best):
                return [best]
            if self._miss(self.outcome(best)) >= self._miss(self.outcome(here)):
                return []
            here = best

    def _floor(self, knob: int, start: Index) -> Floor:
        lowest = smallest_meeting(start[knob] + 1, lambda value: self.meets(_with(start, knob, value)), self._probe(start, knob))
        return Floor(self.family.knobs[knob].name, None if lowest is None else self.family.knobs[knob].values[lowest])

    def _descend(self, here: Index) -> None:
        """Shrink knob after knob while the board gets smaller, what saves most first, over and over, until none can."""
        while True:
            before = here
            plain = [knob for knob in range(len(self.family.knobs)) if not self.family.words[knob] and here[knob]]
            saved = {knob: -self.family.cost_of(_with(here, knob, 0)) for knob in plain}
            for knob in sorted(plain, key=lambda knob: (-saved[knob], knob)):
                here = self._shrunk(here, knob)
            if here == before:
                return

    def _shrunk(self, here: Index, knob: int) -> Index:
        """The point with one knob as small as the target allows, and no larger a board."""
        size = self.family.cost_of(here, self.outcome(here))

        def at(value: int) -> Index:
            return _with(here, knob, value)

        def smaller(value: int) -> bool:
            return self.meets(at(value)) and self.family.cost_of(at(value), self.outcome(at(value))) <= size

        smallest = smallest_meeting(here[knob] + 1, smaller, self._probe(here, knob))
        assert smallest is not None  # the point itself meets the target
        return at(smallest)

    def _probe(self, here: Index, knob: int) -> Callable[[int], int]:
        """Draws one lower value that bisection has not tried."""

        def probe(lowest: int) -> int:
            lower = [value for value in range(lowest - 1) if _with(here, knob, value) not in self.seen]
            return int(self.rng.choice(lower)) if lower else -1

        return probe

    def _improve(self, *, free: bool = False) -> None:
        """Go from the best point to a better neighbour until there is none; `free`: by single steps, whatever was spent."""
        while self.best is not None:
            here = self.best
            near = [(self.family.cost_of(index), index) for index in self.neighbours(here[1], trades=not free)]
            for rank in sorted(near):
                if rank < here:  # else it is larger however few chips it takes
                    self.outcome(rank[1], free=free)
                if self.best != here:
                    break
            else:
                return

    def _rule_out(self) -> tuple[int, int]:
        """Try every point smaller than the best, or, where that is more than may be tried, rule out what larger ones do.

        Returns how many were ruled out unseen, and how many of those were tried as a check. Where a check meets the target after
        all, nothing is ruled out any more. Raises Spent.
        """
        family, checked = self.family, 0
        closed = np.zeros(family.index.shape[0], np.bool_)
        for index, outcome in self.seen.items():
            closed |= self._closed_by(index, outcome)
        while True:
            left = self._smaller() & ~self.tried
            if np.count_nonzero(left) <= self.evaluate.left or self.anomalies:
                self._try_all(left)
                return 0, checked
            if (open_ := left & ~closed).any():
                at = int(np.flatnonzero(open_)[np.argmax(family.cost[open_])])
                largest: Index = tuple(family.index[at].tolist())
                closed |= self._closed_by(largest, self.outcome(largest))
                continue
            if checked >= CHECKS:
                return int(np.count_nonzero(left)), checked
            checked += 1
            if self.meets(tuple(family.index[int(self.rng.choice(np.flatnonzero(left)))].tolist())):
                self.anomalies += 1

    def _try_all(self, left: np.ndarray) -> None:
        """Try points from the smallest on, until what remains is no smaller than the best."""
        order = np.flatnonzero(left)
        for at in order[np.argsort(self.family.cost[order], kind="stable")].tolist():
            index: Index = tuple(self.family.index[at].tolist())
            if self.best is not None and (float(self.family.cost[at]), index) >= self.best:
                return
            self.outcome(index)

    def _closed_by(self, index: Index, outcome: ChipOutcome) -> np.ndarray:
        if self.target.met(outcome):
            return np.zeros(len(self.family.index), np.bool_)
        excess = self.target.excess(outcome) if outcome.fits else {}
        return self.family.ruled_out(index, outcome, excess)

    def _smaller(self) -> np.ndarray:
        """Points that would be smaller than the best, were they one chip; all where there is no best."""
        if self.best is None:
            return np.ones(len(self.family.index), np.bool_)
        (cost, index), family = self.best, self.family
        return np.asarray((family.cost < cost) | ((family.cost == cost) & (np.arange(len(family.cost)) < family.number(index))))

    def _miss(self, outcome: ChipOutcome) -> float:
        """How far a point is from the target: the largest share by which a figure misses it."""
        return max(self.target.excess(outcome).values(), default=0.0) if outcome.fits else float("inf")

    def _told(self, spent: bool, unseen: int, checked: int) -> tuple[bool, str]:
        tried = f"{len(self.seen):,} of {self.family.size:,} points tried"
        near = "no neighbour of the answer (one parameter one value up or down) is smaller"
        if spent:
            return False, f"NOT EXHAUSTIVE: {tried}, then the evaluations were spent; {near}, a chip further away may be"
        if not self.family.index.size:
            return False, f"NOT EXHAUSTIVE: {tried}; {near}, several parameters together might trade"
        if unseen:
            ruled = f"{unseen:,} smaller ones ruled out by larger ones that failed ({checked} of them tried as a check)"
            return True, f"exhaustive: {tried}, {ruled}"
        odd = " (the target is not met monotonically)" if self.anomalies else ""
        return True, f"exhaustive: {tried}, all that could be smaller among them{odd}"

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
        throughput = f"{outcome.images_per_second:.4g} images/s, " if outcome.images_per_second else ""
        values = ", ".join(f"{name}={value_text(value)}" for name, value in self.family.changes(best).items())
        return (
            f"no chip of the family meets the target ({self.target}): best reached {outcome.latency_ms:.4g} ms, "
            f"{throughput}{outcome.energy_mj:.4g} mJ at {values}, bound by {outcome.binding} "
            f"({outcome.why}); {tried}: widen the ranges of what binds, or relax the target"
        )


def _with(index: Index, knob: int, value: int) -> Index:
    return (*index[:knob], value, *index[knob + 1 :])
