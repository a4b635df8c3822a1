"""vary: a chip with some of its figures replaced, validated like a chip file, and what depends on them following."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import HOST_EC_SUFFIX, Chip
from synaptile.hwmodels.follow import followers
from synaptile.hwmodels.load import at_supply_of, check_clock, chip_from_document
from synaptile.hwmodels.parameters import is_figure, resolve_parameter
from synaptile.hwmodels.sourced import ASSUMED
from synaptile.hwmodels.stored import chip_document

Value: TypeAlias = int | float | bool | str | None
Changes: TypeAlias = Mapping[str, Value]

_CROSSINGS = ("noc.chip_crossing_cycles", "noc.chip_crossing_pj_per_flit")


def vary(chip: Chip, changes: Changes, *, name: str | None = None, follow: bool = True) -> Chip:
    """A copy of a chip with figures replaced.

    Args:
        chip: the chip to start from.
        changes: values by dotted name as in a chip file and in its units (``{"synapse_core.lanes_per_cycle": 64,
            "mesh.width": 8}``); a memory also in KiB (``"synapse_core.weight_memory_kib": 64``); None removes an optional figure.
        name: the copy's name; None makes one of the chip's and a digest of `changes`.
        follow: whether figures that depend on the changed ones, and are not given, follow them: leakage in proportion to the
            area of core and router (where the chip has a section `area`); energy of a flit in proportion to `noc.flit_bits`, its
            wires also to the tile pitch; the two figures of a chip crossing go where `mesh.max_chips` becomes 1,
            `images_per_load` where weights become resident, and a core's `time_batch` and `max_steps` where its order becomes
            step_major. At another `process_nm` or `voltage_v` every figure is moved there first (`hwmodels/scale.py`), the clock
            too.

    Every changed figure's origin says from what it was varied. Without changes and name, the chip itself is returned.

    Raises:
        ChipError: a parameter is unknown (the nearest is offered), or the result breaks the schema or contradicts itself.
    """
    if not changes and name is None:
        return chip
    settings = _settings(chip, changes)
    if follow:
        settings = _without_a_use(chip, settings) | settings
    label = f"chip {chip.name!r}, varied"
    own_name = name if name is not None else _name(chip, settings)
    document, varied = _changed(chip, settings, own_name, label)
    if not follow:
        return varied
    base = at_supply_of(chip, varied)
    if base is not chip:
        document, varied = _changed(base, settings, own_name, label)
        check_clock(base, varied, label)
    following = followers(base, varied, settings)
    for figure, (value, why) in following.items():
        _put(document, base, figure, value, why)
    return chip_from_document(document, label) if following else varied


def _changed(chip: Chip, settings: Mapping[str, Value], name: str, label: str) -> tuple[dict[str, Any], Chip]:
    """The chip with the settings alone, as a document and validated."""
    document = chip_document(chip)
    document["name"] = name
    if settings:
        document["description"] = f"{chip.name} with {', '.join(settings)} varied."
    for figure, value in settings.items():
        _put(document, chip, figure, value, "varied")
    return document, chip_from_document(document, label)


def _without_a_use(chip: Chip, settings: Mapping[str, Value]) -> dict[str, Value]:
    """Figures that say nothing any more, to be removed."""
    gone: dict[str, Value] = {}
    if settings.get("mesh.max_chips", chip.mesh.max_chips) == 1:
        gone |= dict.fromkeys(_CROSSINGS)
    if settings.get("weights") == "resident":
        gone["images_per_load"] = None
    for core in ("synapse_core", "ec_core"):
        if settings.get(f"{core}.dataflow.order") == "step_major":
            gone |= {f"{core}.dataflow.time_batch": None, f"{core}.dataflow.max_steps": None}
    return gone


def _settings(chip: Chip, changes: Changes) -> dict[str, Value]:
    """Changes by their names in a chip file, in its units. Raises ChipError."""
    settings: dict[str, Value] = {}
    for name, given in changes.items():
        figure, scale = resolve_parameter(str(name), chip.name)
        value: Any = given.item() if isinstance(given, np.generic) else given
        if scale != 1:
            if isinstance(value, bool) or not isinstance(value, int | float) or not float(value * scale).is_integer():
                raise ChipError(f"chip {chip.name!r}, varied: {name} is {value!r}: must be a number of KiB that makes whole bits")
            value = int(value * scale)
        if figure in settings:
            raise ChipError(f"chip {chip.name!r}, varied: {figure} is given twice, in bits and in KiB: keep one")
        settings[figure] = value
    return settings


def _name(chip: Chip, settings: Mapping[str, Value]) -> str:
    """The chip's name and eight hex digits of the changes; the ending that marks virtual EC cores stays last."""
    own = chip.name.removesuffix(HOST_EC_SUFFIX)
    return f"{own}-{digest_of(dict(settings))[:8]}{HOST_EC_SUFFIX if chip.virtual_host_ec else ''}"


def _put(document: dict[str, Any], chip: Chip, figure: str, value: Value, why: str) -> None:
    *path, key = figure.split(".")
    section = document
    for part in path:
        section = section.setdefault(part, {})
    if value is None or (key in ("memory_in_ac", "memory_in_mac") and value is False):  # a chip file gives it only where it holds
        section.pop(key, None)
    elif not is_figure(figure):
        section[key] = value
    else:
        before = section.get(key)
        origin = chip.sources.get(figure, "").removeprefix(ASSUMED)
        was = f" from {before['value']} ({origin})" if isinstance(before, dict) and origin else ""
        section[key] = {"value": value, "assumed": f"{why}{was}"}
