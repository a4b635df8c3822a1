"""A sizing study as a whole: begun or gone on with, searched, and what lies around the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import SYNCHRONISATIONS
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip
from synaptile.mapper import program_digest
from synaptile.simulator import Activity
from synaptile.simulator.arguments import positive_integer
from synaptile.studies.settings import is_begun, save_settings
from synaptile.studies.sizing.answer import Sizing, Target, Value
from synaptile.studies.sizing.bases import GOAL, Bases
from synaptile.studies.sizing.differences import breaks_of, marginals_of
from synaptile.studies.sizing.evaluate import ChipEvaluator, Trial
from synaptile.studies.sizing.family import make_family
from synaptile.studies.sizing.request import SizeRequest, bases_of, check_family, check_target, knobs_of, streamed_images
from synaptile.studies.sizing.search import Search

KIND = "synaptile-size"
POINTS = "points.jsonl"
RULES = 2
"""Version of how a point is counted and priced: points of another one are not gone on with."""


def size(
    activity: Activity,
    chip: Chip | None = None,
    *,
    latency_ms: float | None = None,
    images_per_second: float | None = None,
    energy_mj: float | None = None,
    parameters: Mapping[str, Sequence[Value]] | None = None,
    max_evaluations: int = 200,
    seed: int = 0,
    images: int | None = None,
    synchronisation: str | None = None,
    directory: str | Path | None = None,
    progress: Progress | None = None,
) -> Sizing:
    """The smallest chip of a family that meets a target for a run: smallest silicon area, or where the chip states none, values.

    The run is mapped, counted anew, scheduled and priced on every chip tried, never executed again; so it must have kept the
    spikes of `images` images, and for energies of other mappings those of all.

    Args:
        activity: executed or synthetic.
        chip: the family's base; None is the chip that the run was mapped to.
        latency_ms: the most that one image may take.
        images_per_second: throughput at least.
        energy_mj: the most that one image may cost: the highest rung of the ladder, static power included.
        parameters: values by dotted name as in a chip file (memories also in KiB, ``"mesh.width+mesh.height"`` for both),
            numbers or words (``"weights": ["resident", "streamed"]``), of ``"chip"`` (shipped chips or files to start from) and
            of ``"mapping.goal"``; None varies mesh, memories, lanes, EC units and flits from a quarter of the base chip's
            figures up to them.
        max_evaluations: chips that the search may try.
        seed: of what is tried as a check on monotonicity.
        images: images streamed through each schedule; None is 1, or up to 4 where a throughput is asked for.
        synchronisation: "barrier" or "dataflow"; None is the chip's own.
        directory: where points are kept as they are found; a study stopped half-way goes on there, with the same request only.
        progress: called with (points tried, points that may be).

    Raises:
        InputError: the request makes no sense, differs from the one that `directory` was begun with, or no chip that was tried
            meets the target: the message names the best reached and what binds it.
        ChipError: an unknown parameter (the nearest is offered) or a value that no chip can have.
    """
    base = activity.program.chip if chip is None else chip
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise InputError(f"seed is {seed!r}, needs an integer from 0 to 2**63 - 1")
    if synchronisation is not None and synchronisation not in SYNCHRONISATIONS:
        raise InputError(f"synchronisation is {synchronisation!r}, must be one of {', '.join(SYNCHRONISATIONS)}")
    target, knobs = check_target(Target(latency_ms, images_per_second, energy_mj)), knobs_of(base, parameters)
    most, asked = (
        positive_integer("max_evaluations", max_evaluations),
        None if images is None else positive_integer("images", images),
    )
    bases = bases_of(base, knobs)
    check_family(bases, knobs)
    streamed = streamed_images(activity, bases, knobs, target, asked)
    request = SizeRequest(target, knobs, most, seed, streamed, synchronisation)
    settings = settings_of(activity, bases, request)
    log = None if directory is None else Path(directory) / POINTS
    if log is not None and not is_begun(log.parent, KIND, settings):
        save_settings(log.parent, KIND, settings)
    trial = Trial(activity, digest_of([settings["program"], settings["spikes"]]), streamed, synchronisation)
    evaluate = ChipEvaluator(trial, bases, most, log, progress)
    timed = activity.program.options.get("goal", "room") != "room" or any(knob.name == GOAL for knob in knobs)
    family = make_family(bases, knobs, timed=timed)
    smallest = Search(family, target, evaluate, request.seed).run()
    breaks = breaks_of(family, smallest.index, target, evaluate)
    tried = len(evaluate.asked)
    return Sizing(
        graph=activity.program.graph.name,
        chip=base.name,
        synthetic=activity.synthetic_notes,
        target=target,
        knobs=request.knobs,
        answer=family.changes(smallest.index),
        outcome=smallest.outcome,
        cost=family.cost_of(smallest.index, smallest.outcome),
        cost_unit=family.unit,
        exhaustive=smallest.exhaustive,
        statement=smallest.statement,
        floors=smallest.floors,
        breaks=breaks,
        marginals=marginals_of(family, smallest.index, smallest.outcome, target, evaluate),
        tried=tried,
        grid=family.size,
        settings=settings | {"max_evaluations": request.max_evaluations},
    )


def settings_of(activity: Activity, bases: Bases, request: SizeRequest) -> dict[str, object]:
    """What a study's points depend on, JSON-able."""
    spikes = {site: record.events for site, record in activity.spikes.items()}
    return {
        "program": program_digest(activity.program),
        "spikes": digest_of({"steps": activity.steps, "images": activity.images, "numeric": activity.numeric}, spikes),
        "chip": bases.own.digest,
        "chips": {name: chip.digest for name, chip in bases.named.items()},
        "target": asdict(request.target),
        "parameters": {knob.name: list(knob.values) for knob in request.knobs},
        "seed": request.seed,
        "images": request.images,
        "synchronisation": request.synchronisation,
        "rules": RULES,
    }
