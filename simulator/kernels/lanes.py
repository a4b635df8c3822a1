"""One vector register of codes: LLVM vector code through ``numba.extending.intrinsic``.

`skip` leaves out a register's first lanes, for the end of a row, where the last register overlaps the one before.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

WORD_BYTES = 64
"""Codes that are counted together."""
INDEX, WORD, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)


def _constant(vector: Any, number: float) -> Any:
    return ir.Constant(vector, [number] * vector.count)


def _ascending(vector: Any) -> Any:
    return ir.Constant(vector, list(range(vector.count)))


def _address(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _load(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    return builder.load(_address(builder, data, at, vector), align=1 if vector.element == BYTE else 4)


def _splat(builder: Any, scalar: Any, count: int) -> Any:
    vector = ir.VectorType(scalar.type, count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), _constant(ir.VectorType(WORD, count), 0))


def _function(builder: Any, name: str, kind: Any) -> Any:
    known = builder.module.globals.get(name)
    return known if known is not None else ir.Function(builder.module, kind, name)


def _data(context: Any, builder: Any, sig: Any, args: Any, places: tuple[int, ...]) -> list[Any]:
    return [context.make_array(sig.args[i])(context, builder, args[i]).data for i in places]


def _codes(builder: Any, codes: Any, at: Any, skip: Any, element: Any, sign: str) -> tuple[Any, Any]:
    """A register of codes, widened to whole numbers as wide as `element`, and which of them fired."""
    count, bits = (16, 32) if isinstance(element, ir.FloatType) else (8, 64)
    whole = ir.VectorType(ir.IntType(bits), count)
    found = builder.sext(_load(builder, codes, at, ir.VectorType(BYTE, count)), whole)
    return found, builder.and_(_kept(builder, skip, whole), builder.icmp_signed(sign, found, _constant(whole, 0)))


def _kept(builder: Any, skip: Any, whole: Any) -> Any:
    """Lanes of a register of whole numbers from `skip` on."""
    return builder.icmp_signed(">=", _ascending(whole), _splat(builder, builder.trunc(skip, whole.element), whole.count))


def _count(builder: Any, mask: Any) -> Any:
    """How many lanes of a mask are set."""
    return builder.zext(builder.ctpop(builder.bitcast(mask, ir.IntType(mask.type.count))), INDEX)


def _values(builder: Any, code: Any, fired: Any, table: Any, middle: Any) -> Any:
    """What a register of spikes is worth: the value of code 1 or -1, times a power of two."""
    whole, count = code.type, code.type.count
    bias, mantissa = (126, 23) if whole.element.width == 32 else (1022, 52)
    up = builder.icmp_signed(">", code, _constant(whole, 0))
    size = builder.select(up, code, builder.sub(_constant(whole, 0), code))
    real = ir.VectorType(table.type.pointee, count)
    power = builder.bitcast(builder.shl(builder.add(size, _constant(whole, bias)), _constant(whole, mantissa)), real)
    above, below = (
        _splat(builder, builder.load(builder.gep(table, [builder.add(middle, ir.Constant(INDEX, sign))])), count)
        for sign in (1, -1)
    )
    return builder.select(fired, builder.fmul(builder.select(up, above, below), power), _constant(real, 0.0))


def _compress(builder: Any, vector: Any, mask: Any) -> Any:
    """The lanes that are set, moved to the front. In a register: to memory, the instruction is slow on some machines."""
    suffix = {"float": "f32", "double": "f64", "i32": "i32", "i8": "i8"}[str(vector.type.element)]
    kind = ir.FunctionType(vector.type, [vector.type, vector.type, mask.type])
    function = _function(builder, f"llvm.x86.avx512.mask.compress.v{vector.type.count}{suffix}", kind)
    return builder.call(function, [vector, ir.Constant(vector.type, ir.Undefined), mask])


def _narrowed(builder: Any, vector: Any, element: Any) -> Any:
    """A register as narrower whole numbers, where a list holds these: neurons of 16 bits, powers of two of 8."""
    if element == vector.type.element:
        return vector
    narrow = ir.VectorType(element, vector.type.count)
    return builder.trunc(vector, narrow) if isinstance(vector.type.element, ir.IntType) else builder.fptoui(vector, narrow)


@intrinsic
def reset_lanes(_typing: Any, code: Any, at: Any, skip: Any, emitted: Any, middle: Any, membrane: Any) -> Any:
    """Take what the spikes of a register from `at` on are worth from their membranes.

    `middle` is where `emitted`, the value by code, has that of code 0. Returns how many spiked, plus 2^32 for each membrane that
    is not zero then.
    """
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        codes, table, membranes = _data(context, builder, sig, args, (0, 3, 5))
        found, fired = _codes(builder, codes, args[1], args[2], table.type.pointee, "!=")
        spike = _values(builder, found, fired, table, args[4])
        left = builder.fsub(_load(builder, membranes, args[1], spike.type), spike)
        builder.store(left, _address(builder, membranes, args[1], spike.type), align=4)
        kept = _kept(builder, args[2], found.type)
        nonzero = builder.and_(kept, builder.fcmp_unordered("!=", left, _constant(left.type, 0.0)))
        return builder.or_(_count(builder, fired), builder.shl(_count(builder, nonzero), ir.Constant(INDEX, 32)))

    return i64(code, i64, i64, emitted, i64, membrane), codegen


def _make_list(sign: str) -> Any:
    """An intrinsic that lists the spikes of a register, neurons (counted from `first`) and worth, from `event` on.

    Returns how many.
    """

    @intrinsic
    def list_lanes(
        _typing: Any, code: Any, at: Any, skip: Any, first: Any, emitted: Any, middle: Any, index: Any, value: Any, event: Any
    ) -> Any:
        i64 = types.int64

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            codes, table, indices, values = _data(context, builder, sig, args, (0, 4, 6, 7))
            found, fired = _codes(builder, codes, args[1], args[2], table.type.pointee, sign)
            spike, count = _values(builder, found, fired, table, args[5]), found.type.count
            numbers, begin = ir.VectorType(WORD, count), builder.sub(args[1], args[3])
            neurons = builder.add(_splat(builder, builder.trunc(begin, WORD), count), _ascending(numbers))
            for listed, target in ((spike, values), (neurons, indices)):
                packed = _narrowed(builder, _compress(builder, listed, fired), target.type.pointee)
                builder.store(packed, _address(builder, target, args[8], packed.type), align=1)
            return _count(builder, fired)

        return i64(code, i64, i64, i64, emitted, i64, index, value, i64), codegen

    return list_lanes


list_all_lanes, list_up_lanes, list_down_lanes = _make_list("!="), _make_list(">"), _make_list("<")


def _make_word_list(sign: str) -> Any:
    """As `_make_list`, 64 codes at a time. Both lists need room for 64 events."""

    @intrinsic
    def list_word(
        _typing: Any, code: Any, at: Any, skip: Any, first: Any, emitted: Any, middle: Any, index: Any, value: Any, event: Any
    ) -> Any:
        i64 = types.int64

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            codes, table, indices, values = _data(context, builder, sig, args, (0, 4, 6, 7))
            word = _load(builder, codes, args[1], ir.VectorType(BYTE, WORD_BYTES))
            kept = builder.shl(ir.Constant(INDEX, -1), args[2])
            fired = builder.and_(builder.bitcast(builder.icmp_signed(sign, word, _constant(word.type, 0)), INDEX), kept)
            mask = builder.bitcast(fired, ir.VectorType(ir.IntType(1), WORD_BYTES))
            found = _compress(builder, word, mask)
            places = _compress(builder, _ascending(word.type), mask)
            begin = builder.trunc(builder.sub(args[1], args[3]), indices.type.pointee)
            _store_places(builder, places, begin, indices, args[8])
            _store_values(builder, found, (table, args[5]), values, args[8])
            return builder.ctpop(fired)

        return i64(code, i64, i64, i64, emitted, i64, index, value, i64), codegen

    return list_word


def _store_places(builder: Any, places: Any, begin: Any, indices: Any, event: Any) -> None:
    """Store `begin` + places, bytes, to `indices`, whole numbers of any width, from `event` on."""
    element = indices.type.pointee
    lanes = 512 // element.width
    for part in range(WORD_BYTES // lanes):
        wide = builder.zext(_part(builder, places, part, lanes), ir.VectorType(element, lanes))
        total = builder.add(wide, _splat(builder, begin, lanes))
        at = builder.add(event, ir.Constant(INDEX, part * lanes))
        builder.store(total, _address(builder, indices, at, total.type), align=1)


def _store_values(builder: Any, found: Any, table: tuple[Any, Any], values: Any, event: Any) -> None:
    """Store what codes that fired are worth to `values` from `event` on."""
    emitted, middle = table
    lanes, bits = (16, 32) if isinstance(emitted.type.pointee, ir.FloatType) else (8, 64)
    for part in range(WORD_BYTES // lanes):
        code = builder.sext(_part(builder, found, part, lanes), ir.VectorType(ir.IntType(bits), lanes))
        worth = _values(builder, code, builder.icmp_signed("!=", code, _constant(code.type, 0)), emitted, middle)
        stored = _narrowed(builder, worth, values.type.pointee)
        at = builder.add(event, ir.Constant(INDEX, part * lanes))
        builder.store(stored, _address(builder, values, at, stored.type), align=1)


def _part(builder: Any, vector: Any, part: int, lanes: int) -> Any:
    mask = ir.Constant(ir.VectorType(WORD, lanes), list(range(part * lanes, (part + 1) * lanes)))
    return builder.shuffle_vector(vector, vector, mask)


list_all_word, list_up_word, list_down_word = _make_word_list("!="), _make_word_list(">"), _make_word_list("<")


@intrinsic
def count_word(_typing: Any, code: Any, at: Any, level: Any, skip: Any) -> Any:
    """How many of 64 codes from `at` on, the first `skip` left out, equal `level`."""
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        (codes,) = _data(context, builder, sig, args, (0,))
        word = _load(builder, codes, args[1], ir.VectorType(BYTE, WORD_BYTES))
        equal = builder.icmp_signed("==", word, _splat(builder, builder.trunc(args[2], BYTE), WORD_BYTES))
        return builder.ctpop(builder.lshr(builder.bitcast(equal, INDEX), args[3]))

    return i64(code, i64, i64, i64), codegen


@intrinsic
def count_levels_word(_typing: Any, code: Any, at: Any, skip: Any, tally: Any, first: Any) -> Any:
    """Add to tally[k-1] and tally[7+k] (16 int32) how many of 64 codes from `at` on equal k and -k, the first `skip` left out.

    With `first` they are written instead.
    """
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        codes, tallies = _data(context, builder, sig, args, (0, 3))
        word = _load(builder, codes, args[1], ir.VectorType(BYTE, WORD_BYTES))
        for place, level in enumerate([*range(1, 9), *range(-1, -9, -1)]):
            equal = builder.bitcast(builder.icmp_signed("==", word, _constant(word.type, level)), INDEX)
            found = builder.trunc(builder.ctpop(builder.lshr(equal, args[2])), WORD)
            target = builder.gep(tallies, [ir.Constant(INDEX, place)])
            before = builder.select(args[4], ir.Constant(WORD, 0), builder.load(target))
            builder.store(builder.add(before, found), target)
        return context.get_dummy_value()

    return types.void(code, i64, i64, tally, types.boolean), codegen


@intrinsic
def pack_word(_typing: Any, code: Any, at: Any, mask: Any, to: Any) -> Any:
    """Write which of 64 codes from `at` on are not zero, a bit each, the first in a byte's highest, to eight bytes from `to`."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        codes, masks = _data(context, builder, sig, args, (0, 2))
        word = _load(builder, codes, args[1], ir.VectorType(BYTE, WORD_BYTES))
        backwards = ir.Constant(ir.VectorType(WORD, WORD_BYTES), [lane ^ 7 for lane in range(WORD_BYTES)])
        word = builder.shuffle_vector(word, word, backwards)  # a byte of the mask begins with its highest bit
        turned = builder.bitcast(builder.icmp_signed("!=", word, _constant(word.type, 0)), INDEX)
        builder.store(turned, builder.bitcast(builder.gep(masks, [args[3]]), INDEX.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(code, types.int64, mask, types.int64), codegen
