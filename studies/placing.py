"""A recorded run seen on another mapping: programs that the mapper cannot tell apart are made once, and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from synaptile.foundation.derived import alike, shared
from synaptile.foundation.digest import digest_of
from synaptile.foundation.options import MappingGoal
from synaptile.hwmodels import Chip
from synaptile.hwmodels.alike import figures_but
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.alike import mapping_key
from synaptile.mapper.load import FiringRates
from synaptile.simulator import Activity, Timeline, schedule
from synaptile.simulator.rebase import rebased
from synaptile.simulator.schedule.tables import tables_of
from synaptile.simulator.schedule.work import HELD_JOBS
from synaptile.studies.kept import Kept

MAPPER_OPTIONS = ("seed", "replicas", "placement", "anneal_moves", "goal", "rates")

_programs: Kept[CoreProgram] = Kept(4)
_placed: Kept[Activity] = Kept(4)
"""Runs as other mappings would have recorded them: chips that differ in what the mapper does not read share one."""


def options_of(program: CoreProgram, goal: MappingGoal | None = None, rates: FiringRates | None = None) -> dict[str, Any]:
    """How a program was mapped, for `map_graph`; with another `goal` where one is given, for time at these `rates`."""
    found = {name: program.options[name] for name in MAPPER_OPTIONS if name in program.options}
    if goal is not None:
        found |= {"goal": goal, "rates": found.get("rates") or rates}
    if found.get("goal", "room") == "room":
        return found | {"rates": None}
    given = found.get("rates")
    return found | {"rates": FiringRates(**given) if isinstance(given, Mapping) else given}


def placed(activity: Activity, chip: Chip, options: Mapping[str, Any], source: str) -> Activity:
    """The run as another chip, mapped with `options`, would have recorded it; `source` names the run and its steps.

    Raises DoesNotFit, and InputError where the run did not keep the spikes that other cuts need.
    """
    key = (source, *_mapping(chip, options), chip.units)
    program = mapped(activity, chip, options, source)
    found = _placed.get(key, lambda: rebased(activity, program))
    return found if found.program.chip is chip else alike(replace(found, program=_on(found.program, chip)), found)


def scheduled(activity: Activity, images: int, synchronisation: str | None) -> Timeline:
    """The schedule of a run on its own chip, without notes and provenance. Raises what `schedule` does.

    Chips that differ in energies and areas alone share it, unless it is large.
    """
    if images * activity.steps * tables_of(activity.program).jobs.size > HELD_JOBS:
        return schedule(activity, images=images, synchronisation=synchronisation)
    found = _scheduled(activity, images, synchronisation)
    return alike(replace(found, activity=activity, program=activity.program, notes=(), provenance={}), found)


@shared(lambda activity, *asked: (figures_but(activity.program.chip), *asked), held=1)
def _scheduled(activity: Activity, images: int, synchronisation: str | None) -> Timeline:
    return schedule(activity, images=images, synchronisation=synchronisation)


def mapped(activity: Activity, chip: Chip, options: Mapping[str, Any], source: str) -> CoreProgram:
    """The program of `placed`. Raises DoesNotFit."""
    found = _programs.get((source, *_mapping(chip, options)), lambda: map_graph(activity.program.graph, chip, **options))
    return _on(found, chip)


def _on(program: CoreProgram, chip: Chip) -> CoreProgram:
    """A kept program, which may be of another chip that is mapped alike."""
    return program if program.chip is chip else alike(replace(program, chip=chip), program)


def _mapping(chip: Chip, options: Mapping[str, Any]) -> tuple[str, str]:
    """What the mapping follows from, and besides it what the operations of each part do."""
    rates = options.get("rates")
    plain: dict[str, Any] = dict(options) | {"rates": None if rates is None else [rates.steps, dict(rates.density)]}
    return mapping_key(chip, options.get("goal", "room")), digest_of([plain, asdict(chip.units)])
