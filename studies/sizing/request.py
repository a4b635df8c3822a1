"""What a sizing study is asked: targets, the parameters that may vary and between which values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synaptile.foundation.errors import InputError
from synaptile.foundation.options import MAPPING_GOALS
from synaptile.hwmodels import Chip, load_chip
from synaptile.hwmodels.parameters import KIB_BITS, resolve_parameter
from synaptile.mapper.alike import mapping_key, reads
from synaptile.simulator import Activity
from synaptile.simulator.schedule.remap import images_kept
from synaptile.studies.sizing.answer import Knob, Target, Value
from synaptile.studies.sizing.bases import CHIP, GOAL, Bases

MOST_VALUES = 64
"""Values that one parameter may take."""

STREAM = 4
"""Images streamed through a schedule unless said: enough to show a steady state."""

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
        for figure in figures_of(knob, chip):
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
    """The chip file's names of what a knob sets; none for what is no figure."""
    if knob.name in (CHIP, GOAL):
        return ()
    return tuple(resolve_parameter(parameter, chip.name)[0] for parameter in knob.parameters)


def bases_of(chip: Chip, knobs: Sequence[Knob]) -> Bases:
    """The chips that points start from. Raises ChipError for a name that is no chip's."""
    return Bases(chip, {str(name): load_chip(str(name)) for knob in knobs if knob.name == CHIP for name in knob.values})


def streamed_images(activity: Activity, bases: Bases, knobs: Sequence[Knob], target: Target, asked: int | None) -> int:
    """How many images go through each schedule: as asked, else one, and `STREAM` where a throughput is wanted.

    Raises InputError where one image is to have a throughput, or more are asked for than other mappings have spikes of.
    """
    own = activity.program
    goals = {goal for knob in knobs if knob.name == GOAL for goal in knob.values} or {str(own.options.get("goal", "room"))}
    timed = goals != {"room"}
    anew = any(mapping_key(chip) != mapping_key(own.chip) for chip in (bases.own, *bases.named.values())) or any(
        knob.name == GOAL or any(reads(figure, "latency" if timed else "room") for figure in figures_of(knob, bases.own))
        for knob in knobs
    )
    most = min(images_kept(activity), activity.images) if anew else activity.images
    images = asked or (min(STREAM, max(most, 1)) if target.images_per_second is not None else 1)
    if images > activity.images:
        raise InputError(f"images is {images}, the run recorded {activity.images}: ask for at most those")
    if target.images_per_second is not None and images == 1:
        raise InputError(
            "a throughput is asked for, and one image alone has none: stream at least two with --images; other mappings need "
            "their spikes (run --keep-spikes)"
        )
    if images > most:
        raise InputError(
            f"{images} images are to be streamed through other mappings, the run kept the spikes of {most}: run with "
            f"--keep-spikes {images}, or ask for fewer --images"
        )
    return images


def value_of(chip: Chip, parameter: str) -> int | float | None:
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
    floor = _bank_kib(chip, name)
    kept = tuple(value for value in values if value >= floor)
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
        raise InputError(f"{name}: {values!r} are no values: give a list of numbers, or of words")
    if len(values) > MOST_VALUES:
        raise InputError(f"{name}: {len(values)} values, at most {MOST_VALUES}: take larger steps")
    if all(isinstance(value, str) for value in values):
        return _checked_words(name, tuple(map(str, values)))
    numbers: list[int | float] = []
    for value in values:
        if isinstance(value, bool | str) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            raise InputError(f"{name}: value {value!r} must be a positive number")
        numbers.append(value)
    if name in (CHIP, GOAL):
        raise InputError(f"{name}: value {numbers[0]!r} must be a word")
    return tuple(sorted(set(numbers)))


def _checked_words(name: str, words: tuple[str, ...]) -> tuple[Value, ...]:
    if name == GOAL and (unknown := [word for word in words if word not in MAPPING_GOALS]):
        raise InputError(f"{name}: value {unknown[0]!r} must be one of {', '.join(MAPPING_GOALS)}")
    return tuple(dict.fromkeys(words))


def check_family(bases: Bases, knobs: Sequence[Knob]) -> None:
    """Raises ChipError where no chip can be made of the knobs' largest values, or with one of a knob's words.

    Units, types and what contradicts the other figures are told at once. Raises InputError for a name that no figure has.
    """
    largest = {knob.name: knob.values[-1] for knob in knobs}
    for knob in knobs:
        for word in knob.values if isinstance(knob.values[0], str) else knob.values[-1:]:
            bases.chip(largest | {knob.name: word})
