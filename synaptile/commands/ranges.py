"""Lists on the command line: ``0,4-7`` and ``blocks.0.*,head``."""

from __future__ import annotations

import re

from synaptile.foundation.errors import InputError

MOST_FIGURES = 1000
"""Values that a range of figures may have."""


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


def figures(text: str, option: str) -> list[int | float]:
    """Values of a parameter: a list ``8,16,32``, steps ``8:64:8`` or factors ``8:64:x2``, ends included. Raises InputError."""
    first, *rest = (part.strip() for part in text.split(":"))
    if not rest:
        return [_figure(item.strip(), option) for item in text.split(",")]
    if len(rest) != 2:
        raise InputError(f"{option} is {text!r}: write it like 8,16,32 or 8:64:8 or 8:64:x2")
    start, stop = _figure(first, option), _figure(rest[0], option)
    by_factor = rest[1].startswith("x")
    step = _figure(rest[1].removeprefix("x"), option)
    if not (0 < start <= stop < float("inf") and step > (1 if by_factor else 0)):
        raise InputError(f"{option} is {text!r}: needs to go upwards from a positive number")
    found, value = [start], start
    while (value := value * step if by_factor else value + step) <= stop:
        found.append(value)
        if len(found) > MOST_FIGURES:
            raise InputError(f"{option} is {text!r}: more than {MOST_FIGURES} values, take larger steps")
    return found


def _figure(text: str, option: str) -> int | float:
    try:
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text) else float(text)
    except ValueError:
        raise InputError(f"{option}: {text[:40]!r} is no number") from None
