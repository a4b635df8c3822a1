"""The schema of a study file: which keys there are, of which type and range. Nothing unknown passes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from synaptile.foundation.documents import Strict
from synaptile.foundation.options import MappingGoal, MethodName, Numeric, PlacementMethod, Preset, Synchronisation

Scalar = bool | int | float | str | None
"""A value of a parameter, as YAML gives it."""

Name = Annotated[str, Field(min_length=1)]
Positive = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
NumberFormat = Literal["fp32", "fp16", "int8"]

MOST_TRIALS = 100_000
STEPS = 4
"""Steps of a study that says none; one of a run takes the run's."""


class StudyImages(Strict):
    """Where images come from: a folder, an ``.npz`` file, ``digits``, or ``noise`` (normal pixels, from `seed`).

    At most `limit` of them are taken; of noise exactly as many, 1 unless said. `crop` as of `synaptile run`.
    """

    source: Annotated[Name, Field(alias="from")]
    limit: Positive | None = None
    crop: float | None = None
    seed: Seed = 0


class StudyModel(Strict):
    """What is run: exactly one of `graph` (.spk), `timm`, `digits` and `run` (a run directory, whose activity is taken).

    A timm model takes `weights` or `random_weights` (a seed), and `calibration` images, which `digits` bring.
    """

    graph: Name | None = None
    timm: Name | None = None
    digits: Literal[True] | None = None
    run: Name | None = None
    weights: Name | None = None
    random_weights: Seed | None = None
    calibration: StudyImages | None = None
    method: MethodName = "ecmt"
    preset: Preset = "paper"
    image_size: Positive | None = None
    depth: Positive | None = None


class StudyRates(Strict):
    """Spikes drawn from rates instead of executed: exactly one of a mean `density`, a `file` of rates and a recorded `run`."""

    density: Annotated[float, Field(ge=0, le=1)] | None = None
    file: Name | None = None
    run: Name | None = None
    images: Positive = 1
    seed: Seed = 0


class StudySchedule(Strict):
    """How a run is scheduled: images streamed through (2 or more for a steady state), synchronisation (None: the chip's)."""

    images: Positive = 1
    synchronisation: Synchronisation | None = None


class MapperOptions(Strict):
    """Options of the mapper."""

    seed: Seed = 0
    replicas: Positive = 1
    placement: PlacementMethod = "anneal"
    anneal_moves: Annotated[int, Field(ge=0)] | None = None
    goal: MappingGoal = "room"


class Range(Strict):
    """Values that a search may choose from `low` to `high`, both included: whole numbers where both are, else reals."""

    low: int | float
    high: int | float
    step: int | float | None = None
    log: bool = False


class StudySearch(Strict):
    """A bounded search by optuna: `trials` points, proposed `batch` at a time, so that workers do not change what is proposed.

    `first` are points to begin with, by the names of `parameters`; what one leaves open is proposed.
    """

    parameters: Annotated[dict[str, Any], Field(min_length=1)]
    trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)]
    seed: Seed = 0
    sampler: Literal["nsga2", "tpe", "random"] = "nsga2"
    batch: Annotated[int, Field(ge=1, le=1000)] = 10
    first: Annotated[list[dict[str, Scalar]], Field(min_length=1)] | None = None


class Study(Strict):
    """A whole study file: exactly one of `grid` and `search`, exactly one of `images` and `rates` but for a run directory.

    `fixed` holds parameters that all points share, by the names of an axis: ``chip.mesh.width: 18``. `bounds` are what figures
    must reach (those better high) or stay below (the others): ``agreement: 0.95``.
    """

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    description: str = ""
    model: StudyModel
    images: StudyImages | None = None
    rates: StudyRates | None = None
    chip: Name = "ecmt45"
    host_ec: bool = False
    follow: bool = True
    steps: Positive | None = None
    numeric: Numeric = "float32"
    number_format: NumberFormat | None = None
    schedule: StudySchedule = StudySchedule()
    mapping: MapperOptions = MapperOptions()
    fixed: dict[str, Any] = Field(default_factory=dict)
    grid: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    search: StudySearch | None = None
    objectives: Annotated[list[Name], Field(min_length=1, max_length=6)] | None = None
    bounds: Annotated[dict[Name, Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=1)] | None = None
