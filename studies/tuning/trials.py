"""What a search for thresholds tried and found: trials, the Pareto front, the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from synaptile.foundation.shown import Shown

Hold = Literal["all", "correlation"]
"""What a candidate must keep up: correlation, top-1 agreement and accuracy, or correlation alone."""


@dataclass(frozen=True)
class Score:
    """Energy ratio, correlation of logits with the ANN's, agreement with its top-1 class, accuracy (None without labels).

    All are means over images after `step` steps; agreement and accuracy are 0..1.
    """

    step: int
    ratio: float
    correlation: float
    agreement: float
    accuracy: float | None


@dataclass(frozen=True)
class Trial:
    """One candidate: a factor on the thresholds of each group of sites, the change of n, and its score after each step."""

    number: int
    factors: Mapping[str, float]
    levels: int
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class StoppedTrial:
    """A trial, stopped after one of its steps."""

    trial: Trial
    score: Score


@dataclass(frozen=True)
class Confirmation:
    """The untuned network after each step, and the chosen one where it stops, on images that the search did not see."""

    images: int
    baseline: tuple[Score, ...]
    chosen: Score


@dataclass(frozen=True, repr=False)
class Tuning(Shown):
    """A search. `trials[0]` is the untuned network; `loss` is how far what is to `hold` may fall below it."""

    model: str
    images: int
    accounting: str
    loss: float
    trials: tuple[Trial, ...]
    settings: Mapping[str, Any]
    confirmation: Confirmation | None = None
    hold: Hold = "all"

    def __repr__(self) -> str:
        return f"Tuning({self.model!r}: {len(self.trials)} trials, trial {self.chosen.trial.number} chosen)"

    @property
    def baseline(self) -> Trial:
        """The network as it was given."""
        return self.trials[0]

    @property
    def target(self) -> Score:
        """What a trial has to keep up with: the untuned network after the last step."""
        return self.baseline.scores[-1]

    @property
    def chosen(self) -> StoppedTrial:
        """The least ratio within the allowed loss, after whichever step; the first of equals."""
        allowed = [point for point in self._points if loss_against(self.target, point.score, self.hold) <= self.loss]
        return min(allowed, key=lambda point: (point.score.ratio, point.trial.number))

    @property
    def front(self) -> tuple[StoppedTrial, ...]:
        """Trials and steps that no other beats in ratio and correlation at once, by ratio."""
        front: list[StoppedTrial] = []
        for point in sorted(self._points, key=lambda p: (p.score.ratio, -p.score.correlation, p.trial.number)):
            if not front or point.score.correlation > front[-1].score.correlation:
                front.append(point)
        return tuple(front)

    @property
    def bounds_note(self) -> str:
        """How far the search went."""
        return (
            f"A bounded search: {len(self.trials)} trials over {len(self.baseline.factors) + 1} parameters "
            f"on {self.images} images. It is not exhaustive; better thresholds may exist."
        )

    @property
    def _points(self) -> list[StoppedTrial]:
        return [StoppedTrial(trial, score) for trial in self.trials for score in trial.scores]


def loss_against(target: Score, score: Score, hold: Hold = "all") -> float:
    """The largest fall of what is to `hold` below the target's; negative where all rise."""
    falls = [target.correlation - score.correlation]
    if hold == "all":
        falls.append(target.agreement - score.agreement)
        if target.accuracy is not None and score.accuracy is not None:
            falls.append(target.accuracy - score.accuracy)
    return max(falls)


def stop(scores: Sequence[Score], target: Score, loss: float, hold: Hold = "all") -> Score:
    """The score after the first step within the allowed loss, else after the last."""
    return next((score for score in scores if loss_against(target, score, hold) <= loss), scores[-1])


def ratio_at(scores: Sequence[Score], correlation: float) -> float | None:
    """Energy ratio at which a network first reaches a correlation, linear between steps; None where it never does."""
    before: Score | None = None
    for score in scores:
        if score.correlation >= correlation:
            if before is None:
                return score.ratio
            part = (correlation - before.correlation) / (score.correlation - before.correlation)
            return before.ratio + part * (score.ratio - before.ratio)
        before = score
    return None
