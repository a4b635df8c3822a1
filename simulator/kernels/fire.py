"""MT neurons: integrate, find the threshold reached, reset softly, row by row."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import firing, machine
from synaptile.simulator.kernels.listing import COMPILED, WORD_BYTES, count_groups, count_level, count_levels, reset_codes

LEVELS_AT_ONCE = 4
"""Levels compared in one pass over a row."""
BY_REGISTERS = machine.COMPRESSES and COMPILED
"""Whether float32 neurons are taken a register at a time."""
LANES = firing.LANES

fire_lanes: Any = firing.fire_lanes


class Thresholds(NamedTuple):
    """Constants of one MT site, in the run's floating type.

    `reach_up[k]` = theta1*2^k - theta1/2 and `reach_down[k]` = theta2*2^k - theta2/2 are what a membrane must reach;
    `emitted[n + code]` is the value of a spike, code 0 none, k+1 for +theta1*2^k, -(k+1) for -theta2*2^k. `tables`: the same for
    whole registers, from `firing.make_tables`, flat; empty where n or the type does not allow them.
    """

    reach_up: NDArray[Any]
    reach_down: NDArray[Any]
    emitted: NDArray[Any]
    tables: NDArray[np.float32]


class Events(NamedTuple):
    """Spikes of one site: a row is one token, or one query of one head, at one step.

    `code` (rows, width) int8 says which threshold each neuron reached, 0 none; `spikes` (rows, groups) int32 counts them per
    channel group. What reads spikes one by one lists them for itself, while they are in its cache.
    """

    code: NDArray[np.int8]
    spikes: NDArray[np.int32]


@lru_cache(maxsize=1024)
def make_thresholds(theta1: float, theta2: float, n: int, dtype: np.dtype[Any]) -> Thresholds:
    """Constants of a site, rounded as the dense reference rounds them; the arrays are shared, to be read only."""
    real = dtype.type
    up = np.array([real(theta1) * real(2.0**k) for k in range(n)], dtype)
    down = np.array([real(theta2) * real(2.0**k) for k in range(n)], dtype)
    emitted = np.concatenate([-down[::-1], np.zeros(1, dtype), up])
    reach_up, reach_down = up - real(theta1) * real(0.5), down - real(theta2) * real(0.5)
    fitting = BY_REGISTERS and dtype == np.float32 and n <= firing.MOST_LEVELS
    tables = firing.make_tables(reach_up, reach_down, emitted) if fitting else np.zeros(0, np.float32)
    return Thresholds(reach_up, reach_down, emitted, tables.reshape(-1))


def empty_events(rows: int, width: int, groups: int, empty: Callable[..., NDArray[Any]] = np.empty) -> Events:
    """Room for the events of a site, unset, from an allocator like `numpy.empty`."""
    return Events(empty((rows, width), np.int8), empty((rows, groups), np.int32))


@njit(cache=True, nogil=True)
def _pad_levels(reach: Any) -> Any:
    """Levels up to a multiple of LEVELS_AT_ONCE; the ones added are never reached."""
    n = reach.shape[0]
    levels = np.empty(n + -n % LEVELS_AT_ONCE, reach.dtype)  # np.full would take seconds to compile
    for k in range(levels.shape[0]):
        levels[k] = reach[k] if k < n else np.nan
    return levels


@uncounted
def _find_codes(membrane: Any, code: Any, ups: Any, downs: Any) -> None:
    """Codes of one row: how many levels a membrane reaches, upwards less downwards. Vectorises over the row."""
    for c in range(membrane.shape[0]):
        code[c] = 0
    for k in range(0, ups.shape[0], LEVELS_AT_ONCE):
        up0, up1, up2, up3 = ups[k], ups[k + 1], ups[k + 2], ups[k + 3]
        down0, down1, down2, down3 = downs[k], downs[k + 1], downs[k + 2], downs[k + 3]
        for c in range(membrane.shape[0]):
            m = membrane[c]
            above = np.int8(m >= up0) + np.int8(m >= up1) + np.int8(m >= up2) + np.int8(m >= up3)
            below = np.int8(-m >= down0) + np.int8(-m >= down1) + np.int8(-m >= down2) + np.int8(-m >= down3)
            code[c] += np.int8(above - below)


def fire(
    current: NDArray[Any], start: int, membrane: NDArray[Any], thresholds: Thresholds, bounds: NDArray[np.int64], events: Events
) -> NDArray[np.int64]:
    """MT neurons (Eq. 19-25), all steps of a row before the next.

    current: (steps * rows, row width) floats, of which channels start : start+width are this site's; membrane: (rows, width),
    updated; bounds: (groups+1,) int64 channel bounds of the groups counted; events: (steps * rows), written. Returns spikes per
    threshold, (steps, 2n) int64.
    """
    (rows, width), n = membrane.shape, len(thresholds.reach_up)
    if BY_REGISTERS and thresholds.tables.size and width >= WORD_BYTES:
        tallies = np.empty((rows, len(current) // rows, 2 * firing.MOST_LEVELS), np.int32)
        _fire_registers(current, start, membrane, thresholds.tables, bounds, events, tallies)
        found = _sum_rows(tallies)
        return np.concatenate([found[:, :n], found[:, firing.MOST_LEVELS :][:, :n]], axis=1)
    tallies = np.empty((rows, len(current) // rows, 2 * n), np.int32)
    _fire_each(current, start, membrane, thresholds, bounds, events, tallies)
    return np.asarray(_sum_rows(tallies))


@njit(cache=True, nogil=True)
def _sum_rows(tallies: Any) -> Any:
    """What the rows tallied, (rows, steps, levels) int32, together: (steps, levels) int64."""
    rows, steps, levels = tallies.shape
    found = np.zeros((steps, levels), np.int64)
    for r in range(rows):
        for t in range(steps):
            for k in range(levels):
                found[t, k] += tallies[r, t, k]
    return found


@njit(cache=True, nogil=True, parallel=True)
def _fire_each(
    current: Any, start: int, membrane: Any, thresholds: Thresholds, bounds: Any, events: Events, tallies: Any
) -> None:
    ups, downs = _pad_levels(thresholds.reach_up), _pad_levels(thresholds.reach_down)
    for r in prange(membrane.shape[0]):
        _fire_row(current, start, r, membrane, ups, downs, thresholds.emitted, bounds, events, tallies)


@uncounted
def _fire_row(
    current: Any,
    start: int,
    r: int,
    membrane: Any,
    ups: Any,
    downs: Any,
    emitted: Any,
    bounds: Any,
    events: Events,
    tallies: Any,
) -> None:
    (rows, width), n = membrane.shape, emitted.shape[0] // 2
    row = membrane[r]
    for t in range(tallies.shape[1]):
        at = t * rows + r
        read, code = current[at, start : start + width], events.code[at]
        for c in range(width):
            row[c] += read[c]
        _find_codes(row, code, ups, downs)
        reset_codes(code, emitted, row)
        count_groups(code, bounds, events.spikes[at])
        tally = tallies[r, t]
        for k in range(n):
            tally[k], tally[n + k] = count_level(code, k + 1), count_level(code, -k - 1)


@njit(cache=True, nogil=True, parallel=True)
def _fire_registers(current: Any, start: int, membrane: Any, tables: Any, bounds: Any, events: Events, tallies: Any) -> None:
    for r in prange(membrane.shape[0]):
        _fire_row_registers(current, start, r, membrane, tables, bounds, events, tallies)


@uncounted
def _fire_row_registers(
    current: Any, start: int, r: int, membrane: Any, tables: Any, bounds: Any, events: Events, tallies: Any
) -> None:
    rows, width = membrane.shape
    row, whole = membrane[r], width // LANES * LANES
    for t in range(tallies.shape[1]):
        at = t * rows + r
        read, code = current[at], events.code[at]
        for c in range(0, whole, LANES):
            fire_lanes(read, start + c, row, c, 0, tables, code, c)
        if whole < width:  # the last register overlaps the one before
            last = width - LANES
            fire_lanes(read, start + last, row, last, whole - last, tables, code, last)
    for t in range(tallies.shape[1]):  # not above: codes just written would be waited for
        code = events.code[t * rows + r]
        count_groups(code, bounds, events.spikes[t * rows + r])
        count_levels(code, tallies[r, t])


@njit(cache=True, nogil=True, parallel=True)
def count_spikes(code: Any, bounds: Any, out: Any) -> None:
    """Non-zero codes of each row between channel bounds; code: (rows, width) int8; bounds: (groups+1,); out: (rows, groups)."""
    for r in prange(out.shape[0]):
        count_groups(code[r], bounds, out[r])
