"""The points of a sweep that are done, a line each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.foundation.errors import FileFormatError
from synaptile.studies.journal import append, whole_lines
from synaptile.studies.sweeping.rows import PointFigures, PointRow

FILE = "points.jsonl"
FORMAT = "synaptile-points"
VERSION = 1


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
        head = self._parsed(lines[0], 1)
        if (head.get("format"), head.get("study")) != (FORMAT, self.digest) or head.get("version") != VERSION:
            raise FileFormatError(f"{self.file}: is of another study or version: give another --output")
        rows: dict[int, PointRow] = {}
        for number, line in enumerate(lines[1:], start=2):
            values = self._parsed(line, number)
            try:
                row = PointRow(**values | {"figures": PointFigures(**values["figures"])})
            except (TypeError, KeyError) as error:
                raise self._damaged(number) from error
            rows[row.number] = row
        return rows

    def append(self, row: PointRow) -> None:
        """Keep a point."""
        begun = self.file.exists() and self.file.stat().st_size > 0
        head = b"" if begun else _line({"format": FORMAT, "version": VERSION, "study": self.digest})
        append(self.file, head + _line(vars(row) | {"figures": {} if row.failed else vars(row.figures)}))

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            values = json.loads(line)
        except ValueError as error:
            raise self._damaged(number) from error
        if not isinstance(values, dict):
            raise self._damaged(number)
        return values

    def _damaged(self, number: int) -> FileFormatError:
        return FileFormatError(f"{self.file}:{number}: damaged: delete that line and run again; only its point is redone")


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"
