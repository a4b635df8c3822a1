"""Neurons of differential coding: the membrane grows by t/(t-1), integrates, sends what reaches three quarters of a threshold."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_groups, count_levels
from synaptile.simulator.kernels.fire import LEVELS_AT_ONCE, Events, sum_rows


class DifferentialLevels(NamedTuple):
    """Constants of a site: `theta`, the largest threshold of each neuron of a row, (maps, width); `level`, 2^-k rising.

    Row r takes the thetas of map ``r // per_map % maps``: one map of a token stream, a head each of an attention map. Of `n`
    levels; up to a multiple of LEVELS_AT_ONCE there are others, which nothing reaches.
    """

    theta: NDArray[Any]
    level: NDArray[Any]
    n: int
    per_map: int


def make_levels(theta: NDArray[Any], n: int, per_map: int, width: int) -> DifferentialLevels:
    """Constants of a site; theta: (channels,), or (heads,) of attention maps of `per_map` queries; `width` neurons in a row."""
    rows = theta.reshape(1, -1) if theta.size == width and not per_map else np.repeat(theta.reshape(-1, 1), width, axis=1)
    level = np.append(2.0 ** np.arange(1 - n, 1), np.full(-n % LEVELS_AT_ONCE, np.nan))
    return DifferentialLevels(np.ascontiguousarray(rows), level.astype(theta.dtype), n, max(1, per_map))


@uncounted
def _fire_row(read: Any, row: Any, growth: Any, theta: Any, level: Any, codes: Any) -> None:
    """One step of a row: what is read joins the grown membrane; codes found, spikes taken off. Vectorises over the row.

    Thresholds are positive, so that a membrane's size says how many it reaches, and its sign which.
    """
    real, width = row.dtype.type, row.shape[0]
    zero, quarters = real(0), real(0.75)
    for c in range(width):
        row[c] = row[c] * growth + read[c]
        codes[c] = 0
    for k in range(0, level.shape[0], LEVELS_AT_ONCE):
        part0, part1, part2, part3 = (
            quarters * level[k],
            quarters * level[k + 1],
            quarters * level[k + 2],
            quarters * level[k + 3],
        )
        for c in range(width):
            size, own = abs(row[c]), theta[c]
            low = np.int8(size >= part0 * own) + np.int8(size >= part1 * own)
            codes[c] += np.int8(low + np.int8(size >= part2 * own) + np.int8(size >= part3 * own))
    for c in range(width):
        codes[c] = -codes[c] if row[c] < zero else codes[c]
    for k in range(0, level.shape[0], LEVELS_AT_ONCE):  # each neuron meets its own level once
        level0, level1, level2, level3 = level[k], level[k + 1], level[k + 2], level[k + 3]
        for c in range(width):
            place = abs(np.int32(codes[c])) - np.int32(k)
            taken = level0 if place == 1 else level1 if place == 2 else level2 if place == 3 else level3 if place == 4 else zero
            taken *= theta[c]
            row[c] -= taken if codes[c] >= 0 else -taken


@kernel(parallel=True)
def _fire(current: Any, start: int, levels: DifferentialLevels, growth: Any, bounds: Any, events: Events, tallies: Any) -> None:
    """`fire_differential`; tallies: (rows, steps, 2n) int32, written."""
    theta, level, per_map, counts = levels.theta, levels.level, levels.per_map, events.counts
    rows, width = tallies.shape[0], theta.shape[1]
    for r in prange(rows):
        own, row = theta[r // per_map % theta.shape[0]], np.zeros(width, theta.dtype)
        for t in range(growth.shape[0]):
            at = t * rows + r
            codes = events.codes[at]
            _fire_row(current[at, start : start + width], row, growth[t], own, level, codes)
            count_groups(codes, bounds, counts[at])
            count_levels(codes, tallies[r, t])


def fire_differential(
    current: NDArray[Any], start: int, steps: int, levels: DifferentialLevels, bounds: NDArray[np.int64], events: Events
) -> NDArray[np.int64]:
    """All steps of a row before the next: ``m = m t/(t-1) + x``; the largest level with abs(m) >= 3/4 level theta is sent.

    current: (steps * rows, row width) floats, of which channels start : start+width are this site's; bounds: (groups+1,) int64
    channel bounds of the groups counted; events: (steps * rows), written. Returns spikes per threshold, (steps, 2n) int64.
    """
    growth = np.array([t / (t - 1) if t > 1 else 1.0 for t in range(1, steps + 1)], levels.theta.dtype)
    tallies = np.empty((len(events.codes) // steps, steps, 2 * levels.n), np.int32)
    _fire(current, start, levels, growth, bounds, events, tallies)
    return np.asarray(sum_rows(tallies))
