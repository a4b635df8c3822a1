"""What a study varies: its axes, checked by name and value, and the points that they span."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from synaptile.conversion.thresholds import PRESETS
from synaptile.energy import NUMBER_FORMATS
from synaptile.foundation.documents import nearest
from synaptile.foundation.errors import InputError
from synaptile.hwmodels.parameters import parameters, resolve_parameter
from synaptile.simulator.schedule.schedule import SYNCHRONISATIONS
from synaptile.studies.sweeping.parquet import COLUMNS
from synaptile.studies.sweeping.schema import Mapping as MappingOptions
from synaptile.studies.sweeping.schema import Range, Scalar

MOST_POINTS = 100_000
MOST_FACTOR = 1000.0
CHIP, MAPPING, CONVERSION, FACTOR = "chip.", "mapping.", "conversion.", "conversion.factor."
CONVERSIONS = ("conversion.n", "conversion.p", "conversion.preset", "conversion.threshold_factor")
SPIKEZIP_CONVERSIONS = ("conversion.levels", "conversion.input")
RUNS = ("chip", "steps", "numeric", "number_format", "synchronisation")
_VARIANT = re.compile(r"[a-z][a-z0-9_]*\Z")

Settings = dict[str, Scalar]


@dataclass(frozen=True)
class Axis:
    """One thing that a study varies.

    `choices` are its values, or the names of its `variants`, each of which sets several parameters together; `range` what a
    search may choose from instead.
    """

    name: str
    choices: tuple[Scalar, ...] = ()
    range: Range | None = None
    variants: Mapping[str, Settings] | None = None

    @property
    def sets(self) -> tuple[str, ...]:
        """Parameters that the axis sets."""
        return (self.name,) if self.variants is None else tuple(next(iter(self.variants.values())))


@dataclass(frozen=True)
class Point:
    """One place in the space: `labels` by axis, `settings` by parameter (variants opened), `number` its row in the table."""

    number: int
    labels: Settings
    settings: Settings


def axes_of(given: Mapping[str, Any], fixed: Settings, label: str, chip: str, *, search: bool) -> tuple[Axis, ...]:
    """The axes of a grid or a search, none of which sets what is `fixed`.

    Raises InputError for unknown parameters (the nearest offered) and unusable values.
    """
    axes = tuple(_axis(name, value, label, chip, search=search) for name, value in given.items())
    owner: dict[str, str] = dict.fromkeys(fixed, "fixed")
    for axis in axes:
        for name in axis.sets:
            if name in owner:
                raise InputError(f"{label}: {name} is set by {owner[name]!r} and by {axis.name!r}: keep one")
            owner[name] = axis.name
    return axes


def fixed_of(given: Mapping[str, Any], label: str, chip: str) -> Settings:
    """Parameters that are the same at all points. Raises InputError as `axes_of`."""
    for name, value in given.items():
        check_parameter(name, f"{label}: fixed", chip)
        _check_choices([value], f"{label}: fixed.{name}")
        check_value(name, value, f"{label}: fixed.{name}")
    return dict(given)


def grid_size(axes: tuple[Axis, ...], label: str) -> int:
    """Points of a grid. Raises InputError where there are too many."""
    size = math.prod(len(axis.choices) for axis in axes)
    if size > MOST_POINTS:
        raise InputError(f"{label}: the grid has {size:,} points, limit {MOST_POINTS:,}: take fewer values, or a search")
    return size


def grid_points(axes: tuple[Axis, ...], fixed: Settings) -> Iterator[Point]:
    """All points of a grid, the last axis fastest."""
    for number, values in enumerate(itertools.product(*(axis.choices for axis in axes))):
        yield point_at(axes, fixed, number, {axis.name: value for axis, value in zip(axes, values, strict=True)})


def point_at(axes: tuple[Axis, ...], fixed: Settings, number: int, labels: Settings) -> Point:
    """The point of some labels; `fixed` is what all points share."""
    settings = dict(fixed)
    for axis in axes:
        value = labels[axis.name]
        settings |= {axis.name: value} if axis.variants is None else axis.variants[str(value)]
    return Point(number, dict(labels), settings)


def largest_steps(axes: tuple[Axis, ...], steps: int) -> int:
    """The most steps that any point asks for; `steps` where no axis sets them."""
    asked = [
        int(value)
        for axis in axes
        for value in (
            [axis.range.high]
            if axis.range and axis.name == "steps"
            else [variant["steps"] for variant in axis.variants.values() if "steps" in variant]
            if axis.variants
            else axis.choices
            if axis.name == "steps"
            else []
        )
        if isinstance(value, int)
    ]
    return max(asked, default=steps)


def _axis(name: str, value: Any, label: str, chip: str, *, search: bool) -> Axis:
    where = f"{label}: {name}"
    if isinstance(value, dict) and value and all(isinstance(below, dict) for below in value.values()):
        return _variants(name, value, where, chip)
    check_parameter(name, label, chip)
    if search and isinstance(value, dict):
        return Axis(name, range=_range(name, value, where))
    if not isinstance(value, list):
        shape = "a list of values, or {low: .., high: ..}" if search else "a list of values"
        raise InputError(f"{where} must be {shape}, or named variants {{name: {{parameter: value}}}}")
    _check_choices(value, where)
    for one in value:
        check_value(name, one, where)
    return Axis(name, tuple(value))


def _variants(name: str, value: dict[str, dict[str, Any]], where: str, chip: str) -> Axis:
    if not _VARIANT.match(name) or name in (*RUNS, *COLUMNS):
        raise InputError(f"{where}: an axis of variants needs a name of its own, lower-case letters, digits and underscores")
    sets = [sorted(variant) for variant in value.values()]
    if any(names != sets[0] for names in sets) or not sets[0]:
        raise InputError(f"{where}: every variant must set the same parameters, the first sets {', '.join(sets[0]) or 'none'}")
    for option, variant in value.items():
        for parameter, one in variant.items():
            check_parameter(parameter, f"{where}.{option}", chip)
            check_value(parameter, one, f"{where}.{option}.{parameter}")
    return Axis(name, tuple(value), variants={option: dict(variant) for option, variant in value.items()})


def _check_choices(value: list[Any], where: str) -> None:
    if not value:
        raise InputError(f"{where} is an empty list: a sweep over nothing; give at least one value")
    if wrong := [one for one in value if not (one is None or isinstance(one, bool | int | float | str))]:
        raise InputError(f"{where} holds {str(wrong[0])[:60]!r}, not a plain value: give numbers, words, true, false or null")
    if not all(math.isfinite(one) for one in value if isinstance(one, float)):
        raise InputError(f"{where} holds a number that is not finite: give finite ones")
    seen = [(type(one), one) for one in value]
    if len(set(seen)) < len(seen):
        twice = next(one for place, one in enumerate(value) if seen[place] in seen[:place])
        raise InputError(f"{where} holds {twice!r} twice: keep one")


def _range(name: str, value: dict[str, Any], where: str) -> Range:
    try:
        found = Range.model_validate(value)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        key = ".".join(map(str, detail["loc"][:1]))
        raise InputError(
            f"{where}.{key}: {detail['msg'].lower()}: a range is {{low, high}}, with step or log if wanted"
        ) from None
    if not found.low <= found.high:
        raise InputError(f"{where}: low is {found.low}, above high {found.high}: swap them")
    if found.log and (found.low <= 0 or found.step is not None):
        raise InputError(f"{where}: a range with log needs low above 0 and takes no step")
    if found.step is not None and not found.step > 0:
        raise InputError(f"{where}: step is {found.step}, must be above 0")
    whole = isinstance(found.low, int) and isinstance(found.high, int)
    if whole and found.step is not None and not isinstance(found.step, int):
        raise InputError(f"{where}: step is {found.step} between whole numbers: make it whole, or low and high reals")
    for end in (found.low, found.high):
        check_value(name, end, where)
    return found


def check_parameter(name: str, label: str, chip: str) -> None:
    """Raises InputError, offering the nearest, where there is no such parameter."""
    if name in (*RUNS, *CONVERSIONS, *SPIKEZIP_CONVERSIONS) or name.startswith(FACTOR):
        return
    if name.startswith(CHIP):
        try:
            resolve_parameter(name.removeprefix(CHIP), chip)
        except InputError as error:
            raise InputError(f"{label}: {name}: {error}") from None
        return
    if name.startswith(MAPPING) and name.removeprefix(MAPPING) in MappingOptions.model_fields:
        return
    known = [*RUNS, *CONVERSIONS, *SPIKEZIP_CONVERSIONS, *(MAPPING + field for field in MappingOptions.model_fields)]
    known += [CHIP + figure for figure in parameters()]
    hint = nearest(name, known) if len(name) < 200 else "the name is no parameter's"
    if hint.startswith("known"):
        hint = f"parameters are {', '.join(known[:12])} and chip.<figure>, such as chip.synapse_core.lanes_per_cycle"
    raise InputError(f"{label}: {name[:80]!r} is no parameter: {hint}")


def check_value(name: str, value: Scalar, where: str) -> None:
    """Raises InputError for a value that a parameter cannot have. Figures of chips are checked as each chip is made."""
    words = {
        "numeric": ("float32", "float64", "int8"),
        "number_format": tuple(NUMBER_FORMATS),
        "synchronisation": SYNCHRONISATIONS,
        "conversion.preset": PRESETS,
        "conversion.input": ("analog", "rate"),
    }
    whole = isinstance(value, int) and not isinstance(value, bool)
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if name in words and value not in words[name]:
        raise InputError(f"{where} is {value!r}, must be one of {', '.join(words[name])}")
    if name == "chip" and not isinstance(value, str):
        raise InputError(f"{where} is {value!r}, must be a chip's name or file")
    if name == "steps" and not (whole and value >= 1):  # type: ignore[operator]  # whole means int
        raise InputError(f"{where} is {value!r}, must be a whole number of steps, at least 1")
    if name == "conversion.n" and not (whole and 1 <= value <= 16):  # type: ignore[operator]  # whole means int
        raise InputError(f"{where} is {value!r}, must be a whole number of thresholds from 1 to 16")
    if name == "conversion.p" and not (real and 0.5 < value < 1):  # type: ignore[operator]  # real means int or float
        raise InputError(f"{where} is {value!r}, must lie between 0.5 and 1")
    if name == "conversion.levels" and not (whole and value >= 2):  # type: ignore[operator]  # whole means int
        raise InputError(f"{where} is {value!r}, must be a power of two")
    factor = name == "conversion.threshold_factor" or name.startswith(FACTOR)
    if factor and not (real and 1 / MOST_FACTOR <= value <= MOST_FACTOR):  # type: ignore[operator]  # real means int or float
        raise InputError(f"{where} is {value!r}, must be a factor from {1 / MOST_FACTOR:g} to {MOST_FACTOR:g}")
    if name.startswith(MAPPING):
        try:
            MappingOptions.model_validate({name.removeprefix(MAPPING): value})
        except ValidationError as error:
            raise InputError(f"{where} is {value!r}: {error.errors(include_url=False)[0]['msg'].lower()}") from None
