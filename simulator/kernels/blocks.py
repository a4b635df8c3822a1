"""Accumulating 16 to 128 outputs in vector registers over a run of events.

``out[at : at+width] += sum over e of value[e] * matrix[width * row[e] :][:width]``, e ascending, in fours. The loop is emitted
as LLVM vector code through ``numba.extending.intrinsic``: the outputs stay in registers, an event costs a load and a multiply-add
a vector, one load of its value and a quarter of one of its row. LLVM splits the 64-byte vectors for machines with narrower ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from synaptile.simulator.kernels import machine

VECTOR_BYTES = 64
LANE = 16
"""Widths of blocks are multiples of it."""
EVENTS_AT_ONCE = 4
"""A run's length is a multiple of it; four rows of 16 bits are loaded as one word."""
INDEX, ROW, WORD = ir.IntType(64), ir.IntType(16), ir.IntType(32)


class _Flavour(NamedTuple):
    """How blocks differ in arithmetic.

    `fused` multiplies and adds with one rounding where the machine has such an instruction, else with two. `whole` sums from
    zero and adds the sum, a whole number in a float, to an int32 output; else the sum goes on from the output, or from zero where
    it is fresh, and returns to it.
    """

    fused: bool
    whole: bool


class _Types(NamedTuple):
    """Types of one block: `lanes` elements a vector, `size` bytes each, `vectors` of them."""

    element: Any
    lanes: int
    vectors: int
    vector: Any
    size: int


class _Operands(NamedTuple):
    """Pointers to the elements of a block's arrays, where its run and its outputs lie, and whether these are unset."""

    matrix: Any
    row: Any
    value: Any
    out: Any
    first: Any
    last: Any
    at: Any
    fresh: Any


def _make_block(flavour: _Flavour) -> Any:
    """An intrinsic for float32 or float64 matrices: ``block(matrix, row, value, first, last, out, at, width, fresh)``.

    row: uint16; events are first : last; width: a multiple of 16 up to PANEL, one loop for each.
    """

    @intrinsic
    def block(
        _typing: Any, matrix: Any, row: Any, value: Any, first: Any, last: Any, out: Any, at: Any, width: Any, fresh: Any
    ) -> Any:
        i64 = types.int64
        signature = types.void(matrix, row, value, i64, i64, out, i64, i64, types.boolean)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            weights, rows, values, outs = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 1, 2, 5))
            operands = _Operands(weights, rows, values, outs, args[3], args[4], args[6], args[8])
            done = builder.append_basic_block("block_done")
            choice = builder.switch(args[7], done)
            for wide in range(LANE, machine.PANEL + 1, LANE):
                choice.add_case(ir.Constant(INDEX, wide), case := builder.append_basic_block(f"block_{wide}"))
                builder.position_at_end(case)
                _emit_block(builder, operands, wide, flavour)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        return signature, codegen

    return block


def _emit_block(builder: Any, operands: _Operands, width: int, flavour: _Flavour) -> None:
    element = operands.matrix.type.pointee
    size = 4 if isinstance(element, ir.FloatType) else 8
    lanes = VECTOR_BYTES // size
    t = _Types(element, lanes, width // lanes, ir.VectorType(element, lanes), size)
    targets = [_vector_at(builder, operands, k, t) for k in range(t.vectors)]
    begin = [_zero(t)] * t.vectors
    if not flavour.whole:
        begin = [builder.select(operands.fresh, _zero(t), builder.load(target, align=size)) for target in targets]
    totals = _emit_loop(builder, operands, width, begin, _multiply_add(builder, flavour, t))
    _store(builder, flavour, t, totals, targets)


def _zero(t: _Types) -> Any:
    return ir.Constant(t.vector, [ir.Constant(t.element, 0.0)] * t.lanes)


def _vector_at(builder: Any, operands: _Operands, k: int, t: _Types) -> Any:
    """Pointer to vector k of the outputs, as the type that they are held in."""
    held = ir.VectorType(operands.out.type.pointee, t.lanes)
    place = builder.add(operands.at, ir.Constant(INDEX, k * t.lanes))
    return builder.bitcast(builder.gep(operands.out, [place]), held.as_pointer())


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(WORD, 0))
    mask = ir.Constant(ir.VectorType(WORD, lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _multiply_add(builder: Any, flavour: _Flavour, t: _Types) -> Callable[[Any, Any, list[Any]], list[Any]]:
    """What one event does: the spike's value, the pointer to its row and the totals give the new totals."""
    fma = ir.FunctionType(t.vector, [t.vector] * 3)

    def step(spike: Any, row: Any, totals: list[Any]) -> list[Any]:
        value, updated = _splat(builder, spike, t.lanes), []
        for k, total in enumerate(totals):
            pointer = builder.bitcast(builder.gep(row, [ir.Constant(INDEX, k * t.lanes)]), t.vector.as_pointer())
            weights = builder.load(pointer, align=t.size)
            if flavour.fused and machine.HAS_FMA:
                function = cgutils.get_or_insert_function(builder.module, fma, f"llvm.fma.v{t.lanes}f{8 * t.size}")
                updated.append(builder.call(function, [value, weights, total]))
            else:
                updated.append(builder.fadd(total, builder.fmul(value, weights)))
        return updated

    return step


def rows_of_four(builder: Any, rows: Any, event: Any) -> list[Any]:
    """The rows of four events from `event` on, loaded as one word; rows: pointer to uint16."""
    word = builder.load(builder.bitcast(builder.gep(rows, [event]), INDEX.as_pointer()), align=2)
    places = range(EVENTS_AT_ONCE) if machine.LITTLE_ENDIAN else reversed(range(EVENTS_AT_ONCE))
    low = ir.Constant(INDEX, 0xFFFF)
    return [builder.and_(builder.lshr(word, ir.Constant(INDEX, 16 * place)), low) for place in places]


def _emit_loop(
    builder: Any, operands: _Operands, width: int, begin: list[Any], step: Callable[[Any, Any, list[Any]], list[Any]]
) -> list[Any]:
    """The event loop, one phi a vector; leaves the builder after it and returns the totals."""
    entry = builder.block
    head, body, done = (builder.append_basic_block(f"block_{width}_{part}") for part in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    event = builder.phi(INDEX)
    totals = [builder.phi(vector.type) for vector in begin]
    builder.cbranch(builder.icmp_signed("<", event, operands.last), body, done)

    builder.position_at_end(body)
    updated = totals
    for place, row in enumerate(rows_of_four(builder, operands.row, event)):
        spike = builder.load(builder.gep(operands.value, [builder.add(event, ir.Constant(INDEX, place))]))
        start = builder.gep(operands.matrix, [builder.mul(row, ir.Constant(INDEX, width))])
        updated = step(spike, start, updated)
    following = _opaque(builder, builder.add(event, ir.Constant(INDEX, EVENTS_AT_ONCE)))
    builder.branch(head)
    event.add_incoming(operands.first, entry)
    event.add_incoming(following, body)
    for total, before, after in zip(totals, begin, updated, strict=True):
        total.add_incoming(before, entry)
        total.add_incoming(after, body)
    builder.position_at_end(done)
    return totals


def _opaque(builder: Any, number: Any) -> Any:
    """The same number, unknown to the compiler, which would unroll the loop and pay for the events left over."""
    nothing = ir.InlineAsm(ir.FunctionType(INDEX, [INDEX]), "", "=r,0", side_effect=False)
    return builder.call(nothing, [number])


def _store(builder: Any, flavour: _Flavour, t: _Types, totals: list[Any], targets: list[Any]) -> None:
    for total, target in zip(totals, targets, strict=True):
        if flavour.whole:
            sums = builder.fptosi(total, target.type.pointee)
            builder.store(builder.add(builder.load(target, align=4), sums), target, align=4)
        else:
            builder.store(total, target, align=t.size)


@intrinsic
def add_lane(_typing: Any, sums: Any, at: Any, bias: Any, column: Any, out: Any, to: Any, first: Any, last: Any) -> Any:
    """out[to : to+16] = (0 if first, else what it was) + sums[at : at+16] + (bias[column : column+16] if last, else 0)."""
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        held, biases, outs = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2, 4))
        size = 4 if isinstance(held.type.pointee, ir.FloatType) else 8
        vector = ir.VectorType(held.type.pointee, LANE)
        zero = ir.Constant(vector, [ir.Constant(vector.element, 0.0)] * LANE)
        own, shift, target = (
            builder.bitcast(builder.gep(data, [place]), vector.as_pointer())
            for data, place in ((held, args[1]), (biases, args[3]), (outs, args[5]))
        )
        before = builder.select(args[6], zero, builder.load(target, align=size))
        added = builder.select(args[7], builder.load(shift, align=size), zero)
        total = builder.fadd(builder.fadd(before, builder.load(own, align=size)), added)
        builder.store(total, target, align=size)
        return context.get_dummy_value()

    return types.void(sums, i64, bias, i64, out, i64, types.boolean, types.boolean), codegen


fused, exact, whole = (_make_block(_Flavour(fused, whole)) for fused, whole in ((True, False), (False, False), (True, True)))
