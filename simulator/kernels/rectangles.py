"""Counts of parts: sums over rectangles of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.simulator.compiled import kernel


@kernel
def sum_rectangles(counts: Any, top: Any, bottom: Any, left: Any, right: Any) -> Any:
    """Sums over images, rows top : bottom, columns left : right, (steps, rectangles) int64.

    counts: (steps, images, rows, columns), whole numbers; top, bottom, left, right: (rectangles,) int64. Rectangles may overlap
    and end beyond the table.
    """
    steps, images, rows, columns = counts.shape
    sums = np.zeros((steps, top.shape[0]), np.int64)
    for t in range(steps):
        for image in range(images):
            table = counts[t, image]
            for i in range(top.shape[0]):
                total = np.int64(0)
                for r in range(top[i], min(bottom[i], rows)):
                    for c in range(left[i], min(right[i], columns)):
                        total += table[r, c]
                sums[t, i] += total
    return sums
