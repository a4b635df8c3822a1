"""MT neurons: integrate, find the threshold reached, reset softly, row by row."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import COMPRESSES, count_groups, count_levels, pack_row, reset_codes
from synaptile.simulator.kernels.machine import WORD_CODES
from synaptile.simulator.kernels.vector import firing
from synaptile.simulator.kernels.vector.codes import MOST_LEVELS

LEVELS_AT_ONCE = 4
"""Levels compared in one pass over a row."""


class Thresholds(NamedTuple):
    """Constants of one MT site, in the run's floating type.

    `reach_up[k]` = theta1*2^k - theta1/2 and `reach_down[k]` = theta2*2^k - theta2/2 are what a membrane must reach, filled up to
    a multiple of LEVELS_AT_ONCE by levels never reached; `emitted[n + code]` is the value of a spike, code 0 none, k+1 for
    +theta1*2^k, -(k+1) for -theta2*2^k. `tables`: the same for whole registers, from `firing.make_tables`, flat; empty where n,
    the type or the machine does not allow them.
    """

    reach_up: NDArray[Any]
    reach_down: NDArray[Any]
    emitted: NDArray[Any]
    tables: NDArray[np.float32]


class Events(NamedTuple):
    """Spikes of one site: a row is one token, or one query of one head, at one step.

    `codes` (rows, width) int8 says which threshold each neuron reached, 0 none; `counts` (rows, groups) int32 how many fired per
    channel group. What reads spikes one by one lists them for itself, while they are in its cache.
    """

    codes: NDArray[np.int8]
    counts: NDArray[np.int32]


@lru_cache(maxsize=1024)
def make_thresholds(theta1: float, theta2: float, n: int, dtype: np.dtype[Any]) -> Thresholds:
    """Constants of a site, rounded as the dense reference rounds them; the arrays are shared, to be read only."""
    real = dtype.type
    up = np.array([real(theta1) * real(2.0**k) for k in range(n)], dtype)
    down = np.array([real(theta2) * real(2.0**k) for k in range(n)], dtype)
    emitted = np.concatenate([-down[::-1], np.zeros(1, dtype), up])
    never = np.full(-n % LEVELS_AT_ONCE, np.nan, dtype)
    reach_up, reach_down = (np.append(v - real(theta) * real(0.5), never) for v, theta in ((up, theta1), (down, theta2)))
    fitting = COMPRESSES and dtype == np.float32 and n <= MOST_LEVELS
    tables = firing.make_tables(reach_up, reach_down, emitted) if fitting else np.zeros(0, np.float32)
    return Thresholds(reach_up, reach_down, emitted, tables.reshape(-1))


def empty_events(rows: int, width: int, groups: int, empty: Callable[..., NDArray[Any]] = np.empty) -> Events:
    """Room for the events of a site, unset, from an allocator like `numpy.empty`."""
    return Events(empty((rows, width), np.int8), empty((rows, groups), np.int32))


@uncounted
def find_codes(membrane: Any, codes: Any, thresholds: Thresholds) -> None:
    """Codes of one row: how many levels a membrane reaches, upwards less downwards. Vectorises over the row."""
    ups, downs = thresholds.reach_up, thresholds.reach_down
    for c in range(membrane.shape[0]):
        codes[c] = 0
    for k in range(0, ups.shape[0], LEVELS_AT_ONCE):
        up0, up1, up2, up3 = ups[k], ups[k + 1], ups[k + 2], ups[k + 3]
        down0, down1, down2, down3 = downs[k], downs[k + 1], downs[k + 2], downs[k + 3]
        for c in range(membrane.shape[0]):
            m = membrane[c]
            above = np.int8(m >= up0) + np.int8(m >= up1) + np.int8(m >= up2) + np.int8(m >= up3)
            below = np.int8(-m >= down0) + np.int8(-m >= down1) + np.int8(-m >= down2) + np.int8(-m >= down3)
            codes[c] += np.int8(above - below)


def fire(
    current: NDArray[Any], start: int, membrane: NDArray[Any], thresholds: Thresholds, bounds: NDArray[np.int64], events: Events
) -> NDArray[np.int64]:
    """MT neurons (Eq. 19-25), all steps of a row before the next.

    current: (steps * rows, row width) floats, of which channels start : start+width are this site's; membrane: (rows, width),
    updated; bounds: (groups+1,) int64 channel bounds of the groups counted; events: (steps * rows), written. Returns spikes per
    threshold, (steps, 2n) int64.
    """
    return _fire(current, start, membrane, thresholds, bounds, events, len(current) // len(membrane))


def fire_from_rest(
    current: NDArray[Any], start: int, steps: int, thresholds: Thresholds, bounds: NDArray[np.int64], events: Events
) -> NDArray[np.int64]:
    """`fire` from membranes of zero, each of which lives as long as its row."""
    none = np.empty((0, events.codes.shape[1]), thresholds.emitted.dtype)
    return _fire(current, start, none, thresholds, bounds, events, steps)


def _fire(
    current: NDArray[Any],
    start: int,
    membrane: NDArray[Any],
    thresholds: Thresholds,
    bounds: NDArray[np.int64],
    events: Events,
    steps: int,
) -> NDArray[np.int64]:
    """`fire`; membrane: (0, width) where they begin at zero and are not kept."""
    rows, width, n = len(current) // steps, membrane.shape[1], len(thresholds.emitted) // 2
    if thresholds.tables.size and width >= WORD_CODES:
        tallies = np.empty((rows, steps, 2 * MOST_LEVELS), np.int32)
        _fire_by_registers(current, start, membrane, thresholds.tables, bounds, events, tallies)
        counts = sum_rows(tallies)
        return np.concatenate([counts[:, :n], counts[:, MOST_LEVELS:][:, :n]], axis=1)
    tallies = np.empty((rows, steps, 2 * n), np.int32)
    _fire_by_neurons(current, start, membrane, thresholds, bounds, events, tallies)
    return np.asarray(sum_rows(tallies))


@kernel
def sum_rows(tallies: Any) -> Any:
    """What the rows tallied, (rows, steps, levels) int32, together: (steps, levels) int64."""
    rows, steps, levels = tallies.shape
    counts = np.zeros((steps, levels), np.int64)
    for r in range(rows):
        for t in range(steps):
            for k in range(levels):
                counts[t, k] += tallies[r, t, k]
    return counts


@kernel(parallel=True)
def _fire_by_neurons(
    current: Any, start: int, membrane: Any, thresholds: Thresholds, bounds: Any, events: Events, tallies: Any
) -> None:
    """`fire` by `_fire_row`; tallies: (rows, steps, 2n) int32, written."""
    for r in prange(tallies.shape[0]):
        row = membrane[r] if membrane.shape[0] else np.zeros(membrane.shape[1], membrane.dtype)
        _fire_row(current, start, r, row, thresholds, bounds, events, tallies)


@uncounted
def _fire_row(
    current: Any, start: int, r: int, row: Any, thresholds: Thresholds, bounds: Any, events: Events, tallies: Any
) -> None:
    """Row r through all steps; row: its membranes, (width,), updated; tallies: spikes per threshold."""
    rows, width = tallies.shape[0], row.shape[0]
    for t in range(tallies.shape[1]):
        at = t * rows + r
        read, codes = current[at, start : start + width], events.codes[at]
        for c in range(width):
            row[c] += read[c]
        find_codes(row, codes, thresholds)
        reset_codes(codes, thresholds.emitted, row)
        count_groups(codes, bounds, events.counts[at])
        count_levels(codes, tallies[r, t])


@kernel(parallel=True)
def _fire_by_registers(current: Any, start: int, membrane: Any, tables: Any, bounds: Any, events: Events, tallies: Any) -> None:
    """`fire` by `firing.fire_row`; tallies: (rows, steps, 16) int32, written."""
    for r in prange(tallies.shape[0]):
        row = membrane[r] if membrane.shape[0] else np.zeros(membrane.shape[1], membrane.dtype)
        firing.fire_row(current, start, r, row, tables, bounds, events, tallies)


@kernel(parallel=True)
def count_spikes(codes: Any, bounds: Any, counts: Any) -> None:
    """How many codes of each row are not zero between bounds; codes: (rows, width) int8; counts: (rows, groups), written."""
    for r in prange(counts.shape[0]):
        count_groups(codes[r], bounds, counts[r])


@kernel(parallel=True)
def pack_fired(codes: Any, mask: Any) -> None:
    """What `numpy.packbits` makes of ``codes != 0``; codes: (rows, width) int8; mask: (rows, ceil(width / 8)) uint8, written."""
    for r in prange(codes.shape[0]):
        pack_row(codes[r], mask[r])
