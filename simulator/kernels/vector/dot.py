"""Int8 weight rows, four spikes at a time: AVX-512 VNNI multiplies unsigned bytes by signed ones and sums four products.

A spike of one sign is a power of two, 2^7 at most: an unsigned byte. Four rows of 64 weights are interleaved in registers so that
the four weights of an output lie side by side; one instruction then adds four accumulates of 16 outputs to int32 sums.
"""

from __future__ import annotations

from typing import Any

from numba.core import cgutils, types

from synaptile.simulator.kernels.machine import EVENTS_AT_ONCE
from synaptile.simulator.kernels.vector.emit import (
    BYTE,
    HALF,
    INDEX,
    WORD,
    call,
    constant,
    emitted,
    lanes_of,
    load,
    offset,
    picked,
    splat,
    store,
)
from synaptile.simulator.kernels.vector.runs import rows_of_four

WIDTH = 64
"""Outputs held in registers."""
HIGHEST_LEVEL = 8
"""Thresholds of a site whose powers of two fit a byte."""
_BYTES, _HALVES, _WORDS = (lanes_of(element) for element in (BYTE, HALF, WORD))


@emitted(types.void)
def add_dots(builder: Any, matrix: Any, spikes: Any, first: Any, last: Any, out: Any, at: Any) -> None:
    """``out[at : at+64] += sum over e of power[e] * matrix[64 * row[e] :][:64]``, first <= e < last, in fours.

    matrix: int8; spikes: a `SpikeList`, row uint16 and power uint8; out: int32. Word 4L+i of register q sums
    byte 16L+4q+i of the rows.
    """
    row, power = spikes
    places = [offset(builder, at, 16 * k) for k in range(4)]
    sums = [cgutils.alloca_once_value(builder, load(builder, out, place, _WORDS)) for place in places]
    step = constant(INDEX, EVENTS_AT_ONCE)
    with cgutils.for_range_slice(builder, first, last, step, INDEX) as (event, _):
        starts = (builder.mul(number, constant(INDEX, WIDTH)) for number in rows_of_four(builder, row, event))
        rows = [load(builder, matrix, start, _BYTES) for start in starts]
        powers = builder.load(builder.bitcast(builder.gep(power, [event]), WORD.as_pointer()), align=1)
        for total, four in zip(sums, _interleave(builder, rows), strict=True):
            dots = call(
                builder,
                "llvm.x86.avx512.vpdpbusd.512",
                _WORDS,
                builder.load(total),
                splat(builder, powers, 16),
                four,
            )
            builder.store(dots, total)
    for total, place in zip(sums, places, strict=True):
        store(builder, builder.load(total), out, place)


def _interleave(builder: Any, rows: list[Any]) -> list[Any]:
    """Four rows of 64 bytes as four registers of 16 words, each word the four rows' weights of one output."""
    pairs = [
        builder.bitcast(builder.shuffle_vector(a, b, _unpacked(64, half)), _HALVES)
        for half in (0, 1)
        for a, b in ((rows[0], rows[1]), (rows[2], rows[3]))
    ]
    return [
        builder.bitcast(builder.shuffle_vector(first, second, _unpacked(32, half)), _WORDS)
        for first, second in ((pairs[0], pairs[1]), (pairs[2], pairs[3]))
        for half in (0, 1)
    ]


def _unpacked(count: int, half: int) -> Any:
    """Elements of the low or high half of each 128-bit lane of two registers, in turn."""
    lane = count // 4
    return picked(
        [
            register * count + place * lane + half * lane // 2 + j
            for place in range(4)
            for j in range(lane // 2)
            for register in (0, 1)
        ]
    )
