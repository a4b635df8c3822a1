"""The search itself: optuna proposes, a trial is kept on disk as soon as it is scored, and a killed search goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.errors import FileFormatError
from synaptile.studies.journal import whole_lines
from synaptile.studies.tuning.request import TuneRequest
from synaptile.studies.tuning.score import ScoreGraph
from synaptile.studies.tuning.space import LARGEST, SMALLEST, By, Candidate, apply, baseline, first_guesses, groups, level_bounds
from synaptile.studies.tuning.surrogate import propose
from synaptile.studies.tuning.trials import Score, Trial, loss_against, stop

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

LEVELS = "levels"
_FACTOR = "factor/"
_SCORE = tuple(field.name for field in fields(Score))
_SCORES = TypeAdapter(tuple[Score, ...])
_STARTUP_TRIALS = 6
_POPULATION = 12


def run_trials(
    graph: SpikingGraph,
    score: ScoreGraph,
    storage: Path,
    request: TuneRequest,
    trials: int,
    progress: Callable[[int, int], None],
) -> tuple[Trial, ...]:
    """Score candidates until `trials` are; those in the file `storage` count. The first is the graph as it is.

    Each proposal is seeded by the request's seed and its place, so that an interrupted search proposes what it would have. TPE
    and NSGA-II seek less energy and more correlation: trials that come within the allowed loss of the first are valued where they
    first do, others, which count as infeasible, after the last step. "linear" is `surrogate.propose`; it keeps the n of where it
    stands.
    """
    by, loss, hold = request.by, request.loss, request.hold
    starts = (baseline(graph, by), *first_guesses(graph, by))
    space = _distributions(graph, by)
    study, kept = _opened(storage, space)
    progress(len(kept), trials)
    while len(kept) < trials:
        seed = int(np.random.SeedSequence([request.seed, len(kept)]).generate_state(1)[0])
        study.sampler = _sampler(request.sampler, seed)
        if len(kept) < len(starts):
            study.enqueue_trial(_parameters(starts[len(kept)]))
        elif request.sampler == "linear":
            proposed = propose(kept, len(starts), (SMALLEST, LARGEST), (loss, hold), np.random.default_rng(seed))
            study.enqueue_trial(_parameters(proposed))
        trial = study.ask(space)
        candidate = _candidate(trial.params)
        scores = score(apply(graph, candidate, by))
        kept.append(Trial(len(kept), candidate.factors, candidate.levels, scores))
        target = kept[0].scores[-1]
        trial.set_user_attr("scores", [astuple(one) for one in scores])
        at = stop(scores, target, loss, hold)
        trial.set_constraint("loss", loss_against(target, at, hold) - loss)
        study.tell(trial, [at.ratio, at.correlation])
        progress(len(kept), trials)
    return tuple(kept[:trials])


def _opened(storage: Path, space: Mapping[str, BaseDistribution]) -> tuple[Study, list[Trial]]:
    """The study that a file holds, begun where there is none, and its finished trials. Raises FileFormatError."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    whole_lines(storage)  # cuts a torn last line: what it was to say is done again
    storage.with_name(storage.name + ".lock").unlink(missing_ok=True)  # of a killed search; optuna would wait 30 s
    try:
        journal = JournalStorage(JournalFileBackend(str(storage)))
        study = optuna.create_study(storage=journal, study_name="tune", directions=["minimize", "maximize"], load_if_exists=True)
        _drop_unfinished(study)
        return study, list(_completed(study, space))
    except OSError:
        raise
    except Exception as error:  # optuna trusts what it reads: anything may come of a file that others wrote
        why = f"{type(error).__name__}: {error}"[:200]
        raise FileFormatError(f"{storage}: damaged ({why}): give another --output, or delete the file to search anew") from error


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


def _drop_unfinished(study: Study) -> None:
    """Close what a killed search left asked for or under way: it is proposed again."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.tell(study.ask(), state=TrialState.FAIL)


def _completed(study: Study, space: Mapping[str, BaseDistribution]) -> Iterator[Trial]:
    """Raises ValueError for a trial of other parameters, and for scores that are none."""
    from optuna.trial import TrialState

    for place, trial in enumerate(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))):
        candidate = _candidate(trial.params)
        if trial.params.keys() != space.keys():
            raise ValueError(f"trial {place} has other parameters than this search")
        scores = [dict(zip(_SCORE, values, strict=True)) for values in trial.user_attrs["scores"]]
        yield Trial(place, candidate.factors, candidate.levels, _SCORES.validate_json(json.dumps(scores), strict=True))


def _parameters(candidate: Candidate) -> dict[str, Any]:
    return {_FACTOR + group: factor for group, factor in candidate.factors.items()} | {LEVELS: candidate.levels}


def _candidate(parameters: dict[str, Any]) -> Candidate:
    factors = {name.removeprefix(_FACTOR): float(value) for name, value in parameters.items() if name.startswith(_FACTOR)}
    return Candidate(factors, int(parameters[LEVELS]))
