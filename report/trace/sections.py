"""A file as sections of rows that encode independently, so that a sample tells the size of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np

from synaptile.foundation.types import Int64, Progress

SAMPLED_ROWS = 3_000
"""Rows encoded of each section to estimate its size: all, where there are no more."""


@dataclass(frozen=True)
class Section:
    """`rows` rows; `encode` turns some of them, given as ascending indices, into bytes."""

    rows: int
    encode: Callable[[Int64], Iterator[bytes]]


def write_sections(sections: Sequence[Section], file: IO[bytes], progress: Progress | None, *, at_once: int = 20_000) -> None:
    """Encode every row into a file; `progress` is called with rows done and rows in all."""
    total, done = sum(section.rows for section in sections), 0
    for section in sections:
        for begin in range(0, section.rows, at_once):
            rows = np.arange(begin, min(begin + at_once, section.rows), dtype=np.int64)
            for encoded in section.encode(rows):
                file.write(encoded)
            done += rows.size
            if progress is not None:
                progress(done, total)


def estimate_sections(sections: Sequence[Section]) -> int:
    """Bytes that `write_sections` would write, from rows spread evenly over each section."""
    total = 0.0
    for section in sections:
        if section.rows:
            sampled = min(section.rows, SAMPLED_ROWS)
            rows = np.arange(sampled, dtype=np.int64) * section.rows // sampled
            total += sum(map(len, section.encode(rows))) * section.rows / sampled
    return round(total)
