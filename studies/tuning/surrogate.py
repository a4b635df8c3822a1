"""A search by linear models: energy and loss are fitted over the factors' logarithms and followed downhill within a trust region.

Both are noisy but nearly linear for small changes of many thresholds, so every trial near the best one tells something of every
factor: some two trials per factor find a direction that a search point by point would need hundreds for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from synaptile.studies.tuning.space import Candidate
from synaptile.studies.tuning.trials import Hold, Score, Trial, loss_against

Vector = NDArray[np.float64]

SPREAD = 0.2
"""By how much, on a natural logarithm, a trial's factors are moved at random, up or down, so that effects can be told apart;
less and less once there are two trials per factor."""
REACH = 0.15
"""How far a step may go: the root mean square change of the factors' logarithms."""
_NEAR = 3.0
"""Trials count less the farther they are: by half a unit of log weight at this many spreads."""
_RIDGE = 0.3
"""Prior observations of no effect, per factor."""
LOSS_PRICE = 8.0
"""What a loss of 1 beyond the allowed one adds to a ratio where trials are ranked: several times what an untuned network pays for
agreement, so that giving it up never pays."""


def price_of(scores: Sequence[Score], target: Score, loss: float, hold: Hold) -> tuple[float, int]:
    """Energy ratio, and LOSS_PRICE for what is lost beyond `loss`, after the step where that is least, and that step's place."""
    prices = [score.ratio + LOSS_PRICE * max(0.0, loss_against(target, score, hold) - loss) for score in scores]
    place = int(np.argmin(prices))
    return prices[place], place


def propose(
    trials: Sequence[Trial], starts: int, bounds: tuple[float, float], allowed: tuple[float, Hold], rng: np.random.Generator
) -> Candidate:
    """The next trial; the first is the untuned network, the others of the first `starts` are guesses. `allowed`: loss, hold.

    At first around the best guess; once there are about half as many trials more as factors, around the best and, besides the
    random change, a step away from it. The number of thresholds stays that of the centre, and the models see its trials alone.
    """
    names, target = list(trials[0].factors), trials[0].scores[-1]
    early = len(trials) <= len(names) // 2 + starts
    choice = trials[1:starts] if early else trials
    centre = min(choice, key=lambda trial: price_of(trial.scores, target, *allowed)[0])
    alike = [trial for trial in trials if trial.levels == centre.levels]
    points, here = np.array([_logs(trial, names) for trial in alike]), _logs(centre, names)
    moved = here + SPREAD * min(1.0, 2 * len(names) / len(trials)) * rng.choice((-1.0, 1.0), len(names))
    if not early:
        moved += _step(points, alike, here, (target, *allowed))
    low, high = (float(np.log(bound)) for bound in bounds)
    return Candidate(dict(zip(names, np.exp(np.clip(moved, low, high)).tolist(), strict=True)), centre.levels)


def _logs(trial: Trial, names: Sequence[str]) -> Vector:
    return np.log([trial.factors[name] for name in names])


def _step(points: Vector, trials: Sequence[Trial], centre: Vector, asked: tuple[Score, float, Hold]) -> Vector:
    """The step within reach that the models of any one time step promise the least ratio for, within the allowed loss."""
    target, loss, hold = asked
    radius = REACH * np.sqrt(points.shape[1])
    steps: list[tuple[float, Vector]] = []
    for place in range(len(trials[0].scores)):
        ratios = np.log([trial.scores[place].ratio for trial in trials])
        losses = np.array([loss_against(target, trial.scores[place], hold) - loss for trial in trials])
        (ratio, ratio_slope), (lost, loss_slope) = (_fit(points - centre, values) for values in (ratios, losses))
        step = _descend(ratio_slope, loss_slope, lost, radius)
        promised = float(np.exp(ratio + ratio_slope @ step))
        steps.append((promised + LOSS_PRICE * max(0.0, float(lost + loss_slope @ step)), step))
    return min(steps, key=lambda pair: pair[0])[1]


def _fit(offsets: Vector, values: Vector) -> tuple[float, Vector]:
    """Value at the centre and slopes, by weighted ridge regression."""
    distance = (offsets**2).sum(axis=1) / (offsets.shape[1] * (_NEAR * SPREAD) ** 2)
    weight = np.exp(-0.5 * distance)
    design = np.column_stack([np.ones(len(offsets)), offsets / SPREAD])
    penalty = np.diag([0.0, *[_RIDGE] * offsets.shape[1]])
    gram = design.T @ (weight[:, None] * design) + penalty
    solved = np.linalg.solve(gram, design.T @ (weight * values))
    return float(solved[0]), solved[1:] / SPREAD


def _descend(slope: Vector, loss_slope: Vector, lost: float, radius: float) -> Vector:
    """The step of length `radius` at most with the steepest fall along `slope` whose modelled loss is not above 0."""
    free = -radius * slope / max(float(np.linalg.norm(slope)), 1e-12)
    if lost + loss_slope @ free <= 0:
        return free
    size = max(float(np.linalg.norm(loss_slope)), 1e-12)
    along = loss_slope / size
    needed = -lost / size  # signed distance along the loss's gradient to where the models say nothing is lost
    if needed <= -radius:
        return -radius * along
    across = slope - (slope @ along) * along
    rest = np.sqrt(max(radius**2 - needed**2, 0.0)) if abs(needed) < radius else 0.0
    return np.asarray(needed * along - rest * across / max(float(np.linalg.norm(across)), 1e-12))
