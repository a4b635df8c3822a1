"""MT neurons whose membranes are held to a format of their own: `dense.units.HeldSite` to the last bit. Plain loops."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel
from synaptile.simulator.kernels.dispatch import count_groups, count_levels, reset_codes
from synaptile.simulator.kernels.fire import Events, Thresholds, find_codes, sum_rows
from synaptile.simulator.kernels.formatted import rounded


class Holding(NamedTuple):
    """Last place, smallest and largest membrane, whether one beyond wraps around (else it stops there); HALVES where rounded."""

    unit: float
    low: float
    high: float
    wrap: bool
    half: int


def fire_held(
    current: NDArray[Any], start: int, steps: int, site: tuple[Thresholds, Holding], bounds: NDArray[np.int64], events: Events
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`fire` with membranes of whole numbers (float64) or of half precision (float32), the type of the thresholds.

    Returns spikes per threshold, (steps, 2n), and sums that left their membranes, (steps,), int64.
    """
    thresholds, holding = site
    rows = len(current) // steps
    tallies, beyond = np.empty((rows, steps, len(thresholds.emitted) - 1), np.int32), np.zeros((rows, steps), np.int64)
    _fire_held(current[:, start:], thresholds, holding, bounds, events, tallies, beyond)
    return np.asarray(sum_rows(tallies)), beyond.sum(axis=0)


@kernel(parallel=True, error_model="numpy")
def _fire_held(
    current: Any, thresholds: Thresholds, holding: Holding, bounds: Any, events: Events, tallies: Any, beyond: Any
) -> None:
    """All steps of a row before the next; tallies: (rows, steps, 2n) int32, beyond: (rows, steps) int64, written."""
    rows, width = tallies.shape[0], events.codes.shape[1]
    unit, low, high, wrap, half = holding.unit, holding.low, holding.high, holding.wrap, holding.half
    span = high - low + 1.0
    for r in prange(rows):
        row = np.zeros(width, thresholds.emitted.dtype)
        for t in range(tallies.shape[1]):
            at = t * rows + r
            read, codes, left = current[at], events.codes[at], 0
            for c in range(width):
                if half:
                    row[c] = rounded(row[c] + read[c], half)
                else:
                    total = row[c] + np.rint(read[c] / unit)
                    if total < low or total > high:
                        left += 1
                        total = total - np.floor((total - low) / span) * span if wrap else min(max(total, low), high)
                    row[c] = total
            find_codes(row, codes, thresholds)
            reset_codes(codes, thresholds.emitted, row)
            for c in range(width):
                row[c] = rounded(row[c], half)
            count_groups(codes, bounds, events.counts[at])
            beyond[r, t] = left
            count_levels(codes, tallies[r, t])
