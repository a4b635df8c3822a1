"""Sixteen rows at once: turned so that they lie side by side, a register of running results goes over column after column.

Each row is folded from its first column to its last, as a loop over it would: an addition waits for the one before, and here
sixteen rows wait together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from synaptile.simulator.kernels.turn import SIDE

_INDEX = ir.IntType(64)


def _make_fold(step: Callable[[Any, Any, Any], Any], *, from_first: bool) -> Any:
    """An intrinsic ``fold(x, columns, out)``: out[i] = step over x[16*c + i], c ascending, from column 0 or from zero."""

    @intrinsic
    def fold(_typing: Any, x: Any, columns: Any, out: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            read, written = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2))
            element = read.type.pointee
            vector, align = ir.VectorType(element, SIDE), context.get_abi_sizeof(element)

            def register(data: Any, at: Any) -> Any:
                return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())

            zero = ir.Constant(_INDEX, 0)
            begin = builder.load(register(read, zero), align=align) if from_first else ir.Constant(vector, [0.0] * SIDE)
            held = cgutils.alloca_once_value(builder, begin)
            with cgutils.for_range(builder, args[1]) as loop:
                column = builder.load(register(read, builder.mul(loop.index, ir.Constant(_INDEX, SIDE))), align=align)
                builder.store(step(builder, builder.load(held), column), held)
            builder.store(builder.load(held), register(written, zero), align=align)
            return context.get_dummy_value()

        return types.void(x, types.int64, out), codegen

    return fold


def _square(builder: Any, total: Any, column: Any) -> Any:
    return builder.fadd(total, builder.fmul(column, column))


def _larger(builder: Any, largest: Any, column: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", column, largest), column, largest)


sum_columns: Any = _make_fold(lambda builder, total, column: builder.fadd(total, column), from_first=False)
sum_squares: Any = _make_fold(_square, from_first=False)
largest_column: Any = _make_fold(_larger, from_first=True)


@intrinsic
def _subtract(_typing: Any, x: Any, columns: Any, taken: Any) -> Any:
    """x[16*c + i] -= taken[i]."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data, shift = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2))
        vector, align = ir.VectorType(data.type.pointee, SIDE), context.get_abi_sizeof(data.type.pointee)
        off = builder.load(builder.bitcast(shift, vector.as_pointer()), align=align)
        with cgutils.for_range(builder, args[1]) as loop:
            place = builder.gep(data, [builder.mul(loop.index, ir.Constant(_INDEX, SIDE))])
            column = builder.bitcast(place, vector.as_pointer())
            builder.store(builder.fsub(builder.load(column, align=align), off), column, align=align)
        return context.get_dummy_value()

    return types.void(x, types.int64, taken), codegen


subtract_columns: Any = _subtract
