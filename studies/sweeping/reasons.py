"""Why a point has no figures, in few words and alike for like errors, so that thousands of failures can be counted."""

from __future__ import annotations

import re

from synaptile.foundation.errors import SynaptileError
from synaptile.mapper.refusal import DoesNotFit
from synaptile.studies.sweeping.rows import PointRow
from synaptile.studies.sweeping.space import Point

MOST_REASON = 120
MOST_MESSAGE = 2000


def reason_of(error: SynaptileError) -> str:
    """What does not fit, else the first line of the message without names of chips and without figures."""
    if isinstance(error, DoesNotFit):
        return f"does not fit: {error.shortfalls[0].resource}"
    first = (str(error).splitlines() or [""])[0]
    first = re.sub(r"chip '[^']*'", "chip", first)
    first = re.sub(r"\d[\d,.]*(e[+-]?\d+)?", "N", first)
    return f"{type(error).__name__}: {first}"[:MOST_REASON]


def failed_row(point: Point, reason: str, message: str) -> PointRow:
    """The row of a point that cannot be evaluated."""
    return PointRow(point.number, point.labels, reason=reason, message=message[:MOST_MESSAGE])
