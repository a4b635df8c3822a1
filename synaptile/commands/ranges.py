"""Lists on the command line: ``0,4-7`` and ``blocks.0.*,head``."""

from __future__ import annotations

import re

from foundation.errors import InputError


def numbers(text: str | None, option: str) -> list[int] | None:
    """Whole numbers and inclusive ranges, comma-separated; None where nothing was given. Raises InputError."""
    if text is None:
        return None
    found: list[int] = []
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", item)
        if match is None:
            raise InputError(f"{option} is {text!r}: {item.strip()!r} is no number or range; write it like 0,4-7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first >= 10**6:
            raise InputError(f"{option} is {text!r}: the range {item.strip()} is empty or longer than a million")
        found += range(first, last + 1)
    return found


def names(text: str | None) -> list[str] | None:
    """Names or patterns, comma-separated; None where nothing was given."""
    return None if text is None else [item.strip() for item in text.split(",")]
