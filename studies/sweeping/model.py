"""What a sweep runs: a graph on disk, the images it sees, and how a point's conversion settings change its thresholds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.convert import check_against_model, lower_model
from synaptile.conversion.differential import Differential, rescaled
from synaptile.conversion.extra import require_torch
from synaptile.conversion.graph import DifferentialNeurons, MTNeurons, SpikingGraph, load_graph, save_graph
from synaptile.conversion.images import open_folder, source_of
from synaptile.conversion.spikezip import calibrate_spikezip
from synaptile.conversion.structure import structure_of_timm
from synaptile.conversion.thresholds import with_thresholds
from synaptile.conversion.weights import load_timm
from synaptile.data import DIGITS_GRAPH
from synaptile.foundation.digest import digest_of
from synaptile.foundation.documents import Strict, nearest
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import FinitePresentation, MethodName, Preset
from synaptile.images import DIGITS, ImageSet, digits, read_images
from synaptile.studies.dataset.listing import list_images
from synaptile.studies.kept import kept
from synaptile.studies.settings import file_digest
from synaptile.studies.sweeping.parameters import CONVERSION, FACTOR, SPIKEZIP_CONVERSIONS, Conversion
from synaptile.studies.sweeping.schema import StudyImages, StudyModel
from synaptile.studies.tuning.space import check_tunable, group_of, groups

Kind = Literal["graph", "timm", "digits", "run"]
LOWERED = "model.spk"
NOISE = "noise"
DEFAULT_LEVELS = 32
DEFAULT_P = 0.99


class ModelFile(Strict):
    """A model as workers find it: `file` is a graph, or the directory of a run; the rest says how it is calibrated."""

    kind: Kind
    file: str
    method: MethodName
    preset: Preset
    calibration: StudyImages | None

    @property
    def calibrated_here(self) -> bool:
        """Whether thresholds come from calibration images in this sweep; else the graph brings them."""
        return self.kind in ("timm", "digits")


def kind_of(model: StudyModel, label: str, *, synthetic: bool) -> Kind:
    """Which model is asked for. Raises InputError unless it is exactly one, with the keys that it takes.

    `synthetic`: only its structure counts, spikes are drawn from rates.
    """
    given: list[Kind] = [kind for kind in ("graph", "timm", "digits", "run") if getattr(model, kind) is not None]
    if len(given) != 1:
        raise InputError(f"{label}: model names {' and '.join(given) or 'nothing'}: give exactly one of graph, timm, digits, run")
    kind = given[0]
    taken = {
        "timm": {"weights", "random_weights", "calibration", "method", "preset", "image_size", "depth"},
        "digits": {"method", "preset"},
        "graph": set(),
        "run": set(),
    }[kind]
    if synthetic:
        if kind == "run":
            raise InputError(f"{label}: a run has its activity, rates draw one: give one of model.run and rates")
        taken -= {"weights", "random_weights", "calibration", "method"}
    if surplus := sorted(model.model_fields_set - taken - {kind}):
        raise InputError(f"{label}: a model of kind {kind} brings its own {', '.join(surplus)}: leave it out")
    if synthetic:
        return kind
    if kind == "timm" and model.calibration is None:
        raise InputError(f"{label}: model.calibration is missing: thresholds come from images, or from noise ({{from: noise}})")
    if kind == "timm" and (model.weights is None) == (model.random_weights is None):
        raise InputError(f"{label}: give exactly one of model.weights (a file) and model.random_weights (a seed)")
    return kind


def check_conversions(kind: Kind, method: str, names: list[str], label: str, *, synthetic: bool) -> None:
    """Raises InputError for conversion parameters that a kind of model does not take."""
    for name in names:
        if not name.startswith(CONVERSION):
            if kind == "run" and name == "numeric":
                raise InputError(f"{label}: a run was executed in its own number format: numeric cannot vary")
            continue
        factor = name.startswith(FACTOR) or name in ("conversion.threshold_factor", "conversion.n")
        why = None
        if synthetic:
            why = "spikes are drawn from rates, which no threshold changes"
        elif kind == "run":
            why = "a run is executed already"
        elif kind == "graph" and not factor:
            why = "a graph file brings its thresholds: sweep the timm model that it was converted from"
        elif (method == "spikezip") != (name in SPIKEZIP_CONVERSIONS) or (method == "differential" and not factor):
            why = f"method {method} does not have it"
        if why is not None:
            raise InputError(f"{label}: {name} cannot vary: {why}")


def open_model(model: StudyModel, kind: Kind, folder: Path, directory: Path, *, synthetic: bool, begun: bool) -> ModelFile:
    """Make a model ready for workers; a timm model is lowered once, into `directory`, where it is found if the sweep was `begun`.

    Raises InputError, ModelError, WeightsError.
    """
    made, calibration = kind, model.calibration and resolved(model.calibration, folder)
    if kind == "timm":
        file, made = directory / LOWERED, "graph" if synthetic else kind
        if not (begun and file.is_file()):
            require_torch()
            sizes = {"img_size": model.image_size, "depth": model.depth}
            options = {name: value for name, value in sizes.items() if value is not None}
            save_graph(_structure(model, options) if synthetic else _lowered(model, folder, options), file)
    elif kind == "digits":
        file, calibration = DIGITS_GRAPH, StudyImages.model_validate({"from": DIGITS})
    else:
        file = folder / str(model.graph if kind == "graph" else model.run)
    return ModelFile(kind=made, file=str(file.resolve()), method=model.method, preset=model.preset, calibration=calibration)


def _structure(model: StudyModel, options: dict[str, int]) -> SpikingGraph:
    return structure_of_timm(str(model.timm), preset=model.preset, **options)


def _lowered(model: StudyModel, folder: Path, options: dict[str, int]) -> SpikingGraph:
    weights = None if model.weights is None else folder / model.weights
    network = load_timm(str(model.timm), weights, random_seed=model.random_weights, **options)
    lowered = lower_model(network)
    check_against_model(lowered, network)
    return lowered


def identity(model: StudyModel, kind: Kind, folder: Path) -> dict[str, Any]:
    """What identifies a model's content: digests of files, beside what the study itself says."""
    if kind == "graph":
        return {"model file": load_graph(folder / str(model.graph), structure_only=True).digest}
    if kind == "run":
        return {"run": file_digest(folder / str(model.run) / "activity.npz")}
    if kind == "digits" or model.calibration is None:
        return {}
    weights = None if model.weights is None else file_digest(folder / model.weights)
    return {"weights file": weights, "calibration images": files_digest(resolved(model.calibration, folder))}


def resolved(images: StudyImages, folder: Path) -> StudyImages:
    """The same with a full path in place of one relative to the study's folder."""
    if images.source in (DIGITS, NOISE):
        return images
    return images.model_copy(update={"source": str((folder / images.source).resolve())})


def files_digest(images: StudyImages) -> str:
    """Digest of image files by name and size, of an array file by its bytes, or of what is made here by its description."""
    if images.source in (DIGITS, NOISE):
        return digest_of(images.model_dump())
    path = Path(images.source)
    if path.suffix == ".npz":
        return file_digest(path)
    listed = open_folder(path)
    paths = listed.paths[: images.limit]
    sizes = [[file.relative_to(path).as_posix(), file.stat().st_size] for file in paths]
    return digest_of([sizes, listed.labels[: images.limit].tolist()])


def image_count(images: StudyImages, graph: SpikingGraph) -> int:
    """How many images there will be, without reading them. Raises ImageError, InputError."""
    return images.limit or 1 if images.source == NOISE else len(list_images(images.source, graph, images.limit))


@kept(2)
def read(images: StudyImages, graph_file: str, *, calibrating: bool = False) -> ImageSet:
    """Images as a graph takes them. Raises ImageError, InputError."""
    graph = load_graph(graph_file, structure_only=True)
    if images.source == NOISE:
        shape = (images.limit or 1, *source_of(graph).image_shape)
        pixels = np.random.default_rng([images.seed, int(calibrating)]).standard_normal(shape).astype(np.float32)
        return ImageSet(pixels, np.full(len(pixels), -1, np.int64))
    if images.source == DIGITS and calibrating:
        return digits("calibration", images.limit)
    return read_images(images.source, graph, images.limit, crop=images.crop)


def converted(model: ModelFile, conversion: Conversion) -> SpikingGraph:
    """The graph of a point: thresholds from calibration or from the file, n and factors applied.

    Raises CalibrationError, GraphError, ImageError and InputError for settings that the model cannot take.
    """
    if not model.calibrated_here:
        graph = load_graph(model.file)
    elif model.method == "spikezip":
        levels = DEFAULT_LEVELS if conversion.levels is None else conversion.levels
        return _quantised(model, levels, conversion.input or "analog")
    elif model.method == "differential":
        graph = _differential(model)
    else:
        graph = _calibrated(model, conversion.preset or model.preset, DEFAULT_P if conversion.p is None else conversion.p)
    n, overall, factors = conversion.n, conversion.threshold_factor, dict(conversion.factors)
    if n is None and overall is None and not factors:
        return graph
    check_tunable(graph)
    check_groups(graph, factors)
    by = {site.name: float(1 if overall is None else overall) * factors.get(group_of(site.name), 1.0) for site in graph.sites}
    if graph.of_type(DifferentialNeurons):
        return rescaled(graph, by, 0 if n is None else n - graph.sites[0].n)
    of = {
        site.name: (site.theta1 * by[site.name], site.theta2 * by[site.name], site.n if n is None else n)
        for site in graph.of_type(MTNeurons)
    }
    return with_thresholds(graph, of)


def check_groups(graph: SpikingGraph, factors: Iterable[str]) -> None:
    """Raises InputError, offering the nearest, for a factor on a kind of site that the graph does not have."""
    known = groups(graph, "kind")
    for name in factors:
        if name not in known:
            raise InputError(f"{FACTOR}{name}: graph {graph.name!r} has no kind of site {name!r}: {nearest(name, known)}")


@kept(2)
def _calibrated(model: ModelFile, preset: Preset, p: float) -> SpikingGraph:
    assert model.calibration is not None
    images = read(model.calibration, model.file, calibrating=True).images
    return calibrate(load_graph(model.file), images, preset=preset, p=p)


@kept(2)
def _differential(model: ModelFile) -> SpikingGraph:
    assert model.calibration is not None
    images = read(model.calibration, model.file, calibrating=True).images
    return Differential().apply(load_graph(model.file), images)


@kept(2)
def _quantised(model: ModelFile, levels: int, shown: FinitePresentation) -> SpikingGraph:
    assert model.calibration is not None
    images = read(model.calibration, model.file, calibrating=True).images
    return calibrate_spikezip(load_graph(model.file), images, levels=levels, presentation=shown)
