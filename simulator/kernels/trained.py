"""Networks trained as spiking: neurons by difference equations, and products of spikes at one step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_groups
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.kernels.leaky import sum_counts

GATE, NO_LEAK, DECAY_INPUT, DECAY, DECAY_TO_ZERO = range(5)
"""Equations of discrete neurons."""


class Difference(NamedTuple):
    """Parameters of a site, all of the run's float but the number of its equation and `subtract`; `kept` is 1 - 1/tau."""

    equation: int
    subtract: bool
    tau: Any
    kept: Any
    rest: Any
    v_threshold: Any
    v_reset: Any


@uncounted
def _charged(v: Any, x: Any, k: Difference) -> Any:
    """The membrane with the current of the step, in the order of operations in which SpikingJelly writes it."""
    if k.equation == DECAY_INPUT:
        return v + (x - (v - k.rest)) / k.tau
    if k.equation == DECAY_TO_ZERO:
        return v * k.kept + x
    if k.equation == DECAY:
        return v - (v - k.rest) / k.tau + x
    if k.equation == GATE:
        return x
    return v + x


@kernel(parallel=True)
def fire_discrete(currents: Any, start: int, membrane: Any, k: Difference, bounds: Any, events: Events) -> Any:
    """One step of a site.

    currents: (rows, row width) floats, of which channels start : start+width are this site's; membrane: (rows, width), updated;
    bounds: (groups+1,) int64; events: written. Returns spikes fired and 0, (2,) int64.
    """
    counts = events.counts
    rows, width = membrane.shape
    for r in prange(rows):
        codes = events.codes[r]
        for c in range(width):
            v = _charged(membrane[r, c], currents[r, start + c], k)
            fired = v >= k.v_threshold
            codes[c] = np.int8(fired)
            if fired:
                v = v - k.v_threshold if k.subtract else k.v_reset
            membrane[r, c] = v
        count_groups(codes, bounds, counts[r])
    return sum_counts(counts)


@kernel(parallel=True)
def attend_map(q: Any, v: Any, k: Any, positions: int, out: Any) -> None:
    """Q K^T, then times V, by spikes of Q and of V; all (heads, depth * positions), codes int8; out int64, written."""
    heads, depth = q.shape[0], q.shape[1] // positions
    for h in prange(heads):
        scores = np.zeros((positions, positions), np.int64)  # (key, query): a spike of V takes a row
        for d in range(depth):
            row = k[h, d * positions : (d + 1) * positions]
            for i in range(positions):
                if q[h, d * positions + i] != 0:
                    for j in range(positions):
                        scores[j, i] += row[j]
        for e in range(depth):
            target = out[h, e * positions : (e + 1) * positions]
            target[:] = 0
            for j in range(positions):
                if v[h, e * positions + j] != 0:
                    for i in range(positions):
                        target[i] += scores[j, i]


@kernel(parallel=True)
def attend_state(q: Any, k: Any, v: Any, positions: int, out: Any) -> None:
    """K^T V, then Q times it, by spikes of K and of Q; arrays as of `attend_map`."""
    heads, depth = q.shape[0], q.shape[1] // positions
    for h in prange(heads):
        state = np.zeros((depth, depth), np.int64)
        for d in range(depth):
            for j in range(positions):
                if k[h, d * positions + j] != 0:
                    for e in range(depth):
                        state[d, e] += v[h, e * positions + j]
        out[h] = 0
        for d in range(depth):
            for i in range(positions):
                if q[h, d * positions + i] != 0:
                    for e in range(depth):
                        out[h, e * positions + i] += state[d, e]


@kernel(parallel=True)
def pool_largest(image: Any, windows: Any, out: Any) -> None:
    """Largest value of each window; image (planes, H, W); windows (6,) int64: kernel, stride, padding; out (planes, H', W')."""
    planes, height, width = image.shape
    kh, kw, sh, sw, ph, pw = windows
    for c in prange(planes):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                top, left = y * sh - ph, x * sw - pw
                first = max(top, 0), max(left, 0)
                best = image[c, first[0], first[1]]
                for i in range(first[0], min(top + kh, height)):
                    for j in range(first[1], min(left + kw, width)):
                        best = max(best, image[c, i, j])
                out[c, y, x] = best
