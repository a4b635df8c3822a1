"""Accumulating blocks of 16 to 64 outputs in vector registers over a run of events.

``out[at : at+width] += sum over e of value[e] * matrix[base + index[e]*stride :][:width]``, e ascending. The loop is emitted
as LLVM vector code through ``numba.extending.intrinsic``: the outputs stay in registers, each event costs one load and one
multiply-add a vector. LLVM splits the 64-byte vectors for machines with narrower ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from simulator.kernels import machine

VECTOR_BYTES = 64
INDEX = ir.IntType(64)


class _Flavour(NamedTuple):
    """How blocks differ in arithmetic.

    `fused` multiplies and adds with one rounding where the machine has such an instruction, else with two. `whole` sums from
    zero and adds the sum, a whole number in a float, to an int32 output; else the sum goes on from the output and returns to it.
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


def _make_block(width: int, flavour: _Flavour) -> Any:
    """An intrinsic for float32 or float64 matrices."""

    @intrinsic
    def block(
        _typing: Any, matrix: Any, base: Any, stride: Any, index: Any, value: Any, first: Any, last: Any, out: Any, at: Any
    ) -> Any:
        i64 = types.int64
        signature = types.void(matrix, i64, i64, index, value, i64, i64, out, i64)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = context.get_value_type(sig.args[0].dtype)
            size = 4 if isinstance(element, ir.FloatType) else 8
            lanes = VECTOR_BYTES // size
            block_types = _Types(element, lanes, width // lanes, ir.VectorType(element, lanes), size)
            matrices, indices, values, outs = (
                context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 3, 4, 7)
            )
            start = builder.gep(matrices, [args[1]])
            targets = [_vector_at(builder, outs, args[8], k, block_types) for k in range(block_types.vectors)]
            begin = [_zero(block_types) if flavour.whole else builder.load(t, align=size) for t in targets]
            rows = (indices, values, start, args[2])
            totals = _emit_loop(builder, rows, (args[5], args[6]), begin, _multiply_add(builder, flavour, block_types))
            _store(builder, flavour, block_types, totals, targets)
            return context.get_dummy_value()

        return signature, codegen

    return block


def _zero(t: _Types) -> Any:
    return ir.Constant(t.vector, [ir.Constant(t.element, 0.0)] * t.lanes)


def _vector_at(builder: Any, outs: Any, at: Any, k: int, t: _Types) -> Any:
    """Pointer to vector k of the outputs, as the type that `outs` holds."""
    held = ir.VectorType(outs.type.pointee, t.lanes)
    return builder.bitcast(builder.gep(outs, [builder.add(at, ir.Constant(INDEX, k * t.lanes))]), held.as_pointer())


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
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


def _emit_loop(
    builder: Any, rows: Any, run: Any, begin: list[Any], step: Callable[[Any, Any, list[Any]], list[Any]]
) -> list[Any]:
    """The event loop, one phi a vector; leaves the builder after it and returns the totals."""
    (indices, values, start, stride), (first, last) = rows, run
    entry = builder.block
    head, body, done = (builder.append_basic_block(f"block_{part}") for part in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    event = builder.phi(INDEX)
    totals = [builder.phi(vector.type) for vector in begin]
    builder.cbranch(builder.icmp_signed("<", event, last), body, done)

    builder.position_at_end(body)
    row = builder.sext(builder.load(builder.gep(indices, [event])), INDEX)
    spike = builder.load(builder.gep(values, [event]))
    updated = step(spike, builder.gep(start, [builder.mul(row, stride)]), totals)
    following = builder.add(event, ir.Constant(INDEX, 1))
    builder.branch(head)
    event.add_incoming(first, entry)
    event.add_incoming(following, body)
    for total, before, after in zip(totals, begin, updated, strict=True):
        total.add_incoming(before, entry)
        total.add_incoming(after, body)
    builder.position_at_end(done)
    return totals


def _store(builder: Any, flavour: _Flavour, t: _Types, totals: list[Any], targets: list[Any]) -> None:
    for total, target in zip(totals, targets, strict=True):
        if flavour.whole:
            sums = builder.fptosi(total, target.type.pointee)
            builder.store(builder.add(builder.load(target, align=4), sums), target, align=4)
        else:
            builder.store(total, target, align=t.size)


WIDTHS = (64, 32, 16)
"""Block widths in outputs; a run of columns is cut greedily from the widest."""

fused_64, fused_32, fused_16 = (_make_block(width, _Flavour(fused=True, whole=False)) for width in WIDTHS)
exact_64, exact_32, exact_16 = (_make_block(width, _Flavour(fused=False, whole=False)) for width in WIDTHS)
whole_64, whole_32, whole_16 = (_make_block(width, _Flavour(fused=True, whole=True)) for width in WIDTHS)
