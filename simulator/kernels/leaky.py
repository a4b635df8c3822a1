"""NIR's neurons: integrate by forward Euler, fire above the threshold, reset."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from synaptile.simulator.compiled import kernel, uncounted
from synaptile.simulator.kernels.dispatch import count_groups
from synaptile.simulator.kernels.fire import Events
from synaptile.simulator.leaky import LeakyConstants


class Equation(IntEnum):
    """What the neurons of a site integrate."""

    IF = 0
    LIF = 1
    CUBA = 2


class LeakyState(NamedTuple):
    """What the neurons of a site keep: membranes and (CubaLIF) synaptic currents, (rows, width) each."""

    membrane: NDArray[Any]
    current: NDArray[Any]


class Manner(NamedTuple):
    """How a site behaves: the number of its Equation, `subtract` where a spike takes the threshold off the membrane."""

    equation: int
    subtract: bool


@uncounted
def _integrate(x: Any, membrane: Any, current: Any, k: LeakyConstants, equation: int) -> None:
    """One step of a row: x + membrane, and current of a CUBA site, updated."""
    if equation == Equation.IF:
        for c in range(x.shape[0]):
            membrane[c] = membrane[c] + k.r[c] * x[c]
    elif equation == Equation.LIF:
        for c in range(x.shape[0]):
            membrane[c] = membrane[c] + k.gain[c] * ((k.v_leak[c] - membrane[c]) + k.r[c] * x[c])
    else:
        for c in range(x.shape[0]):
            current[c] = current[c] + k.gain_in[c] * (k.w_in[c] * x[c] - current[c])
            membrane[c] = membrane[c] + k.gain[c] * ((k.v_leak[c] - membrane[c]) + k.r[c] * current[c])


@uncounted
def _fire_row(membrane: Any, codes: Any, k: LeakyConstants, subtract: bool) -> None:
    """Fire and reset one row."""
    for c in range(codes.shape[0]):
        fired = membrane[c] > k.v_threshold[c]
        codes[c] = np.int8(fired)
        if fired:
            membrane[c] = membrane[c] - k.v_threshold[c] if subtract else k.v_reset[c]


@kernel
def sum_counts(counts: Any) -> Any:
    """Spikes fired upwards and downwards, (2,) int64: of these neurons none fires downwards."""
    histogram = np.zeros(2, np.int64)
    for r in range(counts.shape[0]):
        for g in range(counts.shape[1]):
            histogram[0] += counts[r, g]
    return histogram


@kernel(parallel=True)
def fire_leaky(
    currents: Any, start: int, state: LeakyState, constants: LeakyConstants, manner: Manner, bounds: Any, events: Events
) -> Any:
    """One step of a site.

    currents: (rows, row width) floats, of which channels start : start+width are this site's; state: updated; bounds: (groups+1,)
    int64 channel bounds of the groups counted; events: written. Returns spikes fired and 0, (2,) int64.
    """
    membrane, current, counts = state.membrane, state.current, events.counts  # stores through tuples inside prange would be lost
    equation, subtract = manner.equation, manner.subtract
    rows, width = membrane.shape
    for r in prange(rows):
        codes = events.codes[r]
        _integrate(currents[r, start : start + width], membrane[r], current[r], constants, equation)
        _fire_row(membrane[r], codes, constants, subtract)
        count_groups(codes, bounds, counts[r])
    return sum_counts(counts)


@kernel(parallel=True)
def count_trains(trains: Any, bounds: Any, events: Events) -> Any:
    """Spike trains of one step, (rows, width) floats of 0 and 1, as events. Returns spikes and 0, (2,) int64."""
    counts, rows = events.counts, trains.shape[0]
    for r in prange(rows):
        codes = events.codes[r]
        for c in range(codes.shape[0]):
            codes[c] = np.int8(trains[r, c] != 0)
        count_groups(codes, bounds, counts[r])
    return sum_counts(counts)
