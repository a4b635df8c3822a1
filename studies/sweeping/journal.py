"""The points of a sweep that are done, a line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from synaptile.foundation.errors import FileFormatError
from synaptile.studies.journal import append, read_line, whole_lines
from synaptile.studies.sweeping.rows import PointRow

FILE = "points.jsonl"
FORMAT = "synaptile-points"
VERSION = 1


class _Head(NamedTuple):
    format: str
    version: int
    study: str


@dataclass
class Journal:
    """The file of finished points in a sweep's directory; `digest` is that of the study's settings, on its first line."""

    directory: Path
    digest: str

    @property
    def file(self) -> Path:
        """Where it lies."""
        return self.directory / FILE

    def read(self) -> dict[int, PointRow]:
        """Finished points by number. Raises FileFormatError for a damaged line, or a journal of another study."""
        lines = whole_lines(self.file)
        if not lines:
            return {}
        head = read_line(self.file, 1, lines[0], _Head)
        if head != _Head(FORMAT, VERSION, self.digest):
            raise FileFormatError(f"{self.file}: is of another study or version: give another --output")
        rows = [read_line(self.file, number, line, PointRow) for number, line in enumerate(lines[1:], start=2)]
        return {row.number: row for row in rows}

    def append(self, row: PointRow) -> None:
        """Keep a point."""
        begun = self.file.exists() and self.file.stat().st_size > 0
        head = b"" if begun else _line(_Head(FORMAT, VERSION, self.digest)._asdict())
        append(self.file, head + _line(vars(row) | {"figures": {} if row.failed else vars(row.figures)}))


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"
