"""A search as a whole: begun or gone on with, its choice confirmed on other images, everything written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.foundation.digest import digest_of
from synaptile.hwmodels import Chip, load_chip
from synaptile.images import DIGITS, ImageSet, digits, read_images
from synaptile.studies.settings import load_settings, refuse_differences, save_settings
from synaptile.studies.tuning.evaluate import Evaluator
from synaptile.studies.tuning.request import TuneRequest
from synaptile.studies.tuning.search import search
from synaptile.studies.tuning.space import By, Candidate, apply, check_tunable
from synaptile.studies.tuning.trials import Confirmation, Tuning

KIND = "synaptile-tune"
STORAGE = "trials.journal"
Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is tuned, on which images and which chip's prices; `others` are images to confirm the choice on."""

    graph: SpikingGraph
    chip: Chip
    chosen: ImageSet
    others: ImageSet | None

    def evaluator(self, request: TuneRequest, images: ImageSet, threads: int | None) -> Evaluator:
        """Scores graphs on one of the two image sets."""
        return Evaluator(images, self.chip, request.steps, request.accounting, request.numeric, threads)


def read_inputs(
    graph: Path,
    images: str,
    confirm: str | None,
    chip: str,
    limit: int | None,
    crop: float | None = None,
    progress: Progress | None = None,
) -> Inputs:
    """Read graph, chip and images. ``digits`` are those for calibration; to confirm on, those for testing."""
    network, target = load_graph(graph), load_chip(chip)
    check_tunable(network)
    own_digits = images == DIGITS and not Path(images).exists()
    chosen = digits("calibration", limit) if own_digits else read_images(images, network, limit, progress, crop=crop)
    others = None if confirm is None else read_images(confirm, network, limit, progress, crop=crop)
    return Inputs(network, target, chosen, others)


def run_search(
    inputs: Inputs, request: TuneRequest, directory: Path, *, trials: int, threads: int | None, progress: Progress
) -> Tuning:
    """Begin a search in `directory`, or go on with the one there. Raises InputError naming settings that differ from its own."""
    settings = asdict(request) | {
        "graph": inputs.graph.digest,
        "chip": inputs.chip.digest,
        "images": len(inputs.chosen.labels),
        "image_digest": digest_of({}, {"images": inputs.chosen.images, "labels": inputs.chosen.labels}),
    }
    begun = load_settings(directory, KIND)
    if begun is None:
        save_settings(directory, KIND, settings)
    else:
        refuse_differences(directory, begun, settings)
    found = search(
        inputs.graph,
        inputs.evaluator(request, inputs.chosen, threads),
        directory / STORAGE,
        trials=trials,
        loss=request.loss,
        seed=request.seed,
        sampler=request.sampler,
        by=request.by,
        progress=progress,
        hold=request.hold,
    )
    images = len(inputs.chosen.labels)
    return Tuning(inputs.graph.name, images, request.accounting, request.loss, found, settings, hold=request.hold)


def confirmed(inputs: Inputs, request: TuneRequest, found: Tuning, threads: int | None) -> Tuning:
    """The same with the untuned and the chosen network compared on the images to confirm on."""
    assert inputs.others is not None
    evaluate = inputs.evaluator(request, inputs.others, threads)
    untuned = evaluate(inputs.graph)
    chosen = evaluate(tuned_graph(inputs.graph, found, request.by))[found.chosen.score.step - 1]
    return replace(found, confirmation=Confirmation(len(inputs.others.labels), untuned, chosen))


def tuned_graph(graph: SpikingGraph, found: Tuning, by: By) -> SpikingGraph:
    """The graph with the chosen thresholds, and in its metadata where they come from."""
    chosen = found.chosen.trial
    facts = {
        "from_graph": graph.digest,
        "trial": chosen.number,
        "stop_after_steps": found.chosen.score.step,
        "trials": len(found.trials),
        "factors": dict(chosen.factors),
        "levels": chosen.levels,
        "settings": dict(found.settings),
    }
    return apply(graph, Candidate(chosen.factors, chosen.levels), by, facts=facts)
