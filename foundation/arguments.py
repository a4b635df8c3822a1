"""What was handed in, checked for its type where a public function takes it."""

from __future__ import annotations

from os import PathLike, fspath
from pathlib import Path
from typing import TypeVar

from synaptile.foundation.errors import InputError

T = TypeVar("T")


def expect(value: object, kind: type[T], what: str, remedy: str) -> T:
    """`value`, which is called `what` in the error. Raises InputError, with the remedy, unless it is of a kind."""
    if not isinstance(value, kind):
        raise InputError(f"{what} is a {type(value).__name__}, {value!r:.60}: {remedy}")
    return value


def expect_path(value: object, what: str) -> Path:
    """The path of a file or folder. Raises InputError for what is none."""
    path = fspath(value) if isinstance(value, PathLike) else value
    return Path(expect(path, str, what, "give a path"))
