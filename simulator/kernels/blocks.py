"""Accumulating blocks of 16 to 128 outputs in vector registers over all events of a row.

``out[o : o+width] = sum over e of value[e] * matrix[base + index[e] * stride : ... + width]``, e ascending. The loop is
emitted as LLVM vector code through ``numba.extending.intrinsic``: the outputs stay in registers, each event costs one load and
one multiply-add a vector. LLVM splits the 64-byte vectors for machines with narrower ones.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

VECTOR_BYTES = 64
INDEX = ir.IntType(64)


def _make_real_block(width: int, fused: bool) -> Any:
    """An intrinsic for float32 or float64; `fused` multiplies and adds with one rounding, else with two."""

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
            vector = ir.VectorType(element, lanes)
            fma = ir.FunctionType(vector, [vector] * 3)
            fma_name = f"llvm.fma.v{lanes}f{8 * size}"

            def multiply_add(spike: Any, weights: Any, total: Any) -> Any:
                if fused:
                    function = cgutils.get_or_insert_function(builder.module, fma, fma_name)
                    return builder.call(function, [spike, weights, total])
                return builder.fadd(total, builder.fmul(spike, weights))

            def load_spike(values: Any, event: Any) -> Any:
                return _splat(builder, builder.load(builder.gep(values, [event])), lanes)

            zero = ir.Constant(vector, [ir.Constant(element, 0.0)] * lanes)
            _emit_loop(
                context, builder, sig, args, _Block(width // lanes, lanes, size, vector, vector, zero, load_spike, multiply_add)
            )
            return context.get_dummy_value()

        return signature, codegen

    return block


def _make_shift_block(width: int) -> Any:
    """An intrinsic for int8 weights into int32: ``out += weight << shift`` per event; `value` holds the shifts as int32."""

    @intrinsic
    def block(
        _typing: Any, matrix: Any, base: Any, stride: Any, index: Any, value: Any, first: Any, last: Any, out: Any, at: Any
    ) -> Any:
        i64 = types.int64
        signature = types.void(matrix, i64, i64, index, value, i64, i64, out, i64)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lanes = VECTOR_BYTES // 4
            total_type, row_type = ir.VectorType(ir.IntType(32), lanes), ir.VectorType(ir.IntType(8), lanes)

            def shift_add(shift: Any, weights: Any, total: Any) -> Any:
                return builder.add(total, builder.shl(builder.sext(weights, total_type), shift))

            def load_shift(values: Any, event: Any) -> Any:
                return _splat(builder, builder.load(builder.gep(values, [event])), lanes)

            zero = ir.Constant(total_type, [ir.Constant(ir.IntType(32), 0)] * lanes)
            _emit_loop(
                context, builder, sig, args, _Block(width // lanes, lanes, 4, row_type, total_type, zero, load_shift, shift_add)
            )
            return context.get_dummy_value()

        return signature, codegen

    return block


class _Block:
    """What one flavour of block differs in: vectors, types, how a spike is loaded and combined."""

    def __init__(
        self, vectors: int, lanes: int, out_size: int, row_type: Any, total_type: Any, zero: Any, load_spike: Any, combine: Any
    ) -> None:
        self.vectors, self.lanes, self.out_size = vectors, lanes, out_size
        self.row_type, self.total_type, self.zero = row_type, total_type, zero
        self.load_spike, self.combine = load_spike, combine


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    vector = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


def _emit_loop(context: Any, builder: Any, sig: Any, args: Any, block: _Block) -> None:
    """The event loop: one phi a vector, stored to `out` after the last event. Rows are loaded unaligned."""
    _, base, stride, _, _, first, last, _, at = args
    matrices, indices, values, outs = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 3, 4, 7))
    row_size = max(block.row_type.element.width // 8, 1) if isinstance(block.row_type.element, ir.IntType) else block.out_size
    entry = builder.block
    head, body, done = (builder.append_basic_block(f"block_{part}") for part in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    event = builder.phi(INDEX)
    totals = [builder.phi(block.total_type) for _ in range(block.vectors)]
    builder.cbranch(builder.icmp_signed("<", event, last), body, done)

    builder.position_at_end(body)
    row = builder.sext(builder.load(builder.gep(indices, [event])), INDEX)
    spike = block.load_spike(values, event)
    start = builder.gep(matrices, [builder.add(base, builder.mul(row, stride))])
    updated = []
    for k, total in enumerate(totals):
        pointer = builder.bitcast(builder.gep(start, [ir.Constant(INDEX, k * block.lanes)]), block.row_type.as_pointer())
        updated.append(block.combine(spike, builder.load(pointer, align=row_size), total))
    following = builder.add(event, ir.Constant(INDEX, 1))
    tail = builder.block
    builder.branch(head)
    event.add_incoming(first, entry)
    event.add_incoming(following, tail)
    for total, new in zip(totals, updated, strict=True):
        total.add_incoming(block.zero, entry)
        total.add_incoming(new, tail)

    builder.position_at_end(done)
    for k, total in enumerate(totals):
        offset = builder.add(at, ir.Constant(INDEX, k * block.lanes))
        pointer = builder.bitcast(builder.gep(outs, [offset]), block.total_type.as_pointer())
        builder.store(total, pointer, align=block.out_size)


WIDTHS = (128, 64, 32, 16)
"""Block widths in outputs; a run of columns is cut greedily from the widest."""

fused_128, fused_64, fused_32, fused_16 = (_make_real_block(width, fused=True) for width in WIDTHS)
exact_128, exact_64, exact_32, exact_16 = (_make_real_block(width, fused=False) for width in WIDTHS)
shift_128, shift_64, shift_32, shift_16 = (_make_shift_block(width) for width in WIDTHS)
