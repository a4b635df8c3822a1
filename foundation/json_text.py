"""JSON read strictly: an object, of a depth and of numbers that Python reads, or one kind of error. And large JSON written."""

from __future__ import annotations

import json
from functools import cache
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


def indented(value: Any) -> str:
    """``json.dumps(value, indent=2, allow_nan=False, default=str)`` of dictionaries with text as keys, in a fifth of the time.

    Python's fast encoder does not indent: here it writes whatever holds no other container, the indent being what separates.
    """
    return _written(value, 0)


def _written(value: Any, depth: int) -> str:
    if not isinstance(value, dict | list | tuple) or not value:
        return _encoder(0).encode(value)
    within = value.values() if isinstance(value, dict) else value
    if not any(isinstance(one, dict | list | tuple) for one in within):
        text = _encoder(depth + 1).encode(value)
        return f"{text[0]}{_line(depth + 1)}{text[1:-1]}{_line(depth)}{text[-1]}"
    items = [_written(one, depth + 1) for one in within]
    if isinstance(value, dict):
        items = [f"{_encoder(0).encode(key)}: {item}" for key, item in zip(value, items, strict=True)]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}{_line(depth + 1)}{f',{_line(depth + 1)}'.join(items)}{_line(depth)}{last}"


def _line(depth: int) -> str:
    return "\n" + "  " * depth


@cache
def _encoder(depth: int) -> json.JSONEncoder:
    """Writes what holds no container at a depth."""
    return json.JSONEncoder(allow_nan=False, default=str, separators=(f",{_line(depth)}", ": "))
