"""The search itself: optuna proposes, a trial is kept on disk as soon as it is scored, and a killed search goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.studies.tuning.evaluate import Evaluate
from synaptile.studies.tuning.space import LARGEST, SMALLEST, By, Candidate, apply, baseline, first_guess, groups, level_bounds
from synaptile.studies.tuning.surrogate import propose
from synaptile.studies.tuning.trials import Hold, Score, Trial, loss_against, stop

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

SAMPLERS = ("linear", "tpe", "nsga2")
LEVELS = "levels"
_FACTOR = "factor/"
_STARTUP_TRIALS = 6
_POPULATION = 12


def search(
    graph: SpikingGraph,
    evaluate: Evaluate,
    storage: Path,
    *,
    trials: int,
    loss: float,
    seed: int,
    sampler: str,
    by: By,
    progress: Callable[[int, int], None],
    hold: Hold = "all",
) -> tuple[Trial, ...]:
    """Score candidates until `trials` are; those in the file `storage` count. The first is the graph as it is.

    Each proposal is seeded by `seed` and its place, so that an interrupted search proposes what it would have. TPE and NSGA-II
    seek less energy and more correlation: trials that come within `loss` of the first, in what is to `hold`, are valued where
    they first do, others, which count as infeasible, after the last step. "linear" is `surrogate.propose`; it leaves n alone.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    _drop_torn_line(storage)
    journal = JournalStorage(JournalFileBackend(str(storage)))
    study = optuna.create_study(storage=journal, study_name="tune", directions=["minimize", "maximize"], load_if_exists=True)
    _drop_unfinished(study)
    starts = (baseline(graph, by), first_guess(graph, by))
    space = _distributions(graph, by)
    kept = list(_completed(study))
    progress(len(kept), trials)
    while len(kept) < trials:
        own = int(np.random.SeedSequence([seed, len(kept)]).generate_state(1)[0])
        study.sampler = _sampler(sampler, own)
        if len(kept) < len(starts):
            study.enqueue_trial(_parameters(starts[len(kept)]))
        elif sampler == "linear":
            factors = propose(kept, (SMALLEST, LARGEST), loss, hold, np.random.default_rng(own))
            study.enqueue_trial(_parameters(Candidate(factors)))
        trial = study.ask(space)
        candidate = _candidate(trial.params)
        scores = evaluate(apply(graph, candidate, by))
        kept.append(Trial(len(kept), candidate.factors, candidate.levels, scores))
        target = kept[0].scores[-1]
        trial.set_user_attr("scores", [astuple(score) for score in scores])
        at = stop(scores, target, loss, hold)
        trial.set_constraint("loss", loss_against(target, at, hold) - loss)
        study.tell(trial, [at.ratio, at.correlation])
        progress(len(kept), trials)
    return tuple(kept[:trials])


def _distributions(graph: SpikingGraph, by: By) -> dict[str, BaseDistribution]:
    from optuna.distributions import FloatDistribution, IntDistribution

    factors: dict[str, BaseDistribution] = {
        _FACTOR + group: FloatDistribution(SMALLEST, LARGEST, log=True) for group in groups(graph, by)
    }
    return factors | {LEVELS: IntDistribution(*level_bounds(graph))}


def _sampler(name: str, seed: int) -> BaseSampler:
    """Optuna's sampler; where proposals are our own, it fills in what they leave open."""
    from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

    if name == "linear":
        return RandomSampler(seed=seed)
    if name == "nsga2":
        return NSGAIISampler(population_size=_POPULATION, seed=seed)
    return TPESampler(n_startup_trials=_STARTUP_TRIALS, multivariate=True, seed=seed)


def _drop_torn_line(journal: Path) -> None:
    """Cut a last line that was not written whole, as a power cut leaves it: what it was to say is done again."""
    if journal.exists():
        content = journal.read_bytes()
        if not content.endswith(b"\n"):
            with journal.open("rb+") as file:
                file.truncate(content.rfind(b"\n") + 1)


def _drop_unfinished(study: Study) -> None:
    """Close what a killed search left asked for or under way: it is proposed again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.tell(study.ask(), state=TrialState.FAIL)


def _completed(study: Study) -> tuple[Trial, ...]:
    from optuna.trial import TrialState

    found = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    candidates = [_candidate(trial.params) for trial in found]
    return tuple(
        Trial(place, candidate.factors, candidate.levels, tuple(Score(*values) for values in trial.user_attrs["scores"]))
        for place, (candidate, trial) in enumerate(zip(candidates, found, strict=True))
    )


def _parameters(candidate: Candidate) -> dict[str, Any]:
    return {_FACTOR + group: factor for group, factor in candidate.factors.items()} | {LEVELS: candidate.levels}


def _candidate(parameters: dict[str, Any]) -> Candidate:
    factors = {name.removeprefix(_FACTOR): float(value) for name, value in parameters.items() if name.startswith(_FACTOR)}
    return Candidate(factors, int(parameters[LEVELS]))
