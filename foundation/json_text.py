"""JSON from files, read strictly: an object, of a depth and of numbers that Python reads, or one kind of error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 28
"""Far above any JSON of ours: what is larger is no such file, and is not read."""


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The object that a JSON text holds. Raises ValueError for anything else, however it is broken."""
    try:
        value = json.loads(text, parse_constant=_refused)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError(f"holds a {type(value).__name__}, not an object")
    return value


def read_object(file: Path) -> dict[str, Any]:
    """The object that a JSON file holds. Raises OSError, ValueError."""
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    if (size := file.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{size:,} bytes, limit {MAX_BYTES:,}")
    return parse_object(file.read_bytes())


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
