"""Streams of real values added, a row at a time."""

from __future__ import annotations

from typing import Any

from numba import prange

from synaptile.simulator.compiled import kernel, uncounted


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
