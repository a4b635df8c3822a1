"""Int8 weight rows, four events at a time: AVX-512 VNNI multiplies unsigned bytes by signed ones and sums four products.

A spike of one sign is a power of two, 2^7 at most: an unsigned byte. Four rows of 64 weights are interleaved in registers so that
the four weights of an output lie side by side; one instruction then adds four accumulates of 16 outputs to int32 sums.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from synaptile.simulator.kernels.blocks import EVENTS_AT_ONCE, rows_of_four

WIDTH = 64
"""Outputs held in registers."""
HIGHEST_LEVEL = 8
"""Thresholds of a site whose powers of two fit a byte."""
_LANES = 4
INDEX, WORD = ir.IntType(64), ir.IntType(32)
_BYTES, _HALVES, _WORDS = (ir.VectorType(ir.IntType(bits), 512 // bits) for bits in (8, 16, 32))
_DOT = "llvm.x86.avx512.vpdpbusd.512"


@intrinsic
def add_dots(_typing: Any, matrix: Any, row: Any, power: Any, first: Any, last: Any, out: Any, at: Any) -> Any:
    """``out[at : at+64] += sum over e of power[e] * matrix[64 * row[e] :][:64]``, first <= e < last, in fours.

    matrix: int8; row: uint16; power: uint8; out: int32. Register q's word 4L+i sums byte 16L+4q+i of the rows.
    """
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        weights, rows, powers, outs = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 1, 2, 5))
        targets = [
            builder.bitcast(builder.gep(outs, [builder.add(args[6], ir.Constant(INDEX, 16 * k))]), _WORDS.as_pointer())
            for k in range(4)
        ]
        sums = [cgutils.alloca_once(builder, _WORDS) for _ in targets]
        for total, target in zip(sums, targets, strict=True):
            builder.store(builder.load(target, align=4), total)
        step = ir.Constant(INDEX, EVENTS_AT_ONCE)
        with cgutils.for_range_slice(builder, args[3], args[4], step, INDEX) as (event, _):
            four_rows = [_row(builder, weights, row) for row in rows_of_four(builder, rows, event)]
            word = builder.load(builder.bitcast(builder.gep(powers, [event]), WORD.as_pointer()), align=1)
            for total, four in zip(sums, _interleave(builder, four_rows), strict=True):
                builder.store(_dot(builder, builder.load(total), _splat(builder, word), four), total)
        for total, target in zip(sums, targets, strict=True):
            builder.store(builder.load(total), target, align=4)
        return context.get_dummy_value()

    return types.void(matrix, row, power, i64, i64, out, i64), codegen


def _row(builder: Any, weights: Any, row: Any) -> Any:
    at = builder.gep(weights, [builder.mul(row, ir.Constant(INDEX, WIDTH))])
    return builder.load(builder.bitcast(at, _BYTES.as_pointer()), align=1)


def _interleave(builder: Any, rows: list[Any]) -> list[Any]:
    """Four rows of 64 bytes as four registers of 16 words, each word the four rows' weights of one output."""
    low, high = (_unpack_mask(64, half) for half in (0, 1))
    pairs = [
        builder.bitcast(builder.shuffle_vector(a, b, mask), _HALVES)
        for mask in (low, high)
        for a, b in ((rows[0], rows[1]), (rows[2], rows[3]))
    ]
    low, high = (_unpack_mask(32, half) for half in (0, 1))
    return [
        builder.bitcast(builder.shuffle_vector(first, second, mask), _WORDS)
        for first, second in ((pairs[0], pairs[1]), (pairs[2], pairs[3]))
        for mask in (low, high)
    ]


def _unpack_mask(count: int, half: int) -> Any:
    """Elements of the low or high half of each 128-bit lane of two registers, in turn."""
    lane = count // _LANES
    picked = [
        register * count + place * lane + half * lane // 2 + j
        for place in range(_LANES)
        for j in range(lane // 2)
        for register in (0, 1)
    ]
    return ir.Constant(ir.VectorType(WORD, count), picked)


def _splat(builder: Any, word: Any) -> Any:
    first = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), word, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, ir.Constant(_WORDS, ir.Undefined), ir.Constant(_WORDS, [0] * 16))


def _dot(builder: Any, total: Any, powers: Any, weights: Any) -> Any:
    known = builder.module.globals.get(_DOT)
    kind = ir.FunctionType(_WORDS, [_WORDS] * 3)
    function = known if known is not None else ir.Function(builder.module, kind, _DOT)
    return builder.call(function, [total, powers, weights])
