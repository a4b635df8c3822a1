"""Registers of codes: counted, listed, reset and packed 64 or 16 at a time.

The value of a spike is built from its code's exponent, so no table is looked up. `skip` leaves out a register's first lanes, for
the end of a row, where the last register overlaps the one before. `worth` is what codes -1 and 1 stand for.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import plain
from synaptile.simulator.kernels.machine import WORD_CODES
from synaptile.simulator.kernels.vector.emit import (
    BIT,
    BYTE,
    INDEX,
    WORD,
    ascending,
    call,
    constant,
    emitted,
    from_lane,
    lanes_of,
    load,
    offset,
    picked,
    splat,
    store,
)

MOST_LEVELS = 8
"""Thresholds of either sign that `count_levels` counts together."""
_REGISTER_BYTES = 64
_CODES = ir.VectorType(BYTE, WORD_CODES)


@emitted(types.int64)
def _count_word(builder: Any, codes: Any, at: Any, level: Any, skip: Any) -> Any:
    """How many of 64 codes from `at` on equal `level`."""
    equal = builder.icmp_signed("==", load(builder, codes, at, _CODES), splat(builder, builder.trunc(level, BYTE), WORD_CODES))
    return builder.ctpop(builder.lshr(builder.bitcast(equal, INDEX), skip))


@emitted(types.void)
def _count_levels_word(builder: Any, codes: Any, at: Any, skip: Any, tally: Any, first: Any) -> None:
    """Add to tally[k-1] and tally[7+k] (16 int32) how many of 64 codes from `at` on equal k and -k; with `first`, write it."""
    word = load(builder, codes, at, _CODES)
    for place, level in enumerate([*range(1, MOST_LEVELS + 1), *range(-1, -MOST_LEVELS - 1, -1)]):
        equal = builder.bitcast(builder.icmp_signed("==", word, constant(_CODES, level)), INDEX)
        count = builder.trunc(builder.ctpop(builder.lshr(equal, skip)), WORD)
        target = builder.gep(tally, [constant(INDEX, place)])
        before = builder.select(first, constant(WORD, 0), builder.load(target))
        builder.store(builder.add(before, count), target)


@emitted(types.void)
def _pack_word(builder: Any, codes: Any, at: Any, mask: Any, to: Any) -> None:
    """Write which of 64 codes from `at` on are not zero, a bit each, the first in a byte's highest, to eight bytes from `to`."""
    word = load(builder, codes, at, _CODES)
    word = builder.shuffle_vector(word, word, picked([lane ^ 7 for lane in range(WORD_CODES)]))
    bits = builder.bitcast(builder.icmp_signed("!=", word, constant(_CODES, 0)), INDEX)
    builder.store(bits, builder.bitcast(builder.gep(mask, [to]), INDEX.as_pointer()), align=1)


@emitted(types.int64)
def _reset_lanes(builder: Any, codes: Any, at: Any, skip: Any, worth: Any, membrane: Any) -> Any:
    """Take what the spikes of a register from `at` on are worth from their membranes.

    Returns how many spiked, plus 2^32 for each membrane that is not zero then.
    """
    code = _widened_codes(builder, codes, at, worth)
    kept = from_lane(builder, skip, code.type)
    fired = builder.and_(kept, builder.icmp_signed("!=", code, constant(code.type, 0)))
    spike = _values(builder, code, fired, worth)
    left = builder.fsub(load(builder, membrane, at, spike.type), spike)
    store(builder, left, membrane, at)
    nonzero = builder.and_(kept, builder.fcmp_unordered("!=", left, constant(left.type, 0.0)))
    return builder.or_(_count(builder, fired), builder.shl(_count(builder, nonzero), constant(INDEX, 32)))


@emitted(types.int64)
def _list_lanes(builder: Any, codes: Any, at: Any, skip: Any, first: Any, which: Any, worth: Any, spikes: Any, event: Any) -> Any:
    """`plain.list_codes` of a register from `at` on; returns how many spikes."""
    code = _widened_codes(builder, codes, at, worth)
    fired = builder.and_(from_lane(builder, skip, code.type), _wanted(builder, code, which))
    begin = splat(builder, builder.trunc(builder.sub(at, first), WORD), code.type.count)
    numbers = builder.add(begin, ascending(begin.type))
    for listed, target in zip((numbers, _values(builder, code, fired, worth)), spikes, strict=True):
        store(builder, _narrowed(builder, _compress(builder, listed, fired), target.type.pointee), target, event)
    return _count(builder, fired)


@emitted(types.int64)
def _list_word(builder: Any, codes: Any, at: Any, skip: Any, first: Any, which: Any, worth: Any, spikes: Any, event: Any) -> Any:
    """As `_list_lanes`, 64 codes at a time."""
    rows, values = spikes
    word = load(builder, codes, at, _CODES)
    wanted = builder.bitcast(_wanted(builder, word, which), INDEX)
    fired = builder.and_(wanted, builder.shl(constant(INDEX, -1), skip))
    mask = builder.bitcast(fired, ir.VectorType(BIT, WORD_CODES))
    packed, places = _compress(builder, word, mask), _compress(builder, ascending(_CODES), mask)
    begin, numbers = builder.trunc(builder.sub(at, first), rows.type.pointee), lanes_of(rows.type.pointee)
    for part in range(0, WORD_CODES, numbers.count):
        wide = builder.zext(_part(builder, places, part, numbers.count), numbers)
        store(builder, builder.add(wide, splat(builder, begin, numbers.count)), rows, offset(builder, event, part))
    whole = _whole(worth)
    for part in range(0, WORD_CODES, whole.count):
        code = builder.sext(_part(builder, packed, part, whole.count), whole)
        value = _values(builder, code, builder.icmp_signed("!=", code, constant(whole, 0)), worth)
        store(builder, _narrowed(builder, value, values.type.pointee), values, offset(builder, event, part))
    return builder.ctpop(fired)


def _whole(worth: tuple[Any, Any]) -> Any:
    """A register of whole numbers as wide as the floats of `worth`."""
    return lanes_of(WORD if isinstance(worth[0].type, ir.FloatType) else INDEX)


def _widened_codes(builder: Any, codes: Any, at: Any, worth: tuple[Any, Any]) -> Any:
    whole = _whole(worth)
    return builder.sext(load(builder, codes, at, ir.VectorType(BYTE, whole.count)), whole)


def _wanted(builder: Any, code: Any, which: Any) -> Any:
    """Codes that `which` lists: where it is 0 all that are not zero, else those of its sign."""
    zero = constant(code.type, 0)
    up, down = (
        builder.and_(
            builder.icmp_signed(sign, code, zero),
            splat(builder, builder.icmp_signed(f"{sign}=", which, constant(INDEX, 0)), code.type.count),
        )
        for sign in (">", "<")
    )
    return builder.or_(up, down)


def _count(builder: Any, mask: Any) -> Any:
    """How many lanes of a mask are set."""
    return builder.zext(builder.ctpop(builder.bitcast(mask, ir.IntType(mask.type.count))), INDEX)


def _values(builder: Any, code: Any, fired: Any, worth: tuple[Any, Any]) -> Any:
    """What a register of spikes is worth: the value of code 1 or -1, times a power of two."""
    whole, count = code.type, code.type.count
    bias, mantissa = (126, 23) if whole.element.width == 32 else (1022, 52)
    above = builder.icmp_signed(">", code, constant(whole, 0))
    size = builder.select(above, code, builder.sub(constant(whole, 0), code))
    real = ir.VectorType(worth[1].type, count)
    power = builder.bitcast(builder.shl(builder.add(size, constant(whole, bias)), constant(whole, mantissa)), real)
    down, up = (splat(builder, value, count) for value in worth)
    return builder.select(fired, builder.fmul(builder.select(above, up, down), power), constant(real, 0.0))


def _compress(builder: Any, vector: Any, mask: Any) -> Any:
    """The lanes that are set, moved to the front. In a register: to memory, the instruction is slow on some machines."""
    suffix = {"float": "f32", "double": "f64", "i32": "i32", "i8": "i8"}[str(vector.type.element)]
    name = f"llvm.x86.avx512.mask.compress.v{vector.type.count}{suffix}"
    return call(builder, name, vector.type, vector, ir.Constant(vector.type, ir.Undefined), mask)


def _narrowed(builder: Any, vector: Any, element: Any) -> Any:
    """A register as narrower whole numbers, where a list holds these: neurons of 16 bits, powers of two of 8."""
    if element == vector.type.element:
        return vector
    narrow = ir.VectorType(element, vector.type.count)
    return builder.trunc(vector, narrow) if isinstance(vector.type.element, ir.IntType) else builder.fptoui(vector, narrow)


def _part(builder: Any, vector: Any, begin: int, lanes: int) -> Any:
    return builder.shuffle_vector(vector, vector, picked(list(range(begin, begin + lanes))))


@uncounted
def count_level(codes: Any, level: int) -> Any:
    """As `plain.count_level`."""
    width = codes.shape[0]
    if width < WORD_CODES:
        return plain.count_level(codes, level)
    count, at = 0, 0
    while at + WORD_CODES <= width:
        count += _count_word(codes, at, level, 0)
        at += WORD_CODES
    if at < width:  # the last word overlaps the one before
        count += _count_word(codes, width - WORD_CODES, level, at - (width - WORD_CODES))
    return count


@uncounted(inline="always")
def count_between(codes: Any, first: int, last: int) -> Any:
    """As `plain.count_between`."""
    silent, at = 0, first
    while at + WORD_CODES <= last:
        silent += _count_word(codes, at, 0, 0)
        at += WORD_CODES
    if at == last:
        return last - first - silent
    if last < WORD_CODES:
        return at - first - silent + plain.count_between(codes, at, last)
    overlap = last - WORD_CODES
    return last - first - silent - _count_word(codes, overlap, 0, at - overlap)


@uncounted
def count_levels(codes: Any, tally: Any) -> None:
    """As `plain.count_levels`; tally: int32. Eight thresholds are counted together."""
    width, n = codes.shape[0], tally.shape[0] // 2
    if n != MOST_LEVELS or width < WORD_CODES:
        for k in range(n):
            tally[k], tally[n + k] = count_level(codes, k + 1), count_level(codes, -k - 1)
        return
    _count_levels_word(codes, 0, 0, tally, True)
    at = WORD_CODES
    while at + WORD_CODES <= width:
        _count_levels_word(codes, at, 0, tally, False)
        at += WORD_CODES
    if at < width:
        _count_levels_word(codes, width - WORD_CODES, at - (width - WORD_CODES), tally, False)


@uncounted
def pack_row(row: Any, packed: Any) -> None:
    """As `plain.pack_row`."""
    whole = row.shape[0] // WORD_CODES * WORD_CODES
    for at in range(0, whole, WORD_CODES):
        _pack_word(row, at, packed, at // 8)
    plain.pack_row(row[whole:], packed[whole // 8 :])


@uncounted
def reset_codes(codes: Any, emitted: Any, membrane: Any) -> Any:
    """As `plain.reset_codes`."""
    width, lanes, middle = codes.shape[0], _REGISTER_BYTES // emitted.itemsize, emitted.shape[0] // 2
    if width < lanes:
        return plain.reset_codes(codes, emitted, membrane)
    worth = (emitted[middle - 1], emitted[middle + 1])
    at, counts = 0, 0
    while at + lanes <= width:
        counts += _reset_lanes(codes, at, 0, worth, membrane)
        at += lanes
    if at < width:
        last = width - lanes
        counts += _reset_lanes(codes, last, at - last, worth, membrane)
    return counts & 0xFFFFFFFF, counts >> 32


@uncounted(inline="always")
def list_by_words(codes: Any, first: int, last: int, which: int, emitted: Any, spikes: Any, event: int) -> Any:
    """As `plain.list_codes`, 64 codes at a time."""
    middle, at = emitted.shape[0] // 2, first
    worth = (emitted[middle - 1], emitted[middle + 1])
    while at + WORD_CODES <= last:
        event += _list_word(codes, at, 0, first, which, worth, spikes, event)
        at += WORD_CODES
    if at == last:
        return event
    if last < WORD_CODES:
        return plain.list_rest(codes, at, last, first, which, emitted, spikes, event)
    overlap = last - WORD_CODES  # the last word overlaps what lies before
    return event + _list_word(codes, overlap, at - overlap, first, which, worth, spikes, event)


@uncounted
def list_by_registers(codes: Any, first: int, last: int, which: int, emitted: Any, spikes: Any, event: int) -> Any:
    """As `plain.list_codes`, a register of floats at a time."""
    middle, at, lanes = emitted.shape[0] // 2, first, _REGISTER_BYTES // emitted.itemsize
    worth = (emitted[middle - 1], emitted[middle + 1])
    while at + lanes <= last:
        event += _list_lanes(codes, at, 0, first, which, worth, spikes, event)
        at += lanes
    if at == last:
        return event
    if last < lanes:
        return plain.list_rest(codes, at, last, first, which, emitted, spikes, event)
    overlap = last - lanes
    return event + _list_lanes(codes, overlap, at - overlap, first, which, worth, spikes, event)
