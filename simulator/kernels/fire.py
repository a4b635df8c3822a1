"""MT neurons: integrate, find the threshold reached, reset softly and compact the spikes, row by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


class Thresholds(NamedTuple):
    """Constants of one MT site, in the run's floating type.

    `reach_up[k]` = theta1*2^k - theta1/2 and `reach_down[k]` = theta2*2^k - theta2/2 are what a membrane must reach;
    `emitted[n + code]` is the value of a spike, code 0 none, k+1 for +theta1*2^k, -(k+1) for -theta2*2^k.
    """

    reach_up: NDArray[Any]
    reach_down: NDArray[Any]
    emitted: NDArray[Any]


class Events(NamedTuple):
    """Spikes of one MT site at one step, compacted row by row (a row is one token, or one query of one head).

    `code` (rows, width) int8 is the dense view. Row r's events are ``channel[r, :spikes[r].sum()]`` (channel, ascending, int32)
    with `value` (the run's float) and per channel group `spikes` (rows, groups) int32.
    """

    code: NDArray[np.int8]
    channel: NDArray[np.int32]
    value: NDArray[Any]
    spikes: NDArray[np.int32]


def make_thresholds(theta1: float, theta2: float, n: int, dtype: np.dtype[Any]) -> Thresholds:
    """Constants of a site, rounded as the dense reference rounds them."""
    real = dtype.type
    up = np.array([real(theta1) * real(2.0**k) for k in range(n)], dtype)
    down = np.array([real(theta2) * real(2.0**k) for k in range(n)], dtype)
    emitted = np.concatenate([-down[::-1], np.zeros(1, dtype), up])
    return Thresholds(up - real(theta1) * real(0.5), down - real(theta2) * real(0.5), emitted)


def empty_events(rows: int, width: int, groups: int, dtype: np.dtype[Any]) -> Events:
    """Room for the events of a site."""
    return Events(
        np.zeros((rows, width), np.int8),
        np.zeros((rows, width), np.int32),
        np.zeros((rows, width), dtype),
        np.zeros((rows, groups), np.int32),
    )


@njit(cache=True, nogil=True)
def _find_codes(membrane: Any, code: Any, thresholds: Thresholds, tally: Any) -> None:
    """Codes of one row; tally[k] and tally[n+k] grow by the number of membranes that reach level k."""
    n = thresholds.reach_up.shape[0]
    width = membrane.shape[0]
    for c in range(width):
        code[c] = 0
    for k in range(n):
        up, down = thresholds.reach_up[k], thresholds.reach_down[k]
        reached_up = np.int64(0)
        reached_down = np.int64(0)
        for c in range(width):
            above = np.int8(membrane[c] >= up)
            below = np.int8(-membrane[c] >= down)
            code[c] += above - below
            reached_up += above
            reached_down += below
        tally[k] += reached_up
        tally[n + k] += reached_down


@njit(cache=True, nogil=True)
def _compact(membrane: Any, code: Any, emitted: Any, bounds: Any, index: Any, value: Any, count: Any) -> None:
    """Reset one row softly and list its spikes, counted by channel group."""
    n = emitted.shape[0] // 2
    event = 0
    for g in range(bounds.shape[0] - 1):
        before = event
        for c in range(bounds[g], bounds[g + 1]):
            spike = emitted[n + code[c]]
            membrane[c] -= spike
            index[event] = c
            value[event] = spike
            event += 1 if code[c] != 0 else 0
        count[g] = event - before


@njit(cache=True, nogil=True, parallel=True)
def fire(current: Any, start: int, membrane: Any, thresholds: Thresholds, bounds: Any, events: Events) -> Any:
    """One step of MT neurons (Eq. 19-25).

    current: (rows, row width) floats, of which channels start : start+width are this site's; membrane: (rows, width), updated;
    bounds: (groups+1,) int64 channel bounds of the groups counted; events: written. Returns spikes per threshold, (2n,) int64.
    """
    rows, width = membrane.shape
    n = thresholds.reach_up.shape[0]
    tallies = np.zeros((rows, 2 * n), np.int32)
    for r in prange(rows):
        row = membrane[r]
        for c in range(width):
            row[c] += current[r, start + c]
        _find_codes(row, events.code[r], thresholds, tallies[r])
        _compact(row, events.code[r], thresholds.emitted, bounds, events.channel[r], events.value[r], events.spikes[r])
    histogram = np.zeros(2 * n, np.int64)
    for r in range(rows):
        for k in range(2 * n):
            histogram[k] += tallies[r, k]
    for sign in range(2):
        for k in range(n - 1):
            histogram[sign * n + k] -= histogram[sign * n + k + 1]
    return histogram
