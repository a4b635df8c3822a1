"""ST-BIF+ neurons (SpikeZIP-TF): integrate in units of the step, fire one step up or down within bounds, count."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_groups, count_level
from synaptile.simulator.kernels.fire import Events


class TernaryState(NamedTuple):
    """What the neurons of a site keep: membranes in units of the step, and spikes so far. Both (rows, width)."""

    membrane: NDArray[Any]
    tracer: NDArray[np.int32]


class TernaryLimits(NamedTuple):
    """Constants of a site: its step in the run's floating type, the tracer's `low` and `high` bound."""

    step: Any
    low: int
    high: int


def resting_state(rows: int, width: int, dtype: np.dtype[Any]) -> TernaryState:
    """Neurons before the first step: half a step of charge, no spike."""
    return TernaryState(np.full((rows, width), 0.5, dtype), np.zeros((rows, width), np.int32))


@uncounted(error_model="numpy")
def _fire_row(current: Any, membrane: Any, tracer: Any, codes: Any, limits: TernaryLimits) -> None:
    """One step of a row, see `fire_ternary`."""
    zero, one = membrane.dtype.type(0), membrane.dtype.type(1)
    low, high = np.int32(limits.low), np.int32(limits.high)
    for c in range(codes.shape[0]):
        charge = membrane[c] + current[c] / limits.step
        up = np.int32(charge >= one) & np.int32(tracer[c] < high)
        down = np.int32(charge < zero) & np.int32(tracer[c] > low)
        spike = up - down
        tracer[c] += spike
        membrane[c] = charge - np.float32(spike)  # a small whole number: exact in either format
        codes[c] = np.int8(spike)


@kernel(parallel=True)
def fire_ternary(current: Any, start: int, state: TernaryState, limits: TernaryLimits, bounds: Any, events: Events) -> Any:
    """One step: ``q += x / step``; o = +1 where q >= 1 and S < high, -1 where q < 0 and S > low; ``S += o``, ``q -= o``.

    current: (rows, row width) floats, of which channels start : start+width are this site's; state: updated; bounds: (groups+1,)
    int64 channel bounds of the groups counted; events: written. Returns spikes up and down, (2,) int64.
    """
    membrane, tracer, counts = state.membrane, state.tracer, events.counts  # stores through tuples inside prange would be lost
    rows, width = membrane.shape
    tallies = np.zeros((rows, 2), np.int64)
    for r in prange(rows):
        codes = events.codes[r]
        _fire_row(current[r, start : start + width], membrane[r], tracer[r], codes, limits)
        count_groups(codes, bounds, counts[r])
        tallies[r, 0], tallies[r, 1] = count_level(codes, 1), count_level(codes, -1)
    histogram = np.zeros(2, np.int64)
    for r in range(rows):
        histogram[0] += tallies[r, 0]
        histogram[1] += tallies[r, 1]
    return histogram
