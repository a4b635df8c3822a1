"""ST-BIF+ neurons (SpikeZIP-TF): integrate in units of the step, fire one step up or down within bounds, count, compact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from simulator.kernels.fire import Events


class TernaryState(NamedTuple):
    """What the neurons of a site keep: membranes in units of the step, and spikes so far. Both (rows, width)."""

    membrane: NDArray[Any]
    tracer: NDArray[np.int32]


class TernaryLimits(NamedTuple):
    """Constants of a site: `values` [step, one, zero] in the run's floating type, the tracer's `low` and `high` bound."""

    values: NDArray[Any]
    low: int
    high: int


def resting_state(rows: int, width: int, dtype: np.dtype[Any]) -> TernaryState:
    """Neurons before the first step: half a step of charge, no spike."""
    return TernaryState(np.full((rows, width), 0.5, dtype), np.zeros((rows, width), np.int32))


@njit(cache=True, nogil=True, error_model="numpy")
def _fire_row(current: Any, membrane: Any, tracer: Any, code: Any, limits: TernaryLimits) -> None:
    step, one, zero = limits.values[0], limits.values[1], limits.values[2]
    low, high = np.int32(limits.low), np.int32(limits.high)
    for c in range(code.shape[0]):
        charge = membrane[c] + current[c] / step
        up = np.int32(charge >= one) & np.int32(tracer[c] < high)
        down = np.int32(charge < zero) & np.int32(tracer[c] > low)
        spike = up - down
        tracer[c] += spike
        membrane[c] = charge - np.float32(spike)  # a small whole number: exact in either format
        code[c] = np.int8(spike)


@njit(cache=True, nogil=True)
def _list_spikes(code: Any, step: Any, index: Any, value: Any, first: int) -> int:
    """List the spikes of a run of one row that starts at channel `first`; returns how many."""
    event = 0
    for c in range(code.shape[0]):
        if code[c] != 0:
            index[event] = first + c
            value[event] = step if code[c] > 0 else -step
            event += 1
    return event


@njit(cache=True, nogil=True, parallel=True)
def fire_ternary(current: Any, start: int, state: TernaryState, limits: TernaryLimits, bounds: Any, events: Events) -> Any:
    """One step: ``q += x / step``; o = +1 where q >= 1 and S < high, -1 where q < 0 and S > low; ``S += o``, ``q -= o``.

    current: (rows, row width) floats, of which channels start : start+width are this site's; state: updated; bounds: (groups+1,)
    int64 channel bounds of the groups counted; events: written. Returns spikes up and down, (2,) int64.
    """
    membrane, tracer, spikes = state.membrane, state.tracer, events.spikes  # stores through tuples inside prange would be lost
    rows, width = membrane.shape
    step = limits.values[0]
    tallies = np.zeros((rows, 2), np.int64)
    for r in prange(rows):
        code = events.code[r]
        _fire_row(current[r, start : start + width], membrane[r], tracer[r], code, limits)
        met = 0
        for g in range(bounds.shape[0] - 1):
            first, last = bounds[g], bounds[g + 1]
            found = _list_spikes(code[first:last], step, events.channel[r, met:], events.value[r, met:], first)
            spikes[r, g] = found
            met += found
        for c in range(width):
            tallies[r, 0] += np.int64(code[c] > 0)
            tallies[r, 1] += np.int64(code[c] < 0)
    histogram = np.zeros(2, np.int64)
    for r in range(rows):
        histogram[0] += tallies[r, 0]
        histogram[1] += tallies[r, 1]
    return histogram


@njit(cache=True, nogil=True, parallel=True)
def emit_product(first: Any, second: Any, out: Any, strides: Any) -> None:
    """The telescoping product's increment, O = first + second^T.

    first: (blocks, rows, padded columns); second: (blocks, columns, padded rows); out: flat, element (block // heads,
    block % heads, row, column) at the dot product with `strides`; the number of heads rides in ``strides[4]``.
    """
    blocks, rows, columns = first.shape[0], first.shape[1], second.shape[1]
    heads = strides[4]
    for job in prange(blocks * rows):
        block, row = job // rows, job % rows
        base = (block // heads) * strides[0] + (block % heads) * strides[1] + row * strides[2]
        for column in range(columns):
            out[base + column * strides[3]] = first[block, row, column] + second[block, column, row]
