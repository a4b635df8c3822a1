"""What a sizing study is asked: targets, the parameters that may vary and between which values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip, vary
from synaptile.hwmodels.parameters import KIB_BITS, resolve_parameter
from synaptile.studies.sizing.answer import Knob, Target, Value

MOST_VALUES = 64
"""Values that one parameter may take."""

DEFAULT_PARAMETERS = (
    "mesh.width+mesh.height",
    "synapse_core.weight_memory_kib",
    "synapse_core.state_memory_kib",
    "ec_core.state_memory_kib",
    "synapse_core.lanes_per_cycle",
    "ec_core.multipliers_per_cycle",
    "ec_core.special_functions_per_cycle",
    "noc.flit_bits",
)
"""What varies where nothing else is asked for: each from a quarter of the base chip's figure to that figure."""

_SHARES = (0.25, 0.5, 0.75, 1.0)

CAPACITIES = frozenset(
    (
        "mesh.width",
        "mesh.height",
        "mesh.synapse_cores_per_tile",
        "mesh.ec_cores_per_tile",
        "mesh.max_chips",
        "synapse_core.weight_memory_bits",
        "synapse_core.state_memory_bits",
        "synapse_core.max_neurons",
        "synapse_core.max_axons",
        "ec_core.state_memory_bits",
        "ec_core.max_neurons",
    )
)
"""What fits at some value fits at any larger one."""

RATES = frozenset(
    (
        "synapse_core.lanes_per_cycle",
        "synapse_core.neuron_updates_per_cycle",
        "ec_core.multipliers_per_cycle",
        "ec_core.special_functions_per_cycle",
        "ec_core.neuron_updates_per_cycle",
        "noc.flit_bits",
        "noc.link_flits_per_cycle",
        "clock_mhz",
    )
)
"""They leave the mapping alone, and what is fast enough at some value is at any larger one."""


@dataclass(frozen=True)
class SizeRequest:
    """A checked request: what varies, what must be met, how many points may be tried."""

    target: Target
    knobs: tuple[Knob, ...]
    max_evaluations: int
    seed: int
    images: int
    synchronisation: str | None


def knobs_of(chip: Chip, given: Mapping[str, Sequence[Value]] | None) -> tuple[Knob, ...]:
    """Knobs from values by parameter; the default family of the chip where nothing is given.

    Raises ChipError for an unknown parameter (the nearest is offered), InputError for values that are none.
    """
    if given is None:
        return tuple(knob for name in DEFAULT_PARAMETERS if (knob := _default_knob(chip, name)) is not None)
    if not given:
        raise InputError("no parameter may vary: name at least one, such as synapse_core.lanes_per_cycle")
    seen: dict[str, str] = {}
    knobs = []
    for name, values in given.items():
        knob = Knob(name, _checked_values(name, values))
        for parameter in knob.parameters:
            figure, _ = resolve_parameter(parameter, chip.name)
            if figure in seen:
                raise InputError(f"{figure} varies twice, in {seen[figure]!r} and {name!r}: keep one")
            seen[figure] = name
        knobs.append(knob)
    return tuple(knobs)


def check_target(target: Target) -> Target:
    """Raises InputError unless at least one figure is asked for and all are positive."""
    asked = {
        "latency_ms": target.latency_ms,
        "images_per_second": target.images_per_second,
        "energy_mj": target.energy_mj,
    }
    if all(value is None for value in asked.values()):
        raise InputError(f"no target: give at least one of {', '.join(asked)}")
    for name, value in asked.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise InputError(f"target {name} is {value!r}: must be a positive number")
    return target


def figures_of(knob: Knob, chip: Chip) -> tuple[str, ...]:
    """The chip file's names of what a knob sets."""
    return tuple(resolve_parameter(parameter, chip.name)[0] for parameter in knob.parameters)


def value_of(chip: Chip, parameter: str) -> Value | None:
    """What a chip has of a parameter, in the parameter's unit; None where it has no such figure."""
    figure, scale = resolve_parameter(parameter, chip.name)
    value: object = chip
    for part in figure.split("."):
        value = None if value is None else getattr(value, part, None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value / scale if scale != 1 and value % scale else value // scale if scale != 1 else value


def _default_knob(chip: Chip, name: str) -> Knob | None:
    parameters = name.split("+")
    base = [value_of(chip, parameter) for parameter in parameters]
    if any(value is None for value in base):
        return None
    largest = max(value for value in base if value is not None)
    scaled = [largest * share for share in _SHARES]
    values = tuple(sorted({max(1, round(v)) if isinstance(largest, int) else v for v in scaled}))
    knob = Knob(name, values)
    floor = _bank_kib(chip, name)
    kept = tuple(value for value in knob.values if value >= floor)
    return Knob(name, kept or (largest,))


def _bank_kib(chip: Chip, name: str) -> float:
    """A memory is no smaller than one of its banks; 0 for what is no memory."""
    if not name.endswith("_memory_kib"):
        return 0.0
    section, key = name.removesuffix("_memory_kib").split(".")
    holder = chip.synapse_core if section == "synapse_core" else chip.ec_core
    return (getattr(holder, f"{key}_bank_bits", None) or 0) / KIB_BITS


def _checked_values(name: str, values: Sequence[Value]) -> tuple[Value, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise InputError(f"{name}: {values!r} are no values: give a list of numbers")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise InputError(f"{name}: value {value!r} must be a positive number")
    distinct = tuple(sorted(set(values)))
    if len(distinct) > MOST_VALUES:
        raise InputError(f"{name}: {len(distinct)} values, at most {MOST_VALUES}: take larger steps")
    return distinct


def check_family(chip: Chip, knobs: Sequence[Knob]) -> None:
    """Raises ChipError where no chip can be made of the knobs' largest values: units and types are told at once."""
    vary(chip, {parameter: knob.values[-1] for knob in knobs for parameter in knob.parameters})
