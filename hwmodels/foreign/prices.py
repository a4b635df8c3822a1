"""import_prices: figures of a chip from a table of components, moved to the chip's node and supply."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from synaptile.foundation.documents import nearest
from synaptile.foundation.errors import ChipError
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.foreign.imported import Draft, ImportedChip
from synaptile.hwmodels.foreign.tables import AREA, LEAK, Row, read_rows
from synaptile.hwmodels.load import as_chip
from synaptile.hwmodels.node import Supply, problem
from synaptile.hwmodels.parameters import resolve_parameter
from synaptile.hwmodels.scale import scaled, supply_of

_ASKED = re.compile(r"^([^\[\]]+)\.([^.\[\]]+)(?:\[([^\[\]]*)\])?$")


def import_prices(file: str | Path, base: str | Path, figures: Mapping[str, str]) -> ImportedChip:
    """The chip `base` with figures from a table of components.

    `figures` says which: a figure of a chip -> a row, ``{"operation_pj.mac.int8": "intmac.compute", "noc.energy_pj_per_flit_hop":
    "router.read[width=64]"}``: component, action, and conditions where rows differ by them. Energies (pJ) take an action, areas
    (um2) ``component.area``, leakages (uW) the action ``leak`` over its cycle. A row of another node than the chip's is moved
    there by the rules of `hwmodels/scale.py`, at the row's voltage or, without one, at the chip's.

    Raises ChipError for a table that cannot be read, an unknown figure, a row that is not there or not the only one, units that
    do not fit, a node that the rules do not cover, and figures that contradict those of `base`.
    """
    path, chip = Path(file), as_chip(base)
    rows = read_rows(path)
    if not figures:
        held = ", ".join(dict.fromkeys(f"{row.component}.{row.action}" for row in rows[:8]))
        raise ChipError(
            f"{path}: no figure is asked for; it holds {held}: say which of a chip they are, operation_pj.mac.int8=ROW"
        )
    draft, used = Draft(path.name), set[str]()
    for figure, asked in figures.items():
        name, _ = resolve_parameter(figure, chip.name)
        row = _row(rows, asked, str(path))
        used.add(row.name)
        _take(draft, chip, name, row, str(path))
    for name in dict.fromkeys(row.name for row in rows):
        if name not in used:
            draft.leave(name, "was not asked for")
    return draft.chip(base, f"{chip.name}-{path.stem}", "Prices of components")


def _row(rows: Sequence[Row], asked: str, label: str) -> Row:
    """The one row of a name. Raises ChipError."""
    found = _ASKED.match(asked)
    if not found:
        raise ChipError(f"{label}: {asked[:200]!r} names no row: write component.action, or component.action[width=32]")
    component, action, told = found.groups()
    names = list(dict.fromkeys(f"{row.component}.{row.action}" for row in rows))
    fitting = [row for row in rows if (row.component, row.action) == (component, action)]
    if not fitting:
        raise ChipError(f"{label}: no row {component}.{action}: {nearest(f'{component}.{action}', names, names[:8])}")
    wanted = [pair.partition("=")[::2] for pair in (told or "").split(",") if pair]
    exact = [row for row in fitting if all(row.conditions.get(key.strip()) == value.strip() for key, value in wanted)]
    if len({(row.value, row.node_nm, row.voltage_v, row.cycle_s) for row in exact}) == 1:
        return exact[0]
    listed = ", ".join(row.name for row in (exact or fitting)[:4])
    many = f"{len(exact)} rows" if exact else "no row"
    raise ChipError(f"{label}: {asked} fits {many}: choose one of {listed}")


def _take(draft: Draft, chip: Chip, figure: str, row: Row, label: str) -> None:
    """State a figure in its unit, at the chip's node. Raises ChipError."""
    key = figure.rpartition(".")[2]
    energy = "pj" in key.split("_") or figure.startswith("operation_pj.")
    power, area = key.endswith("_uw"), key.endswith("_um2")
    kind = LEAK if row.action == LEAK else AREA if row.action == AREA else "action"
    if kind != (LEAK if power else AREA if area else "action") or not (energy or power or area):
        unit = "an area" if area else "a leakage" if power else "an energy" if energy else "no energy, area or leakage"
        raise ChipError(f"{label}: {figure} is {unit}, {row.name} is none: take energies from actions, areas from {AREA}")
    value = row.value
    if power:
        if not row.cycle_s:
            raise ChipError(f"{label}: {row.name} leaks per cycle, and gives no cycle: add a column global_cycle_seconds")
        value = row.value / row.cycle_s * 1e-6  # pJ per second are 1e-12 W
    if not value:
        draft.leave(row.name, f"is 0: {figure} stays as below")
        return
    factor, how = _moved(chip, figure, row, label)
    draft.figure(figure, value * factor, f"{row.place}, {row.name}", how)


def _moved(chip: Chip, figure: str, row: Row, label: str) -> tuple[float, str]:
    """What a figure is multiplied by to hold at the chip's node and supply, and how that is told."""
    here = supply_of(chip)
    there = Supply(row.node_nm or here.process_nm, row.voltage_v or here.voltage_v)
    if there == here:
        return 1.0, "" if row.node_nm else f"node not stated, taken as that of {chip.name}"
    if chip.scaling == "none":
        return 1.0, f"at {there}; {chip.name} says scaling: none"
    if wrong := problem(there):
        raise ChipError(f"{label}: {row.name}: {wrong[0]} {wrong[1]}")
    memory = figure.split(".")[1] if figure.startswith("memories.") else ""
    if memory and getattr(chip.memories, memory, None) is None:
        raise ChipError(f"{label}: {figure}: {chip.name} has no section memories.{memory}: describe it in a chip file first")
    moved = scaled(replace(chip, process_nm=there.process_nm, voltage_v=there.voltage_v), figure, here)
    if moved is None:
        raise ChipError(f"{label}: {figure} is no figure that moves from {there} to {here}: state it in a chip file")
    return moved.factor, f"x {moved.factor:.4g} from {there} to {here}, {moved.why}"
