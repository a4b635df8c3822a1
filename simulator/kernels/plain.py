"""The inner functions of kernels as one would write them: what they compute, and how machines without vector code do.

A code says which threshold a neuron reached: c > 0 stands for a spike of ``theta1 * 2**(c-1)``, c < 0 for one of
``-theta2 * 2**(-c-1)``, 0 for none. `emitted` is the value by code, (2n+1,), code 0 in its middle.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels.functions import exp

ALL, UP, DOWN = 0, 1, -1
"""Which spikes are listed: all, those of positive codes, those of negative ones."""
ROOM = 64
"""Spikes beyond the last that a list must have room for: registers are stored whole."""


class SpikeList(NamedTuple):
    """Spikes one by one: the weight row that each fetches, int32 or uint16, and its value, floats or uint8 powers of two."""

    row: NDArray[Any]
    value: NDArray[Any]


@uncounted
def count_level(codes: Any, level: int) -> Any:
    """How many codes of a run equal `level`."""
    count = 0
    for c in range(codes.shape[0]):
        count += int(codes[c] == level)
    return count


@uncounted
def count_levels(codes: Any, tally: Any) -> None:
    """How many codes of a row are 1 to n, and -1 to -n; tally: (2n,) whole numbers, written."""
    n = tally.shape[0] // 2
    for k in range(n):
        tally[k], tally[n + k] = count_level(codes, k + 1), count_level(codes, -k - 1)


@uncounted
def count_between(codes: Any, first: int, last: int) -> Any:
    """How many codes among first : last are not zero."""
    count = 0
    for c in range(first, last):
        count += int(codes[c] != 0)
    return count


@uncounted
def pack_row(row: Any, packed: Any) -> None:
    """What `numpy.packbits` makes of ``row != 0``."""
    for at in range(0, row.shape[0], 8):
        bits = 0
        for c in range(at, min(at + 8, row.shape[0])):
            bits |= int(row[c] != 0) << (7 - c % 8)
        packed[at // 8] = bits


@uncounted
def reset_codes(codes: Any, emitted: Any, membrane: Any) -> Any:
    """Take from membranes, (width,), what their spikes are worth. Returns how many spiked, and how many are not zero then."""
    middle, spikes, nonzero = emitted.shape[0] // 2, 0, 0
    for c in range(codes.shape[0]):
        membrane[c] -= emitted[np.int64(codes[c]) + middle]
        spikes += int(codes[c] != 0)
        nonzero += int(membrane[c] != 0)
    return spikes, nonzero


@uncounted
def list_codes(codes: Any, first: int, last: int, which: int, emitted: Any, spikes: SpikeList, event: int) -> Any:
    """List the spikes among neurons first : last, from `event` on, numbered from `first`; returns the event after the last.

    codes: int8, one row or several taken flat; `which` are listed: ALL, UP or DOWN. Lists need ROOM beyond their last event.
    """
    return list_rest(codes, first, last, first, which, emitted, spikes, event)


@uncounted
def list_rest(codes: Any, at: int, last: int, first: int, which: int, emitted: Any, spikes: SpikeList, event: int) -> Any:
    """`list_codes` for neurons at : last of a run that begins at `first`."""
    row, value, middle = spikes.row, spikes.value, emitted.shape[0] // 2
    for c in range(at, last):
        level = np.int64(codes[c])
        row[event] = c - first
        value[event] = emitted[level + middle]
        event += int(level * which > 0 if which else level != 0)
    return event


@uncounted
def add_exact(matrix: Any, spikes: SpikeList, first: int, last: int, out: Any, at: int, width: int, fresh: bool) -> None:
    """``out[at:][:width] += sum over e of value[e] * matrix[width * row[e] :][:width]``, first <= e < last, in that order.

    From zero where `fresh`. matrix, out: of floats, taken flat; width: whole LANES, at most PANEL; events come in fours. Product
    and sum are rounded apart.
    """
    target = out[at : at + width]
    if fresh:
        target[:] = 0
    for e in range(first, last):
        weights, value = matrix[width * np.int64(spikes.row[e]) :], spikes.value[e]
        for c in range(width):
            target[c] += value * weights[c]


@uncounted
def add_whole(matrix: Any, spikes: SpikeList, first: int, last: int, out: Any, at: int, width: int, fresh: bool) -> None:
    """As `add_exact` for whole numbers held in float32, added to the int32 `out`, never `fresh`.

    Exact in any order as long as no partial sum passes 2^24.
    """
    for e in range(first, last):
        weights, value = matrix[width * np.int64(spikes.row[e]) :], spikes.value[e]
        for c in range(width):
            out[at + c] += np.int32(value * weights[c])


@uncounted
def add_partial(sums: Any, at: int, bias: Any, column: int, out: Any, to: int, count: int, ends: Any) -> None:
    """Add sums[at:] to out[to:], `count` of them, all flat: written where they are the first, and with bias[column:] if the last.

    ends: whether these are the first and the last partial sums.
    """
    first, last = ends
    for c in range(count):
        before = out.dtype.type(0) if first else out[to + c]
        out[to + c] = before + sums[at + c] + (bias[column + c] if last else out.dtype.type(0))


@uncounted
def transpose(source: Any, at: int, stride: int, rows: int, columns: int, target: Any, to: int, step: int) -> None:
    """target[to + step*j + i] = source[at + stride*i + j] for i < rows, j < columns; both flat, of one dtype."""
    for i in range(rows):
        for j in range(columns):
            target[to + step * j + i] = source[at + stride * i + j]


@uncounted(error_model="numpy")
def centre_rows(x: Any, inverse_width: Any, squares: Any, _scratch: Any) -> None:
    """Take the mean of each row, (rows, width), from it, and sum its squares, first column to last; squares: (rows,), written."""
    rows, width = x.shape
    for r in range(rows):
        mean = total = x.dtype.type(0)
        for c in range(width):
            mean += x[r, c]
        mean *= inverse_width
        for c in range(width):
            x[r, c] -= mean
            total += x[r, c] * x[r, c]
        squares[r] = total


@uncounted(error_model="numpy")
def exponentiate_rows(x: Any, totals: Any, _scratch: Any) -> None:
    """Exponentials of each row less its largest, and their totals, first column to last; x: (rows, width)."""
    rows, width = x.shape
    for r in range(rows):
        largest, total = x[r, 0], x.dtype.type(0)
        for c in range(1, width):
            largest = x[r, c] if x[r, c] > largest else largest
        for c in range(width):
            x[r, c] = exp(x[r, c] - largest)
            total += x[r, c]
        totals[r] = total
