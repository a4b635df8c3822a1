"""Counts of parts: sums over rectangles of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.simulator.compiled import kernel


@kernel
def sum_rectangles(counts: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
    """Sums over rows top : bottom and columns left : right, (steps, rectangles) int64; they may overlap, and end below the table.

    counts: (steps, rows, columns) int64; top, bottom, left, right: (rectangles,) int64.
    """
    steps, rows, _ = counts.shape
    sums = np.zeros((steps, top.shape[0]), np.int64)
    for t in range(steps):
        for i in range(top.shape[0]):
            total = 0
            for r in range(top[i], min(bottom[i], rows)):
                for c in range(left[i], right[i]):
                    total += counts[t, r, c]
            sums[t, i] = total
    return sums
