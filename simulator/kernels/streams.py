"""Streams of real values added, turned or multiplied, a row at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import prange

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.formatted import rounded


@uncounted
def _add_row(a: Any, b: Any, out: Any) -> None:
    for c in range(out.shape[0]):
        out[c] = a[c] + b[c]


@kernel(parallel=True)
def add_streams(a: Any, start_a: int, b: Any, start_b: int, out: Any) -> None:
    """Add two streams, channels start : start+width of each; a, b: (rows, row width); out: (rows, width), written, may be `a`."""
    width = out.shape[1]
    for r in prange(out.shape[0]):
        _add_row(a[r, start_a : start_a + width], b[r, start_b : start_b + width], out[r])


@uncounted
def _rotate_row(x: Any, cos: Any, sin: Any, block: int, out: Any) -> None:
    half, period = block // 2, cos.shape[0]
    for c in range(out.shape[0]):
        at = c % period
        turned = x[c] * cos[at]
        if block > 1:
            within = c % block
            partner = c + half if within < half else c - half
            turned += x[partner] * sin[at]
        out[c] = turned


@kernel(parallel=True)
def rotate(x: Any, start: int, cos: Any, sin: Any, block: int, out: Any) -> None:
    """Turn pairs of channels start : start+width; x: (rows, row width); out: (rows, width), written.

    cos, sin: (tokens, period), the row's token is row mod tokens. Without partners (block 1) `sin` is not read.
    """
    tokens, width = cos.shape[0], out.shape[1]
    for r in prange(out.shape[0]):
        _rotate_row(x[r, start : start + width], cos[r % tokens], sin[r % sin.shape[0]], block, out[r])


@uncounted
def _gate_row(a: Any, b: Any, out: Any, tick: Any, half: int, state: Any) -> None:
    """One row of one step; state: (3, width), sums of both inputs, and the product a step before."""
    share, inverse, now, change = tick[0], tick[1], tick[2], tick[3]
    for c in range(out.shape[0]):
        state[0, c] = rounded(state[0, c] + rounded(a[c] * share, half), half)
        state[1, c] = rounded(state[1, c] + rounded(b[c] * share, half), half)
        product = rounded(rounded(state[0, c] * inverse, half) * rounded(state[1, c] * inverse, half), half)
        expected = rounded(product * now, half)
        out[c] = rounded(rounded(expected - state[2, c], half) * change, half)
        state[2, c] = expected


@kernel(parallel=True)
def gate(inputs: Any, starts: Any, out: Any, clock: Any, half: int) -> None:
    """Products of two streams by a law's clock, (steps, 4) of `make_clock`, all steps of a row before the next.

    inputs: two of (steps * rows, row width), read from channel `starts` on; out: (steps * rows, width), written; each operation
    is rounded as HALVES says.
    """
    (a, b), width, steps = inputs, out.shape[1], clock.shape[0]
    rows = out.shape[0] // steps
    for r in prange(rows):
        state = np.zeros((3, width), out.dtype)
        for t in range(steps):
            at = t * rows + r
            own_a, own_b = a[at, starts[0] : starts[0] + width], b[at, starts[1] : starts[1] + width]
            _gate_row(own_a, own_b, out[at], clock[t], half, state)
