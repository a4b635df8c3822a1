"""A study checked as a whole before anything runs: model, images, chips, axes and objectives, and what identifies them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.conversion.graph import load_graph
from synaptile.foundation.documents import nearest
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import MappingGoal
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper.alike import reads
from synaptile.studies.extra import require_study
from synaptile.studies.rundir import load_run
from synaptile.studies.settings import file_digest
from synaptile.studies.sweeping.context import Context, based_on
from synaptile.studies.sweeping.model import (
    Kind,
    check_conversions,
    check_groups,
    files_digest,
    identity,
    image_count,
    kind_of,
    open_model,
    resolved,
)
from synaptile.studies.sweeping.parameters import CHIP, CONVERSION, FACTOR, MAPPING, Parameters, PointSettings
from synaptile.studies.sweeping.read import read_study
from synaptile.studies.sweeping.rows import BY_NAME, OBJECTIVES
from synaptile.studies.sweeping.schema import STEPS, Study, StudyRates
from synaptile.studies.sweeping.space import Axis, axes_of, check_labels, fixed_of, grid_size, largest_steps

BEST = "ratio_best"
ANSWERS = ("accuracy", "agreement", "correlation")
_FREE = frozenset({"name", "description"})
"""Keys of a study that change no point."""


@dataclass(frozen=True)
class Plan:
    """A study that can be run: `label` is what messages call it, `folder` where its paths start, `settings` what it is."""

    study: Study
    label: str
    folder: Path
    kind: Kind
    fixed: Parameters
    axes: tuple[Axis, ...]
    chips: dict[str, Chip]
    objectives: tuple[str, ...]
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """What the study is called."""
        return self.study.name or Path(self.label).stem

    @property
    def default_directory(self) -> Path:
        """Where the sweep goes unless told otherwise."""
        return Path(f"sweep-{Path(self.label).stem}")

    @property
    def bounds(self) -> dict[str, float]:
        """What figures must reach, or stay below."""
        return dict(self.study.bounds or {})

    @property
    def planned(self) -> int:
        """Points in all."""
        return self.study.search.trials if self.study.search else grid_size(self.axes, self.label)

    @property
    def parameters(self) -> tuple[str, ...]:
        """All parameters that are fixed or varied."""
        return (*self.fixed, *(name for axis in self.axes for name in axis.sets))

    @property
    def synthetic(self) -> bool:
        """Whether spikes are drawn from rates."""
        return self.study.rates is not None


def plan_of(source: str | Path | Mapping[str, Any]) -> Plan:
    """Read and check a study. Raises InputError and its kin, naming the study, the key and a remedy."""
    study, label, folder = read_study(source)
    if (study.grid is None) == (study.search is None):
        raise InputError(f"{label}: give exactly one of grid (every combination) and search (bounded, by optuna)")
    kind = kind_of(study.model, label, synthetic=study.rates is not None)
    if kind != "run" and study.steps is None:
        study = study.model_copy(update={"steps": STEPS})
    _check_inputs(study, kind, label)
    given = study.grid if study.search is None else study.search.parameters
    assert given is not None
    if study.search is not None:
        require_study("optuna", f"{label}: a search")
    fixed = fixed_of(study.fixed, label, study.chip)
    axes = axes_of(given, fixed, label, study.chip, search=study.search is not None)
    for number, labels in enumerate((study.search and study.search.first) or ()):
        check_labels(axes, labels, f"{label}: search.first[{number}]")
    names = [*fixed, *(name for axis in axes for name in axis.sets)]
    check_conversions(kind, study.model.method, names, label, synthetic=study.rates is not None)
    if study.search is None:
        grid_size(axes, label)
    chips = _chips(study, axes, folder)
    objectives = _objectives(study, names, chips, label)
    _check_figures(study, study.bounds or {}, "bound", chips, label)
    return Plan(study, label, folder, kind, fixed, axes, chips, objectives, _settings(study, kind, folder, chips, objectives))


def context_of(plan: Plan, directory: Path, *, begun: bool) -> Context:
    """Make everything ready for workers; of a sweep that was `begun`, what lies in its directory is taken.

    Raises InputError where the study asks for more than its inputs have.
    """
    study = plan.study
    model = open_model(study.model, plan.kind, plan.folder, directory, synthetic=plan.synthetic, begun=begun)
    base = PointSettings(
        chip=study.chip,
        steps=study.steps or STEPS,
        numeric=study.numeric,
        number_format=study.number_format,
        synchronisation=study.schedule.synchronisation,
        mapping=study.mapping,
    ).having(plan.fixed)
    most_steps = largest_steps(plan.axes, base.steps)
    images = None if study.images is None else resolved(study.images, plan.folder)
    if model.kind == "run":
        activity = load_run(model.file).activity
        count, base = activity.images, base.having({"numeric": activity.numeric, "steps": study.steps or activity.steps})
        most_steps = largest_steps(plan.axes, base.steps)
        if most_steps > activity.steps:
            raise InputError(f"{plan.label}: {most_steps} steps are asked for, the run has {activity.steps}: run it for more")
    else:
        graph = load_graph(model.file, structure_only=True)
        check_groups(graph, [name.removeprefix(FACTOR) for name in plan.parameters if name.startswith(FACTOR)])
        count = study.rates.images if study.rates else image_count(images, graph) if images else 0
    if study.schedule.images > count:
        raise InputError(
            f"{plan.label}: schedule.images is {study.schedule.images}, there are {count} images: ask for at most those"
        )
    return Context(
        directory=str(directory.resolve()),
        model=model,
        images=images,
        rates=_resolved_rates(study.rates, plan.folder),
        chips=plan.chips,
        follow=study.follow,
        most_steps=most_steps,
        streamed=study.schedule.images,
        base=base,
        keep=_needs_spikes(plan),
        best=BEST in (*plan.objectives, *plan.bounds),
    )


def _needs_spikes(plan: Plan) -> bool:
    """Whether spikes must be known one by one: other mappings group them otherwise, blocks and batches share rows among them."""
    goals = {plan.study.mapping.goal, *(str(goal) for axis in plan.axes for goal in axis.values(f"{MAPPING}goal"))}
    goal: MappingGoal = "room" if goals == {"room"} else "latency"
    shared = any(
        core is not None and core.dataflow.token_block * core.dataflow.time_batch > 1
        for chip in plan.chips.values()
        for core in (chip.synapse_core, chip.ec_core)
    )
    return shared or any(_changes_mapping(name, goal) for axis in plan.axes for name in axis.sets)


def _changes_mapping(name: str, goal: MappingGoal) -> bool:
    """Whether a parameter may change how the network lies on cores."""
    if name.startswith(CHIP):
        return reads(name.removeprefix(CHIP), goal)
    return name in ("chip", f"{MAPPING}replicas", f"{MAPPING}goal") or name.startswith(CONVERSION)


def _check_inputs(study: Study, kind: Kind, label: str) -> None:
    given = [name for name in ("images", "rates") if getattr(study, name) is not None]
    if kind == "run" and given:
        raise InputError(f"{label}: a run has its own images: leave {given[0]} out")
    if kind != "run" and len(given) != 1:
        raise InputError(f"{label}: give exactly one of images (to execute on) and rates (to draw spikes from)")
    if kind == "run" and "numeric" in study.model_fields_set:
        raise InputError(f"{label}: a run was executed in its own number format: leave numeric out")
    rates = study.rates
    if rates is not None and sum(value is not None for value in (rates.density, rates.file, rates.run)) != 1:
        raise InputError(f"{label}: rates takes exactly one of density, file and run")


def _chips(study: Study, axes: tuple[Axis, ...], folder: Path) -> dict[str, Chip]:
    """The chips that points start from, by the names that the study gives them."""
    fixed = [study.fixed["chip"]] if "chip" in study.fixed else []
    names = map(str, [study.chip, *fixed, *(value for axis in axes for value in axis.values("chip"))])
    return {name: based_on(load_chip(_chip_file(name, folder)), host_ec=study.host_ec) for name in dict.fromkeys(names)}


def _chip_file(name: str, folder: Path) -> str | Path:
    path = folder / name
    return path if Path(name).suffix in (".yaml", ".yml") and path.is_file() else name


def _objectives(study: Study, names: list[str], chips: dict[str, Chip], label: str) -> tuple[str, ...]:
    """What the study optimises: as it says, else latency, energy, area where chips state it, agreement where answers change."""
    areas = all(chip.area is not None for chip in chips.values())
    answered = study.rates is None
    if study.objectives is None:
        changing = any(name.startswith(CONVERSION) or name in ("steps", "numeric") for name in names)
        objectives = ["latency_ms", "energy_static_pj"] + ["area_mm2"] * areas + ["agreement"] * (changing and answered)
    else:
        objectives = list(study.objectives)
    _check_figures(study, objectives, "objective", chips, label)
    if len(set(objectives)) < len(objectives):
        raise InputError(f"{label}: an objective is named twice: keep one")
    return tuple(objectives)


def _check_figures(study: Study, names: Iterable[str], what: str, chips: dict[str, Chip], label: str) -> None:
    """Raises InputError for figures that cannot be objectives or bounds of a study."""
    article = "an" if what == "objective" else "a"
    for name in names:
        if name not in OBJECTIVES:
            known = (
                f"a figure without a better end: choose of {', '.join(OBJECTIVES)}"
                if name in BY_NAME
                else nearest(name, OBJECTIVES)
            )
            raise InputError(f"{label}: {what} {name!r} is unknown: {known}")
        if name in ANSWERS and study.rates is not None:
            raise InputError(f"{label}: {name} cannot be {article} {what}: spikes drawn from rates give no answers")
        if name in ("images_per_second", "interval_ms") and study.schedule.images == 1:
            raise InputError(
                f"{label}: {name} cannot be {article} {what}: one image alone has no throughput; write schedule: {{images: 2}}"
            )
        if name in ("area_mm2", "die_mm2") and any(chip.area is None for chip in chips.values()):
            without = next(chip.name for chip in chips.values() if chip.area is None)
            raise InputError(
                f"{label}: {name} cannot be {article} {what}: chip {without} has no section area; add one to its file"
            )


def _settings(study: Study, kind: Kind, folder: Path, chips: dict[str, Chip], objectives: tuple[str, ...]) -> dict[str, Any]:
    """What a sweep may not change between resumes, flat: names as in the study file, and digests of what it names.

    More trials only add to a search, and other objectives and bounds to a grid: they are not held.
    """
    document = study.model_dump(mode="json", by_alias=True, exclude_none=True)
    for name in (*_FREE, "objectives"):
        document.pop(name, None)
    if document["mapping"]["goal"] == "room":  # sweeps that were begun before there were goals had no other
        del document["mapping"]["goal"]
    if study.search is not None:
        document["search"].pop("trials")
        document["objectives"] = list(objectives)
    else:
        document["grid"] = dict(study.grid or {})
        document.pop("bounds", None)
    flat = dict(_flat(document, ""))
    flat |= {f"chip {name} (digest)": chip.digest for name, chip in chips.items()}
    flat |= {f"{name} (digest)": value for name, value in identity(study.model, kind, folder).items()}
    if study.images is not None:
        flat["images (digest)"] = files_digest(resolved(study.images, folder))
    if study.rates is not None:
        rates = _resolved_rates(study.rates, folder)
        assert rates is not None
        path = rates.file or (None if rates.run is None else str(Path(rates.run) / "activity.npz"))
        if path is not None:
            flat["rates (digest)"] = file_digest(Path(path))
    return flat


def _flat(value: Any, prefix: str) -> list[tuple[str, Any]]:
    """Nested mappings as pairs of a dotted name and a value."""
    if isinstance(value, dict) and value:
        return [pair for key, below in value.items() for pair in _flat(below, f"{prefix}.{key}" if prefix else str(key))]
    return [(prefix, value)]


def _resolved_rates(rates: StudyRates | None, folder: Path) -> StudyRates | None:
    if rates is None:
        return None
    paths = {name: str((folder / path).resolve()) for name in ("file", "run") if (path := getattr(rates, name)) is not None}
    return rates.model_copy(update=paths)
