"""Membranes of whole numbers: decay, integrate, count what leaves their bits, fire above the threshold, reset."""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import prange

from synaptile.conversion.graph.whole import DECAY_ONE
from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_groups
from synaptile.simulator.kernels.fire import Events


class MembraneRules(NamedTuple):
    """How a site behaves: decay in 4096ths, `subtract` where a spike takes the threshold off, the largest membrane."""

    decay: int
    subtract: bool
    largest: int


@uncounted
def _integrate(x: Any, membrane: Any, rules: MembraneRules) -> tuple[int, int]:
    """One step of a row. Membranes beyond their bits wrap around: returns how many, and the first (-1 without)."""
    wrapped, first = 0, -1
    span = 2 * (rules.largest + 1)
    for c in range(x.shape[0]):
        v = membrane[c]
        if rules.decay:
            kept = (v if v >= 0 else -v) * (DECAY_ONE - rules.decay) // DECAY_ONE
            v = kept if v >= 0 else -kept
        v += x[c]
        if v > rules.largest or v < -rules.largest - 1:
            v = (v + rules.largest + 1) % span - rules.largest - 1
            first = c if wrapped == 0 else first
            wrapped += 1
        membrane[c] = v
    return wrapped, first


@kernel(parallel=True)
def fire_membranes(
    currents: Any, membrane: Any, threshold: Any, rules: MembraneRules, bounds: Any, events: Events, wrapped: Any
) -> None:
    """All steps of a site, row by row.

    membrane: (rows, width) int64, updated; currents: (steps * rows, width) int64; threshold: (width,) int64; bounds: (groups+1,)
    int64 channel bounds of the groups counted; events: written; wrapped: (steps * rows, 2) int64, written: membranes that left
    their bits, and the first such channel (-1 without).
    """
    counts, subtract = events.counts, rules.subtract
    rows, width = membrane.shape
    for r in prange(rows):
        v = membrane[r]
        for at in range(r, currents.shape[0], rows):
            codes = events.codes[at]
            wrapped[at, 0], wrapped[at, 1] = _integrate(currents[at], v, rules)
            for c in range(width):
                codes[c] = 0
                if v[c] > threshold[c]:
                    codes[c] = 1
                    v[c] = v[c] - threshold[c] if subtract else 0
            count_groups(codes, bounds, counts[at])
