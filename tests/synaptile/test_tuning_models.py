"""Does the search by linear models go downhill, keep within reach, and heed what must not be lost?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.studies.tuning.space import LARGEST, SMALLEST
from synaptile.studies.tuning.surrogate import REACH, SPREAD, _descend, price_of, propose
from synaptile.studies.tuning.trials import Score, Trial

FACTORS = tuple("abcdefgh")
SAVES = np.array([0.12, 0.03, 0.02, 0.1, 0.02, 0.01, 0.06, 0.15])
COSTS = np.array([0.03, 0.05, 0.03, 0.01, 0.01, 0.06, 0.02, 0.005])


def scores(logs: np.ndarray, rng: np.random.Generator) -> tuple[Score, ...]:
    """Two steps of a network whose energy and agreement fall with thresholds, and fall faster far away."""
    bend = float((logs**2).sum())
    found = []
    for step, (ratio, correlation) in enumerate(((0.3, 0.64), (0.44, 0.77)), 1):
        energy = ratio * np.exp(-(SAVES @ logs) + 0.01 * bend)
        found.append(
            Score(step, float(energy), float(correlation - COSTS @ logs - 0.02 * bend + rng.normal(0, 0.002)), 1.0, None)
        )
    return tuple(found)


def a_search(trials: int) -> list[Trial]:
    rng = np.random.default_rng(5)
    kept = [Trial(i, dict.fromkeys(FACTORS, 1.0), 0, scores(np.zeros(len(FACTORS)), rng)) for i in range(2)]
    while len(kept) < trials:
        factors = propose(kept, 2, (SMALLEST, LARGEST), (0.0, "correlation"), np.random.default_rng(len(kept))).factors
        logs = np.log([factors[name] for name in FACTORS])
        kept.append(Trial(len(kept), factors, 0, scores(logs, rng)))
    return kept


def test_forty_trials_of_eight_factors_save_a_fifth_at_no_loss() -> None:
    kept = a_search(40)
    target = kept[0].scores[-1]
    best, place = min(price_of(trial.scores, target, 0.0, "correlation") for trial in kept)
    assert best < 0.8 * target.ratio
    assert any(trial.scores[place].correlation >= target.correlation and trial.scores[place].ratio <= best for trial in kept)


def test_a_proposal_depends_on_the_trials_and_its_seed_alone_and_stays_within_bounds() -> None:
    kept = a_search(12)
    one, same, other = (
        propose(kept, 2, (0.9, 1.1), (0.0, "correlation"), np.random.default_rng(seed)).factors for seed in (1, 1, 2)
    )
    assert one == same != other
    assert all(0.9 * (1 - 1e-12) <= factor <= 1.1 * (1 + 1e-12) for factor in one.values())


def test_first_proposals_lie_about_the_first_guess() -> None:
    kept = a_search(2)
    kept[1] = Trial(1, dict.fromkeys(FACTORS, 2.0), 0, kept[1].scores)
    factors = propose(kept, 2, (SMALLEST, LARGEST), (0.0, "all"), np.random.default_rng(0)).factors
    np.testing.assert_allclose(np.abs(np.log(list(factors.values())) - np.log(2.0)), SPREAD)


def test_a_search_goes_on_with_the_number_of_thresholds_of_its_best_guess() -> None:
    kept = [Trial(at, dict.fromkeys(FACTORS, factor), levels, (Score(1, ratio, 0.9, 1.0, None),)) for at, (factor, levels, ratio)
            in enumerate([(1.0, 0, 0.6), (4.0, 0, 0.5), (4.0, -1, 0.4), (8.0, 0, 0.45)])]  # fmt: skip
    for _ in range(12):
        proposed = propose(kept, 4, (SMALLEST, LARGEST), (0.0, "correlation"), np.random.default_rng(len(kept)))
        assert proposed.levels == -1
        kept.append(Trial(len(kept), proposed.factors, -1, (Score(1, 0.41, 0.9, 1.0, None),)))
    near = [np.abs(np.log([*trial.factors.values()]) - np.log(4.0)).max() for trial in kept[4:8]]
    assert max(near) == pytest.approx(SPREAD)


@pytest.mark.parametrize("lost", [-0.5, -0.01, 0.0, 0.02, 0.5])
def test_a_step_keeps_within_reach_and_loses_nothing_where_that_can_be(lost: float) -> None:
    rng = np.random.default_rng(3)
    slope, loss_slope = rng.standard_normal(6), rng.standard_normal(6)
    radius = REACH * np.sqrt(6)
    step = _descend(slope, loss_slope, lost, radius)
    assert np.linalg.norm(step) <= radius * (1 + 1e-9)
    after = lost + float(loss_slope @ step)
    if lost <= radius * np.linalg.norm(loss_slope):
        assert after <= 1e-9
    for _ in range(300):  # no other allowed step of that length falls more
        other = rng.standard_normal(6)
        other *= radius / np.linalg.norm(other)
        if lost + float(loss_slope @ other) <= min(after, 0.0):
            assert slope @ other >= slope @ step - 1e-9
