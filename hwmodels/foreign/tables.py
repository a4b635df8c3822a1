"""Tables of components: Accelergy's reference tables (ERT, ART), its libraries and hwcomponents' in CSV, plain CSV; as rows.

All are in picojoules and square micrometres, as Accelergy's are. A library names components by ``COMPONENT:`` lines or by its
file, gives actions and columns several names with ``|``, and has columns of its own (width, depth), kept as conditions.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from synaptile.foundation.documents import MAX_FILE_BYTES, FileKind, Strict, check_keys, read_mapping, validated
from synaptile.foundation.errors import ChipError

KIND = FileKind("table of components", error=ChipError, start="write Accelergy's ERT and ART, or a CSV table")
LARGEST, MOST_ROWS, LONGEST = 1e12, 1 << 16, 200
LEAK, AREA = "leak", "area"
"""Action of the energy that leaks in one cycle; and what the area of a component is asked for by."""

_NAMES = {
    "component": "component",
    "action": "action",
    "energy": "energy",
    "energy_pj": "energy",
    "area": "area",
    "area_um2": "area",
    "technology": "node",
    "tech_node": "node",
    "node": "node",
    "node_nm": "node",
    "voltage": "voltage",
    "voltage_v": "voltage",
    "global_cycle_seconds": "cycle",
    "cycle_seconds": "cycle",
}
"""Columns that mean something here -> what; others are conditions."""
_NODE = re.compile(r"^(\d+(?:\.\d+)?) *(?:nm)?$")
_SECTION = re.compile(r"^COMPONENT: *(\S.*?),* *$")


@dataclass(frozen=True)
class Row:
    """An action of a component, or its area (`action` AREA). `place` is where it stands; `cycle_s` what an action LEAK is of."""

    component: str
    action: str
    value: float
    place: str
    node_nm: float | None = None
    voltage_v: float | None = None
    cycle_s: float | None = None
    conditions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What it is asked for by."""
        told = ",".join(f"{key}={value}" for key, value in self.conditions.items())
        return f"{self.component}.{self.action}{f'[{told}]' if told else ''}"


def read_rows(file: Path) -> list[Row]:
    """All rows of a table. Raises ChipError for a file that is missing, too large, of another kind, or a row that is none."""
    rows = list(_csv_rows(file) if file.suffix.lower() == ".csv" else _reference_rows(file))
    if not rows:
        raise ChipError(f"{file}: holds no row: give actions with their energies, or areas")
    return rows


Value = Annotated[float, Field(ge=0, le=LARGEST)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class _Action(Strict):
    name: Text
    arguments: dict[str, Any] | None = None
    energy: Value


class _Energies(Strict):
    name: Text
    actions: list[_Action]


class _Area(Strict):
    name: Text
    area: Value


class _Table(Strict):
    version: float | str | None = None


class _ERT(_Table):
    tables: list[_Energies]


class _ART(_Table):
    tables: list[_Area]


class _Reference(Strict):
    ERT: _ERT | None = None
    ART: _ART | None = None


def _reference_rows(file: Path) -> Iterator[Row]:
    reference = validated(_Reference, read_mapping(file, KIND), str(file), ChipError)
    for table in reference.ERT.tables if reference.ERT is not None else ():
        for action in table.actions:
            told = {key: str(value)[:LONGEST] for key, value in (action.arguments or {}).items()}
            place = f"ERT, {table.name}, {action.name}"
            yield Row(_plain(table.name), action.name, action.energy, place, conditions=MappingProxyType(told))
    for area in reference.ART.tables if reference.ART is not None else ():
        yield Row(_plain(area.name), AREA, area.area, f"ART, {area.name}")


def _plain(name: str) -> str:
    """A component of Accelergy without the ranges of its instances."""
    return re.sub(r"\[\d+\.\.\d+\]", "", name)


def _csv_rows(file: Path) -> Iterator[Row]:
    component, header, count = file.stem, list[str](), 0
    for number, cells in _lines(file):
        where = f"{file}:{number}"
        if section := _SECTION.match(",".join(cells)):
            component, header = section[1][:LONGEST], []
        elif not header:
            header = _header(cells, where)
        else:
            count += 1
            if count > MOST_ROWS:
                raise ChipError(f"{where}: more than {MOST_ROWS:,} rows: no table of components has so many")
            yield from _rows_of(dict(zip(header, _filled(cells, header, where), strict=True)), component, number, where)


def _lines(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line that holds something; what follows # is a comment."""
    try:
        text = file.read_bytes()[: MAX_FILE_BYTES + 1].decode("utf-8-sig")
    except OSError as refused:
        raise ChipError(f"{file}: cannot be read ({refused.strerror}): check the path and its permissions") from refused
    except UnicodeDecodeError as refused:
        raise ChipError(f"{file}: byte {refused.start} is not UTF-8: save the file as UTF-8 text") from refused
    if len(text) > MAX_FILE_BYTES:
        raise ChipError(f"{file}: more than {MAX_FILE_BYTES:,} bytes: this is no table of components")
    for number, line in enumerate(text.splitlines(), 1):
        try:
            cells = next(csv.reader([line.partition("#")[0]], strict=True), [])
        except csv.Error as refused:
            raise ChipError(f"{file}:{number}: not a line of CSV ({refused}): correct it") from refused
        if any(cell.strip() for cell in cells):
            yield number, [cell.strip() for cell in cells]


def _header(cells: list[str], where: str) -> list[str]:
    """Columns by what they mean here; the first of several names of a condition."""
    header = []
    for cell in cells:
        names = [name.strip() for name in cell.split("|")]
        header.append(next((_NAMES[name] for name in names if name in _NAMES), names[0][:LONGEST]))
    if len(set(header)) < len(header) or "" in header:
        raise ChipError(f"{where}: columns {', '.join(cells)[:LONGEST]}: each needs a name of its own, and a unit at most once")
    if "action" not in header or not {"energy", "area"} & set(header):
        raise ChipError(
            f"{where}: columns {', '.join(cells)[:LONGEST]}: needs action, and energy_pj or area_um2 (or energy, area)"
        )
    return header


def _filled(cells: list[str], header: list[str], where: str) -> list[str]:
    """A cell per column; trailing remarks, as libraries have, are left out."""
    if len(cells) < len(header):
        raise ChipError(f"{where}: has {len(cells)} cells, the header {len(header)} columns: fill each")
    return cells[: len(header)]


def _rows_of(cells: Mapping[str, str], component: str, number: int, where: str) -> Iterator[Row]:
    """The action of a line, by each of its names, and the area."""
    node = cells.get("node")
    if node and not (found := _NODE.match(node)):
        raise ChipError(f"{where}: node is {node[:LONGEST]!r}: write 45, or 45nm")
    common: dict[str, Any] = {
        "component": cells.get("component") or component,
        "place": f"line {number}",
        "node_nm": _number(found[1], where, "node") if node and found else None,
        "voltage_v": _number(cells["voltage"], where, "voltage") if cells.get("voltage") else None,
        "cycle_s": _number(cells["cycle"], where, "cycle") if cells.get("cycle") else None,
        "conditions": MappingProxyType({k: v for k, v in cells.items() if k not in _NAMES.values()}),
    }
    check_keys(dict(common["conditions"]), where, ChipError)
    for action in cells["action"].split("|") if cells.get("energy") else ():
        yield Row(action=action.strip(), value=_number(cells["energy"], where, "energy"), **common)
    if cells.get("area"):
        yield Row(action=AREA, value=_number(cells["area"], where, "area"), **common)


def _number(text: str, where: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LARGEST:
        raise ChipError(f"{where}: {what} is {text[:LONGEST]!r}: needs a number of 0 to {LARGEST:g}")
    return value
