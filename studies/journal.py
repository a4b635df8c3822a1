"""Journals: a line per finished piece of work, appended and flushed to disk; a kill loses what is in flight and nothing else."""

from __future__ import annotations

import os
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from synaptile.foundation.errors import FileFormatError

T = TypeVar("T")
LINE = ConfigDict(extra="forbid", allow_inf_nan=False)
"""`__pydantic_config__` of types that stand on the lines of a journal."""


@cache
def _adapter(form: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(Any, form))


def whole_lines(file: Path) -> list[bytes]:
    """The lines of a journal, none without a file. A last line that was not written whole, as a kill leaves it, is cut off."""
    if not file.exists():
        return []
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        with file.open("rb+") as opened:
            opened.truncate(len(whole))
    return whole.splitlines()


def read_line(file: Path, number: int, line: bytes, form: type[T]) -> T:
    """One line of a journal as a value of its form. Raises FileFormatError, naming the line, where it holds anything else."""
    try:
        value: T = _adapter(cast(Hashable, form)).validate_json(line, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
        raise FileFormatError(
            f"{file}:{number}: damaged ({why[:200]}): delete that line and run again; only its point is redone"
        ) from error
    return value


def append(file: Path, lines: bytes) -> None:
    """Add whole lines, on disk when this returns."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as opened:
        opened.write(lines)
        opened.flush()
        os.fsync(opened.fileno())
