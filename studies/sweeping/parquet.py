"""The table of a sweep: one row per point, in the order of their numbers, as Parquet; the same points give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.foundation.files import atomic_path
from synaptile.studies.sweeping.rows import FIGURES, Scalar, Sweep

FILE = "points.parquet"
TABLE = "points"
"""Name of the table in SQL."""

RESERVED = frozenset({"point", "status", "on_front", "execution", "reason", "message", *(figure.name for figure in FIGURES)})
"""Columns that every table has, beside those of the axes."""

METADATA_KEY = b"synaptile sweep"
_TYPES = {"float": pa.float64(), "int": pa.int64(), "text": pa.string()}


def column_of(axis: str) -> str:
    """Name of an axis as a column: dots become underscores, so that SQL needs no quotes."""
    return axis.replace(".", "_")


def points_table(sweep: Sweep) -> pa.Table:
    """Columns: point, status ("ok" or "failed"), on_front, one column per axis, one per figure, execution, reason, message."""
    rows = sweep.rows
    columns: dict[str, pa.Array] = {
        "point": pa.array([row.number for row in rows], pa.int64()),
        "status": pa.array(["failed" if row.failed else "ok" for row in rows], pa.string()),
        "on_front": pa.array([row.number in sweep.on_front for row in rows], pa.bool_()),
    }
    for axis in sweep.axes:
        columns[column_of(axis)] = _labels([row.labels[axis] for row in rows])
    for figure in FIGURES:
        columns[figure.name] = pa.array([row.figures[figure.name] for row in rows], _TYPES[figure.kind])
    for name in ("execution", "reason", "message"):
        columns[name] = pa.array([getattr(row, name) or None for row in rows], pa.string())
    head = {"name": sweep.name, "axes": list(sweep.axes), "objectives": list(sweep.objectives), "synthetic": sweep.synthetic}
    return pa.table(columns).replace_schema_metadata({METADATA_KEY: json.dumps(head).encode()})


def write_points(sweep: Sweep, path: Path) -> None:
    """Write the table atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(points_table(sweep), temporary, compression="zstd")


def read_points(path: Path) -> pa.Table:
    """Read a table. Raises InputError where there is none, FileFormatError for a file that is no table of a sweep."""
    if not path.is_file():
        raise InputError(f"{path}: no such file: `synaptile sweep STUDY` writes one")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise FileFormatError(f"{path} is no readable Parquet file: {error}") from error
    if METADATA_KEY not in (table.schema.metadata or {}):
        raise FileFormatError(f"{path} was not written by a sweep: its metadata has no {METADATA_KEY.decode()!r}")
    return table


def _labels(values: Sequence[Scalar]) -> pa.Array:
    """Integers, reals or truth values where all are; text where kinds are mixed. An absent figure stays absent."""
    known: list[Any] = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in known):
        return pa.array(values, pa.bool_())
    if any(isinstance(value, bool | str) for value in known):
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, pa.int64() if all(isinstance(value, int) for value in known) else pa.float64())
