"""What a study varies: its axes, checked by name and value, and the points that they span."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from synaptile.foundation.documents import nearest
from synaptile.foundation.errors import InputError
from synaptile.studies.sweeping.parameters import RUNS, Parameters, PointSettings, check_parameter, check_value
from synaptile.studies.sweeping.parquet import RESERVED
from synaptile.studies.sweeping.schema import Range, Scalar

MOST_POINTS = 100_000
_VARIANT = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True)
class Axis:
    """One thing that a study varies.

    `choices` are its values, or the names of its `variants`, each of which sets several parameters together; `range` what a
    search may choose from instead.
    """

    name: str
    choices: tuple[Scalar, ...] = ()
    range: Range | None = None
    variants: Mapping[str, Parameters] | None = None

    @property
    def sets(self) -> tuple[str, ...]:
        """Parameters that the axis sets."""
        return (self.name,) if self.variants is None else tuple(next(iter(self.variants.values())))

    def values(self, parameter: str) -> tuple[Scalar, ...]:
        """What the axis gives a parameter, of a range both ends; nothing for one that it does not set."""
        if self.variants is not None:
            return tuple(variant[parameter] for variant in self.variants.values() if parameter in variant)
        if parameter != self.name:
            return ()
        return self.choices if self.range is None else (self.range.low, self.range.high)


@dataclass(frozen=True)
class Point:
    """One place in the space: `labels` are its values by axis, `number` its row in the table."""

    number: int
    labels: dict[str, Scalar]
    settings: PointSettings


def axes_of(given: Mapping[str, Any], fixed: Parameters, label: str, chip: str, *, search: bool) -> tuple[Axis, ...]:
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


def check_labels(axes: tuple[Axis, ...], labels: Mapping[str, Scalar], where: str) -> None:
    """Raises InputError for labels of a point that no axis has."""
    known = {axis.name: axis for axis in axes}
    for name, value in labels.items():
        if name not in known:
            raise InputError(f"{where}: {name!r} is no parameter of the search: {nearest(name, known)}")
        axis = known[name]
        if axis.range is None:
            if (type(value), value) not in [(type(one), one) for one in axis.choices]:
                raise InputError(f"{where}: {name} is {value!r}, must be one of {', '.join(map(str, axis.choices))}")
        elif isinstance(value, bool | str | None) or not axis.range.low <= value <= axis.range.high:
            raise InputError(f"{where}: {name} is {value!r}, must lie from {axis.range.low} to {axis.range.high}")


def fixed_of(given: Mapping[str, Any], label: str, chip: str) -> Parameters:
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


def grid_points(axes: tuple[Axis, ...], base: PointSettings) -> Iterator[Point]:
    """All points of a grid, the last axis fastest; `base` is what they share."""
    for number, values in enumerate(itertools.product(*(axis.choices for axis in axes))):
        yield point_at(axes, base, number, {axis.name: value for axis, value in zip(axes, values, strict=True)})


def point_at(axes: tuple[Axis, ...], base: PointSettings, number: int, labels: Mapping[str, Scalar]) -> Point:
    """The point of some labels; `base` is what all points share."""
    values: dict[str, Scalar] = {}
    for axis in axes:
        label = labels[axis.name]
        values |= {axis.name: label} if axis.variants is None else axis.variants[str(label)]
    return Point(number, {axis.name: labels[axis.name] for axis in axes}, base.having(values))


def largest_steps(axes: tuple[Axis, ...], steps: int) -> int:
    """The most steps that any point asks for; `steps` where no axis sets them."""
    return max((value for axis in axes for value in axis.values("steps") if isinstance(value, int)), default=steps)


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
    if not _VARIANT.match(name) or name in (*RUNS, *RESERVED):
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
        given = Range.model_validate(value)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        key = ".".join(map(str, detail["loc"][:1]))
        raise InputError(
            f"{where}.{key}: {detail['msg'].lower()}: a range is {{low, high}}, with step or log if wanted"
        ) from None
    if not given.low <= given.high:
        raise InputError(f"{where}: low is {given.low}, above high {given.high}: swap them")
    if given.log and (given.low <= 0 or given.step is not None):
        raise InputError(f"{where}: a range with log needs low above 0 and takes no step")
    if given.step is not None and not given.step > 0:
        raise InputError(f"{where}: step is {given.step}, must be above 0")
    whole = isinstance(given.low, int) and isinstance(given.high, int)
    if whole and given.step is not None and not isinstance(given.step, int):
        raise InputError(f"{where}: step is {given.step} between whole numbers: make it whole, or low and high reals")
    for end in (given.low, given.high):
        check_value(name, end, where)
    return given
