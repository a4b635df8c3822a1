"""SNN against ANN at equal answers: from which step on the spiking network answers as well, and what it has spent by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import EnergyReport
from synaptile.foundation.errors import InputError
from synaptile.simulator.activity import Activity

WITHIN = 0.01
"""How far below the ANN's accuracy, and below agreement with it on all samples, still counts as equal: 1 point."""

Labels = Sequence[int] | NDArray[np.integer]


@dataclass(frozen=True)
class Equal:
    """One measure of how well the SNN answers, "accuracy" or "agreement", shares 0..1.

    `wanted` is what counts as equal, `step` the first from which it stays reached to the end (None without one), `ratios` SNN
    over ANN of every accounting through it, None where unpriced. `best` is the most that any step reached, `best_step` the first.
    """

    measure: str
    wanted: float
    step: int | None
    ratios: Mapping[str, float | None]
    best: float
    best_step: int


def accuracy_per_step(activity: Activity, labels: Labels) -> NDArray[np.float64]:
    """Top-1 accuracy at each step, shape (steps,), 0..1. Raises InputError unless there is one label per image of the run."""
    wanted = np.asarray(labels)
    if wanted.shape != (activity.images,):
        raise InputError(f"{activity.images} images were run and labels have shape {wanted.shape}: give one label per image")
    if activity.synthetic is not None:
        raise InputError(f"the activity is synthetic ({activity.synthetic}): it has no logits, hence no accuracy")
    return share_answered(activity, wanted)


def agreement_per_step(activity: Activity, ann_logits: NDArray[Any] | None) -> NDArray[np.float64] | None:
    """Share of samples that get the ANN's answer at each step, shape (steps,), 0..1; None where there is none to compare with.

    `ann_logits` has shape (images, classes). Raises InputError where it is of other images.
    """
    if ann_logits is None or not ann_logits.shape[1] or not activity.logits.shape[2]:
        return None
    if ann_logits.shape != activity.logits.shape[1:]:
        raise InputError(f"the ANN's logits have shape {ann_logits.shape}, the run's {activity.logits.shape[1:]} per step")
    return share_answered(activity, ann_logits.argmax(axis=1))


def share_answered(activity: Activity, classes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of samples that get the class given for them, shape (samples,), at each step, shape (steps,), 0..1."""
    share: NDArray[np.float64] = (activity.logits.argmax(axis=2) == classes).mean(axis=1)
    return share


def first_to_stay(reached: NDArray[np.float64], wanted: float) -> int | None:
    """The first step from which as much as `wanted` is reached to the end; None without one."""
    below = np.flatnonzero(reached < wanted)
    step = int(below[-1]) + 2 if below.size else 1
    return step if step <= len(reached) else None


def equal_answers(
    report: EnergyReport,
    labels: Labels | None = None,
    *,
    ann_accuracy: float | None = None,
    ann_logits: NDArray[Any] | None = None,
) -> tuple[Equal, ...]:
    """By accuracy where labels and the ANN's are known, by agreement where its answers are."""
    found = []
    if labels is not None and ann_accuracy is not None:
        found.append(_equal(report, "accuracy", accuracy_per_step(report.activity, labels), ann_accuracy - WITHIN))
    agreement = agreement_per_step(report.activity, ann_logits)
    if agreement is not None:
        found.append(_equal(report, "agreement", agreement, 1 - WITHIN))
    return tuple(found)


def _equal(report: EnergyReport, measure: str, reached: NDArray[np.float64], wanted: float) -> Equal:
    step = first_to_stay(reached, wanted - 1e-12)  # shares of whole samples: rounding alone is no miss
    best = int(reached.argmax())
    if step is None:
        return Equal(measure, wanted, None, {}, float(reached[best]), best + 1)
    ratios = {name: report.rung(name, step=step).ratio for name in report.comparisons}
    return Equal(measure, wanted, step, ratios, float(reached[best]), best + 1)
