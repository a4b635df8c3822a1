"""Sixteen rows at once: transposed so that they lie side by side, a register of running results goes over column after column.

Each row is folded from its first column to its last, as a loop over it would: an addition waits for the one before, and here
sixteen rows wait together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels.functions import exp
from synaptile.simulator.kernels.machine import LANES
from synaptile.simulator.kernels.vector.emit import INDEX, constant, emitted, load, store
from synaptile.simulator.kernels.vector.transpose import transpose

Step = Callable[[Any, Any, Any], Any]


def _make_fold(step: Step, *, from_first: bool) -> Any:
    """``fold(x, columns, out)``: out[i] = step over x[16*c + i], c ascending, from column 0 or from zero."""

    @emitted(types.void)
    def fold(builder: Any, x: Any, columns: Any, out: Any) -> None:
        vector, first = ir.VectorType(x.type.pointee, LANES), constant(INDEX, 0)
        total = cgutils.alloca_once_value(builder, load(builder, x, first, vector) if from_first else constant(vector, 0.0))
        with cgutils.for_range(builder, columns) as loop:
            column = load(builder, x, builder.mul(loop.index, constant(INDEX, LANES)), vector)
            builder.store(step(builder, builder.load(total), column), total)
        store(builder, builder.load(total), out, first)

    return fold


def _add(builder: Any, total: Any, column: Any) -> Any:
    return builder.fadd(total, column)


def _add_square(builder: Any, total: Any, column: Any) -> Any:
    return builder.fadd(total, builder.fmul(column, column))


def _larger(builder: Any, largest: Any, column: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", column, largest), column, largest)


_sum_columns, _sum_squares = (_make_fold(step, from_first=False) for step in (_add, _add_square))
_largest_column = _make_fold(_larger, from_first=True)


@emitted(types.void)
def _subtract_columns(builder: Any, x: Any, columns: Any, taken: Any) -> None:
    """x[16*c + i] -= taken[i]."""
    vector = ir.VectorType(x.type.pointee, LANES)
    off = load(builder, taken, constant(INDEX, 0), vector)
    with cgutils.for_range(builder, columns) as loop:
        at = builder.mul(loop.index, constant(INDEX, LANES))
        store(builder, builder.fsub(load(builder, x, at, vector), off), x, at)


@uncounted(error_model="numpy")
def centre_rows(x: Any, inverse_width: Any, squares: Any, scratch: Any) -> None:
    """As `plain.centre_rows`, of up to 16 rows; scratch: flat, for 16."""
    (rows, width), flat = x.shape, x.reshape(-1)
    transpose(flat, 0, width, rows, width, scratch, 0, LANES)
    _sum_columns(scratch, width, squares)
    for r in range(LANES):
        squares[r] *= inverse_width
    _subtract_columns(scratch, width, squares)
    _sum_squares(scratch, width, squares)
    transpose(scratch, 0, LANES, width, rows, flat, 0, width)


@uncounted(error_model="numpy")
def exponentiate_rows(x: Any, totals: Any, scratch: Any) -> None:
    """As `plain.exponentiate_rows`, of up to 16 rows; scratch: flat, for 16."""
    (rows, width), flat = x.shape, x.reshape(-1)
    transpose(flat, 0, width, rows, width, scratch, 0, LANES)
    _largest_column(scratch, width, totals)
    _subtract_columns(scratch, width, totals)
    for i in range(LANES * width):
        scratch[i] = exp(scratch[i])
    _sum_columns(scratch, width, totals)
    transpose(scratch, 0, LANES, width, rows, flat, 0, width)
