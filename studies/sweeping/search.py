"""Which points a search looks at: optuna proposes a batch, is told all its results in order, and proposes the next.

Proposals follow from the seed and from results alone. Asked again from the start, as an interrupted sweep does, they come out the
same, however many workers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from synaptile.foundation.errors import InputError
from synaptile.studies.sweeping.parameters import PointSettings
from synaptile.studies.sweeping.rows import BY_NAME, PointRow
from synaptile.studies.sweeping.schema import Range, StudySearch
from synaptile.studies.sweeping.space import Axis, Point, point_at

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import StudyDirection

_SMALLEST_POPULATION = 10
_STARTUP_TRIALS = 10

EvaluateBatch = Callable[[Sequence[Point]], Sequence[PointRow]]
"""Rows of a batch of points, in their order."""


def propose_points(
    axes: tuple[Axis, ...],
    base: PointSettings,
    plan: StudySearch,
    goals: tuple[Sequence[str], Mapping[str, float]],
    evaluate: EvaluateBatch,
) -> None:
    """Propose and evaluate points until there are `plan.trials` of them.

    `goals` are objectives and bounds. Points that fail, or lack a figure of these, are told as failed: they teach the sampler
    nothing. What misses a bound is infeasible, less so the nearer it comes.
    """
    objectives, bounds = goals
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions = [_direction(name) for name in objectives]
    study = optuna.create_study(directions=directions, sampler=_sampler(plan))
    space = {axis.name: _distribution(axis) for axis in axes}
    for labels in plan.first or ():
        study.enqueue_trial(labels)
    done = 0
    while done < plan.trials:
        trials = [study.ask(space) for _ in range(min(plan.batch, plan.trials - done))]
        points = [point_at(axes, base, done + place, trial.params) for place, trial in enumerate(trials)]
        for trial, row in zip(trials, evaluate(points), strict=True):
            if row.has([*objectives, *bounds]):
                for name, shortfall in row.shortfalls(bounds).items():
                    trial.set_constraint(name, shortfall)
                study.tell(trial, [float(row.figures[name]) for name in objectives])
            else:
                study.tell(trial, state=TrialState.FAIL)
        done += len(trials)


def check_proposal(point: Point, row: PointRow) -> None:
    """Raises InputError where a kept row is not of the point that is proposed in its place."""
    if dict(row.labels) != point.labels:
        raise InputError(
            f"point {point.number} was {dict(row.labels)}, the search now proposes {point.labels}: this version of optuna "
            "proposes otherwise than the one it began with; go on with that one, or give another --output"
        )


def _direction(name: str) -> StudyDirection:
    from optuna.study import StudyDirection

    return StudyDirection.MAXIMIZE if BY_NAME[name].better == "high" else StudyDirection.MINIMIZE


def _sampler(plan: StudySearch) -> BaseSampler:
    from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

    if plan.sampler == "random":
        return RandomSampler(seed=plan.seed)
    if plan.sampler == "tpe":
        return TPESampler(n_startup_trials=_STARTUP_TRIALS, seed=plan.seed)
    return NSGAIISampler(population_size=max(plan.batch, _SMALLEST_POPULATION), seed=plan.seed)


def _distribution(axis: Axis) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.range is None:
        return CategoricalDistribution(axis.choices)
    low, high, step, log = axis.range.low, axis.range.high, axis.range.step, axis.range.log
    if _whole(axis.range):
        return IntDistribution(int(low), int(high), log=log, step=1 if step is None else int(step))
    return FloatDistribution(float(low), float(high), log=log, step=None if step is None else float(step))


def _whole(values: Range) -> bool:
    return isinstance(values.low, int) and isinstance(values.high, int)
