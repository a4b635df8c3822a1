"""A search as a whole: begun or gone on with, its choice confirmed on other images."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.foundation.digest import digest_of
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, load_chip
from synaptile.images import DIGITS, ImageSet, digits, read_images
from synaptile.studies.settings import is_begun, save_settings
from synaptile.studies.tuning.request import TuneRequest
from synaptile.studies.tuning.score import Scorer
from synaptile.studies.tuning.search import run_trials
from synaptile.studies.tuning.space import By, Candidate, apply, check_tunable
from synaptile.studies.tuning.trials import Confirmation, Tuning

KIND = "synaptile-tune"
STORAGE = "trials.journal"


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is tuned, on which images and which chip's prices; `others` are images to confirm the choice on."""

    graph: SpikingGraph
    chip: Chip
    images: ImageSet
    others: ImageSet | None

    def scorer(self, request: TuneRequest, images: ImageSet, threads: int | None) -> Scorer:
        """Scores graphs on one of the two image sets."""
        return Scorer(images, self.chip, request.steps, request.accounting, request.numeric, threads)


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
    embedded = images == DIGITS and not Path(images).exists()
    searched = digits("calibration", limit) if embedded else read_images(images, network, limit, progress, crop=crop)
    others = None if confirm is None else read_images(confirm, network, limit, progress, crop=crop)
    return Inputs(network, target, searched, others)


def run_search(
    inputs: Inputs, request: TuneRequest, directory: Path, *, trials: int, threads: int | None, progress: Progress
) -> Tuning:
    """Begin a search in `directory`, or go on with the one there. Raises InputError naming settings that differ from its own."""
    images = len(inputs.images.labels)
    settings = asdict(request) | {
        "graph": inputs.graph.digest,
        "chip": inputs.chip.digest,
        "images": images,
        "image_digest": digest_of({}, {"images": inputs.images.images, "labels": inputs.images.labels}),
    }
    if not is_begun(directory, KIND, settings):
        save_settings(directory, KIND, settings)
    scorer = inputs.scorer(request, inputs.images, threads)
    scored = run_trials(inputs.graph, scorer, directory / STORAGE, request, trials, progress)
    return Tuning(inputs.graph.name, images, request.accounting, request.loss, scored, settings, hold=request.hold)


def confirmed(inputs: Inputs, request: TuneRequest, tuning: Tuning, threads: int | None) -> Tuning:
    """The same with the untuned and the chosen network compared on the images to confirm on."""
    assert inputs.others is not None
    score = inputs.scorer(request, inputs.others, threads)
    untuned = score(inputs.graph)
    chosen = score(tuned_graph(inputs.graph, tuning, request.by))[tuning.chosen.score.step - 1]
    return replace(tuning, confirmation=Confirmation(len(inputs.others.labels), untuned, chosen))


def tuned_graph(graph: SpikingGraph, tuning: Tuning, by: By) -> SpikingGraph:
    """The graph with the chosen thresholds, and in its metadata where they come from."""
    chosen = tuning.chosen.trial
    facts = {
        "from_graph": graph.digest,
        "trial": chosen.number,
        "stop_after_steps": tuning.chosen.score.step,
        "trials": len(tuning.trials),
        "factors": dict(chosen.factors),
        "levels": chosen.levels,
        "settings": dict(tuning.settings),
    }
    return apply(graph, Candidate(chosen.factors, chosen.levels), by, facts=facts)
