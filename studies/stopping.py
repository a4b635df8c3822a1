"""When to stop: each image leaves once its logits are sure, by a bound calibrated on images that are not reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Float64, Int64

Measure = Literal["margin", "entropy"]
"""margin: probability of the best class less that of the second; entropy: of the probabilities, in nats, negated."""
MEASURES: tuple[Measure, ...] = get_args(Measure)


@dataclass(frozen=True)
class StoppingRule:
    """An image leaves at the first step at which its sureness reaches `bound`, else at the last of `steps`."""

    measure: Measure
    bound: float
    steps: int

    def exit_steps(self, logits: NDArray[Any]) -> Int64:
        """The step, from 1, at which each image leaves, shape (images,); logits: (steps, images, classes)."""
        if len(logits) != self.steps:
            raise InputError(f"the rule was calibrated over {self.steps} steps, the run has {len(logits)}: run as many")
        sure = sureness(logits, self.measure) >= self.bound
        sure[-1] = True
        return np.asarray(sure.argmax(axis=0) + 1, np.int64)


def sureness(logits: NDArray[Any], measure: Measure) -> Float64:
    """How sure logits are, shape (steps, images); more is surer. Raises InputError for a measure that does not exist."""
    if measure not in MEASURES:
        raise InputError(f"measure {measure!r} does not exist; measures are {', '.join(MEASURES)}")
    if logits.ndim != 3 or logits.shape[2] < 2:
        raise InputError(f"logits of shape {logits.shape} have no two classes to compare: give (steps, images, classes)")
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=2, keepdims=True))
    probability = shifted / shifted.sum(axis=2, keepdims=True)
    if measure == "margin":
        best = np.partition(probability, -2, axis=2)
        return np.asarray(best[..., -1] - best[..., -2])
    return np.asarray((probability * np.log(np.maximum(probability, 1e-300))).sum(axis=2))


def calibrate_stopping(
    logits: NDArray[Any], answers: NDArray[Any], measure: Measure = "margin", loss: float | None = None
) -> StoppingRule:
    """The loosest bound that costs at most `loss` of the agreement that all steps reach.

    Args:
        logits: of held-out images, shape (steps, images, classes).
        answers: what they should be, class numbers, (images,), or logits of the dense network, (images, classes).
        measure: ``"margin"`` or ``"entropy"``.
        loss: share of images, 0..1; by default one standard error of the agreement after all steps.

    Raises InputError.
    """
    sure = sureness(logits, measure)
    right = logits.argmax(axis=2) == (answers.argmax(axis=1) if answers.ndim == 2 else answers)
    images, full = right.shape[1], float(right[-1].mean())
    allowed = float(np.sqrt(full * (1 - full) / images)) if loss is None else loss
    if not 0 <= allowed < 1:
        raise InputError(f"loss is {loss!r}, needs to lie from 0 to 1")
    chosen = StoppingRule(measure, float(np.inf), len(logits))
    for bound in np.unique(sure[:-1])[::-1]:  # from the strictest: what a looser bound loses only grows in steps saved
        rule = StoppingRule(measure, float(bound), len(logits))
        kept = float(right[rule.exit_steps(logits) - 1, np.arange(images)].mean())
        if kept < full - allowed - 1e-12:
            break
        chosen = rule
    return chosen
