"""What a study may vary: parameters by their dotted names, each checked, and the typed settings that they make for a point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import Field, ValidationError

from synaptile.energy import NUMBER_FORMATS
from synaptile.foundation.digest import digest_of
from synaptile.foundation.documents import Strict, nearest
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import (
    NUMERICS,
    PRESETS,
    SYNCHRONISATIONS,
    FinitePresentation,
    Numeric,
    Preset,
    Synchronisation,
)
from synaptile.hwmodels.parameters import parameters, resolve_parameter
from synaptile.studies.sweeping.schema import MapperOptions, NumberFormat, Scalar

MOST_FACTOR = 1000.0
CHIP, MAPPING, CONVERSION, FACTOR = "chip.", "mapping.", "conversion.", "conversion.factor."
CONVERSIONS = ("conversion.n", "conversion.p", "conversion.preset", "conversion.threshold_factor")
SPIKEZIP_CONVERSIONS = ("conversion.levels", "conversion.input")
RUNS = ("chip", "steps", "numeric", "number_format", "synchronisation")

Parameters = Mapping[str, Scalar]
"""Values by dotted name, as a study file gives them."""


class Conversion(Strict):
    """How a point's thresholds are made; None is what the model or the study says.

    Fields are named as the parameters ``conversion.<field>``; `factors` are pairs of a kind of site and a factor.
    """

    n: int | None = None
    p: float | None = None
    preset: Preset | None = None
    threshold_factor: int | float | None = None
    levels: int | None = None
    input: FinitePresentation | None = None
    factors: tuple[tuple[str, int | float], ...] = ()

    @property
    def parameters(self) -> dict[str, Scalar]:
        """What is set, by dotted name, in order of the names."""
        plain = {CONVERSION + name: getattr(self, name) for name in type(self).model_fields if name != "factors"}
        named = plain | {FACTOR + kind: factor for kind, factor in self.factors}
        return {name: named[name] for name in sorted(named) if named[name] is not None}


class PointSettings(Strict):
    """All that a point is evaluated with. `changes` are figures of the chip, by the names of its file."""

    chip: str
    steps: int
    numeric: Numeric
    number_format: NumberFormat | None
    synchronisation: Synchronisation | None
    mapping: MapperOptions
    changes: dict[str, Scalar] = Field(default_factory=dict)
    conversion: Conversion = Conversion()

    @property
    def execution(self) -> str:
        """Names the execution that the point needs, alike for all points that can share one."""
        return digest_of([self.numeric, [[name, repr(value)] for name, value in self.conversion.parameters.items()]])[:16]

    def having(self, values: Parameters) -> PointSettings:
        """The same with some parameters set."""
        document = self.model_dump()
        factors: dict[str, Any] = dict(self.conversion.factors)
        for name, value in values.items():
            section, _, key = name.partition(".")
            if name.startswith(FACTOR):
                factors[name.removeprefix(FACTOR)] = value
            elif not key:
                document[name] = value
            else:
                document["changes" if section == "chip" else section][key] = value
        document["conversion"]["factors"] = tuple(factors.items())
        return PointSettings.model_validate(document)


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
    if name.startswith(MAPPING) and name.removeprefix(MAPPING) in MapperOptions.model_fields:
        return
    known = [*RUNS, *CONVERSIONS, *SPIKEZIP_CONVERSIONS, *(MAPPING + field for field in MapperOptions.model_fields)]
    known += [CHIP + figure for figure in parameters()]
    hint = nearest(name, known) if len(name) < 200 else "the name is no parameter's"
    if hint.startswith("known"):
        hint = f"parameters are {', '.join(known[:12])} and chip.<figure>, such as chip.synapse_core.lanes_per_cycle"
    raise InputError(f"{label}: {name[:80]!r} is no parameter: {hint}")


_WORDS: Mapping[str, tuple[str, ...]] = {
    "numeric": NUMERICS,
    "number_format": NUMBER_FORMATS,
    "synchronisation": SYNCHRONISATIONS,
    "conversion.preset": PRESETS,
    "conversion.input": get_args(FinitePresentation),
}
_NUMBERS: Mapping[str, tuple[bool, Callable[[float], bool], str]] = {
    "steps": (True, lambda value: value >= 1, "be a whole number of steps, at least 1"),
    "conversion.n": (True, lambda value: 1 <= value <= 16, "be a whole number of thresholds from 1 to 16"),
    "conversion.p": (False, lambda value: 0.5 < value < 1, "lie between 0.5 and 1"),
    "conversion.levels": (True, lambda value: value >= 2, "be a power of two"),
    "conversion.threshold_factor": (
        False,
        lambda value: 1 / MOST_FACTOR <= value <= MOST_FACTOR,
        f"be a factor from {1 / MOST_FACTOR:g} to {MOST_FACTOR:g}",
    ),
}
"""Whether it is a whole number, its range, and what a message says of both."""


def check_value(name: str, value: Scalar, where: str) -> None:
    """Raises InputError for a value that a parameter cannot have. Figures of chips are checked as each chip is made."""
    if name in _WORDS and value not in _WORDS[name]:
        raise InputError(f"{where} is {value!r}, must be one of {', '.join(_WORDS[name])}")
    if name == "chip" and not isinstance(value, str):
        raise InputError(f"{where} is {value!r}, must be a chip's name or file")
    number = _NUMBERS.get("conversion.threshold_factor" if name.startswith(FACTOR) else name)
    if number is not None:
        whole, holds, rule = number
        if isinstance(value, str | bool | None) or (whole and isinstance(value, float)) or not holds(value):
            raise InputError(f"{where} is {value!r}, must {rule}")
    if name.startswith(MAPPING):
        try:
            MapperOptions.model_validate({name.removeprefix(MAPPING): value})
        except ValidationError as error:
            raise InputError(f"{where} is {value!r}: {error.errors(include_url=False)[0]['msg'].lower()}") from None
