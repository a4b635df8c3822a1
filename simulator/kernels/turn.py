"""Turning matrices: squares of 16 x 16 in registers, by four rounds that interleave halves.

What remains at the edges is covered by squares that overlap the ones before, or goes one by one where there is no room for one.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from synaptile.simulator.compiled import uncounted

SIDE = 16
_INDEX, _WORD = ir.IntType(64), ir.IntType(32)


@intrinsic
def turn_square(_typing: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, step: Any) -> Any:
    """target[to + step*j + i] = source[at + stride*i + j], i and j from 0 to 15; both flat, of one dtype."""
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        sources, targets = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 3))
        vector, align = ir.VectorType(sources.type.pointee, SIDE), context.get_abi_sizeof(sources.type.pointee)

        def row(data: Any, start: Any, by: Any, number: int) -> Any:
            place = builder.add(start, builder.mul(by, ir.Constant(_INDEX, number)))
            return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

        rows = [builder.load(row(sources, args[1], args[2], i), align=align) for i in range(SIDE)]
        for _ in range(4):
            rows = [half for i in range(SIDE // 2) for half in _interleave(builder, rows[i], rows[i + SIDE // 2])]
        for j, turned in enumerate(rows):
            builder.store(turned, row(targets, args[4], args[5], j), align=align)
        return context.get_dummy_value()

    return types.void(source, i64, i64, target, i64, i64), codegen


def _interleave(builder: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Elements of two registers in turn: of their first halves, and of their second."""
    masks = ([place for i in range(begin, begin + SIDE // 2) for place in (i, SIDE + i)] for begin in (0, SIDE // 2))
    low, high = (builder.shuffle_vector(first, second, ir.Constant(ir.VectorType(_WORD, SIDE), mask)) for mask in masks)
    return low, high


_turn_square: Any = turn_square


@uncounted
def turn(source: Any, at: int, stride: int, rows: int, columns: int, target: Any, to: int, step: int) -> None:
    """target[to + step*j + i] = source[at + stride*i + j] for i < rows, j < columns; both flat, of one dtype."""
    if rows < SIDE or columns < SIDE:
        for i in range(rows):
            for j in range(columns):
                target[to + step * j + i] = source[at + stride * i + j]
        return
    for top in range(0, rows, SIDE):
        i = min(top, rows - SIDE)
        for left in range(0, columns, SIDE):
            j = min(left, columns - SIDE)
            _turn_square(source, at + stride * i + j, stride, target, to + step * j + i, step)
