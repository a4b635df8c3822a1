"""Points that are done, a line each, appended and flushed to disk: a kill loses those in flight and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.foundation.errors import FileFormatError
from synaptile.studies.sweeping.rows import PointRow

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
        """Finished points by number; a last line that was not written whole, as a kill leaves it, is cut off.

        Raises FileFormatError for a damaged line, or a journal of another study.
        """
        if not self.file.exists():
            return {}
        content = self.file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with self.file.open("rb+") as file:
                file.truncate(len(whole))
        lines = whole.splitlines()
        if not lines:
            self.file.unlink()
            return {}
        head = self._parsed(lines[0], 1)
        if (head.get("format"), head.get("study")) != (FORMAT, self.digest) or head.get("version") != VERSION:
            raise FileFormatError(f"{self.file}: is of another study or version: give another --output")
        rows: dict[int, PointRow] = {}
        for number, line in enumerate(lines[1:], start=2):
            try:
                row = PointRow(**self._parsed(line, number))
            except TypeError as error:
                raise self._damaged(number) from error
            rows[row.number] = row
        return rows

    def append(self, row: PointRow) -> None:
        """Keep a point."""
        new = not self.file.exists()
        with self.file.open("ab") as file:
            if new:
                file.write(_line({"format": FORMAT, "version": VERSION, "study": self.digest}))
            file.write(_line(vars(row)))
            file.flush()
            os.fsync(file.fileno())

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise self._damaged(number) from error
        if not isinstance(found, dict):
            raise self._damaged(number)
        return found

    def _damaged(self, number: int) -> FileFormatError:
        return FileFormatError(f"{self.file}:{number}: damaged: delete that line and run again; only its point is redone")


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode() + b"\n"
