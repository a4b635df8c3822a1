"""Synapses of whole numbers whose sums may leave their accumulators: each addition held to the accumulator's bits.

An output's spikes are added in ascending order of what they index, those of positive and of negative value apart, however the
fan-in is cut over cores: a core that receives a partial sum goes on from it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.integer import IntegerScale
from synaptile.simulator.kernels.synapse import Tiles, count_issued


class Limits(NamedTuple):
    """The smallest and largest sum of an accumulator, and whether a sum beyond wraps around, else it stops there."""

    low: int
    high: int
    wrap: bool


@uncounted
def _add_row(row: Any, shift: int, sums: Any, limits: Limits) -> int:
    """Add a shifted weight row; returns how many sums left their accumulator."""
    low, high, beyond = limits.low, limits.high, 0
    span = high - low + 1
    for c in range(sums.shape[0]):
        total = sums[c] + (np.int64(row[c]) << shift)
        if total < low or total > high:
            beyond += 1
            total = (total - low) % span + low if limits.wrap else min(max(total, low), high)
        sums[c] = total
    return beyond


@kernel(parallel=True)
def accumulate_checked(events: Events, tiles: Tiles, rows: Any, scale: IntegerScale, limits: Limits, out: Any) -> Any:
    """`accumulate_integer` with accumulators of any width.

    rows: (fan-in, channels) whole numbers; out: (lines, channels) float32, written. Returns accumulates, (lines, tiles), and
    additions whose sum left the accumulator, (lines,), int64.
    """
    lines, channels = out.shape
    issued, beyond = np.empty((lines, tiles.width.shape[0]), np.int64), np.zeros(lines, np.int64)
    codes = events.codes
    for line in prange(lines):
        count_issued(events, tiles, line, line + 1, issued)
        positive, negative = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
        left = 0
        for i in range(rows.shape[0]):
            code = int(codes[line, i])
            if code > 0:
                left += _add_row(rows[i], code - 1, positive, limits)
            elif code < 0:
                left += _add_row(rows[i], -code - 1, negative, limits)
        for c in range(channels):
            up, down = scale.up[c] * np.float32(positive[c]), scale.down[c] * np.float32(negative[c])
            out[line, c] = (up - down) + scale.bias[c]
        beyond[line] = left
    return issued, beyond
