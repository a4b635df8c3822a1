"""Transposing matrices: squares of 16 x 16 in registers, by four rounds that interleave halves.

What remains at the edges is covered by squares that overlap the ones before, or goes one by one where there is no room for one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import plain
from synaptile.simulator.kernels.machine import LANES
from synaptile.simulator.kernels.vector.emit import INDEX, constant, emitted, load, picked, store


@emitted(types.void)
def _transpose_square(builder: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, step: Any) -> None:
    """target[to + step*j + i] = source[at + stride*i + j], i and j from 0 to 15; both flat, of one dtype."""

    def row(start: Any, by: Any, number: int) -> Any:
        return builder.add(start, builder.mul(by, constant(INDEX, number)))

    vector = ir.VectorType(source.type.pointee, LANES)
    rows = [load(builder, source, row(at, stride, i), vector) for i in range(LANES)]
    for _ in range(4):
        rows = [half for i in range(LANES // 2) for half in _interleave(builder, rows[i], rows[i + LANES // 2])]
    for j, column in enumerate(rows):
        store(builder, column, target, row(to, step, j))


def _interleave(builder: Any, first: Any, second: Any) -> list[Any]:
    """Elements of two registers in turn: of their first halves, and of their second."""
    halves = ([place for i in range(begin, begin + LANES // 2) for place in (i, LANES + i)] for begin in (0, LANES // 2))
    return [builder.shuffle_vector(first, second, picked(half)) for half in halves]


@uncounted
def transpose(source: Any, at: int, stride: int, rows: int, columns: int, target: Any, to: int, step: int) -> None:
    """As `plain.transpose`."""
    if rows < LANES or columns < LANES:
        plain.transpose(source, at, stride, rows, columns, target, to, step)
        return
    for top in range(0, rows, LANES):
        i = min(top, rows - LANES)
        for left in range(0, columns, LANES):
            j = min(left, columns - LANES)
            _transpose_square(source, at + stride * i + j, stride, target, to + step * j + i, step)
