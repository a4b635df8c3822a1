"""Rounding to half precision and functions of straight lines, written as plain NumPy: what kernels must equal to the last bit.

float32 arithmetic rounded to fp16 or bf16 after each operation is that format's own: 24 bits are enough that two roundings are as
one (Figueroa, When is double rounding innocuous?, SIGNUM 1995).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from synaptile.foundation.types import Array, Int64
from synaptile.hwmodels.formats import SIGNIFICANDS, Format, Functions, Table
from synaptile.simulator.dense import arithmetic

LARGEST_HALF = 65504.0
FUNCTIONS = ("div", "rsqrt", "exp", "erf", "tanh", "sigmoid")
"""Functions that may be tables, in the order of `Lines`."""


class Lines(NamedTuple):
    """Tables of all functions, side by side, in the run's floats.

    `start` (7,) int64: where each one's segments begin, those of software have none; `low`, `high`, `per` (6,): range, and
    segments per unit of it; `slope`, `intercept`: (segments of all,).
    """

    start: Int64
    low: Array
    high: Array
    per: Array
    slope: Array
    intercept: Array


def exact(name: str, x: Array) -> Array:
    """A function without a table, in the floats of x."""
    match name:
        case "div":
            return np.asarray(1 / x)
        case "rsqrt":
            return np.asarray(1 / np.sqrt(x))
        case "exp":
            return arithmetic.exp(x)
        case "erf":
            return arithmetic.erf(x)
        case "tanh":
            return arithmetic.tanh(x)
        case _:
            return arithmetic.sigmoid(x)


def segments_of(name: str, table: Table) -> tuple[Array, Array, Array]:
    """Breakpoints, slopes and intercepts of a table, float64: chords, rounded to the table's bits."""
    low, high = SIGNIFICANDS.get(name) or (table.low, table.high)
    points = np.linspace(float(low or 0.0), float(high or 0.0), table.segments + 1)
    values = exact(name, points)
    slope = np.diff(values) / np.diff(points)
    slope = _fixed(slope, table.bits)
    middle = (points[:-1] + points[1:]) / 2  # the chord's own middle, whatever rounding made of its slope
    intercept = (values[:-1] + values[1:]) / 2 - slope * middle
    return points, slope, _fixed(intercept, table.bits)


def lines_of(functions: Functions, dtype: np.dtype[np.floating]) -> Lines:
    """The tables of a chip, in the floats of a run."""
    start, low, high, per = np.zeros(len(FUNCTIONS) + 1, np.int64), *np.zeros((3, len(FUNCTIONS)))
    slopes, intercepts = [np.zeros(0)], [np.zeros(0)]
    for at, name in enumerate(FUNCTIONS):
        table: Table | None = getattr(functions, name)
        start[at + 1] = start[at]
        if table is not None:
            points, slope, intercept = segments_of(name, table)
            start[at + 1] += table.segments
            low[at], high[at], per[at] = points[0], points[-1], table.segments / (points[-1] - points[0])
            slopes.append(slope)
            intercepts.append(intercept)
    reals = (low, high, per, np.concatenate(slopes), np.concatenate(intercepts))
    return Lines(start, *(values.astype(dtype) for values in reals))


def table_error(name: str, table: Table) -> float:
    """The largest error of a table within its range, from 64 points per segment."""
    points, slope, intercept = segments_of(name, table)
    x = points[:-1, None] + np.diff(points)[:, None] * np.linspace(0, 1, 64)
    return float(np.abs(slope[:, None] * x + intercept[:, None] - exact(name, x)).max())


def rounded(x: Array, to: Format | None) -> Array:
    """To the nearest fp16 (at most 65504) or bf16, ties to even; None leaves a number as it is."""
    if to is None:
        return x
    if to == "fp16":
        with np.errstate(over="ignore"):
            return np.clip(x.astype(np.float16).astype(np.float32), -LARGEST_HALF, LARGEST_HALF)
    bits = np.asarray(x, np.float32).view(np.uint32)
    return np.asarray((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)).view(
        np.float32
    )


def look_up(x: Array, lines: Lines, which: int) -> tuple[Array, int]:
    """A table's function of x, and how many of them lie outside its range."""
    low, high, start, stop = lines.low[which], lines.high[which], lines.start[which], lines.start[which + 1]
    outside = int(np.count_nonzero((x < low) | (x > high)))
    inside = np.minimum(np.maximum(x, low), high)
    place = start + np.minimum(((inside - low) * lines.per[which]).astype(np.int64), stop - start - 1)
    return np.asarray(lines.slope[place] * inside + lines.intercept[place]), outside


def reciprocal(x: Array, lines: Lines) -> Array:
    """1/x of positive numbers by a table over their significand."""
    significand, exponent = np.frexp(x)
    value, _ = look_up(significand * x.dtype.type(2), lines, 0)
    return np.asarray(np.ldexp(value, 1 - exponent))


def reciprocal_root(x: Array, lines: Lines) -> Array:
    """1/sqrt(x) of positive numbers by a table over their significand."""
    significand, exponent = np.frexp(x)
    odd = exponent & 1
    value, _ = look_up(significand * np.where(odd, x.dtype.type(2), x.dtype.type(4)), lines, 1)
    return np.asarray(np.ldexp(value, 1 - (exponent + odd) // 2))


def _fixed(values: Array, bits: int) -> Array:
    """Rounded to so many bits, the largest at full scale."""
    largest = np.abs(values).max()
    step = largest / (2 ** (bits - 1) - 1) if largest > 0 else 1.0
    return np.asarray(np.rint(values / step) * step)
