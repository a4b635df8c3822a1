"""Writing LLVM vector code: functions for kernels out of functions that emit them, and the pieces that these share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

INDEX, WORD, HALF, BYTE, BIT = (ir.IntType(bits) for bits in (64, 32, 16, 8, 1))


def emitted(result: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make a function for kernels of one that emits LLVM code; `result`: its Numba type.

    The emitting function takes the builder and what LLVM holds of each argument: of an array a pointer to its first element, of a
    whole number 64 bits, of a tuple a tuple of these.
    """

    def decorate(emit: Callable[..., Any]) -> Any:
        @wraps(emit)
        def typed(_typing: Any, *given: Any) -> Any:
            def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                made = emit(builder, *(_value(context, builder, *pair) for pair in zip(signature.args, arguments, strict=True)))
                return context.get_dummy_value() if result == types.void else made

            return result(*map(_taken_as, given)), codegen

        return intrinsic(typed)

    return decorate


def _taken_as(given: Any) -> Any:
    """Whole numbers of any width as 64 bits, all else as it is."""
    return types.int64 if isinstance(given, types.Integer) else types.boolean if isinstance(given, types.Boolean) else given


def _value(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    if isinstance(kind, types.BaseTuple):
        kinds: Any = kind  # numba's stubs leave out what it holds
        return tuple(_value(context, builder, each, builder.extract_value(value, at)) for at, each in enumerate(kinds))
    return context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value


def lanes_of(element: Any, size: int = 64) -> Any:
    """The register of `size` bytes that holds such elements."""
    return ir.VectorType(element, size // _bytes(element))


def constant(kind: Any, number: float) -> Any:
    """A number, or a register full of it."""
    return ir.Constant(kind, [number] * kind.count if isinstance(kind, ir.VectorType) else number)


def ascending(vector: Any) -> Any:
    """0, 1, 2, ..."""
    return ir.Constant(vector, list(range(vector.count)))


def picked(places: list[int]) -> Any:
    """Lanes for `shuffle_vector`."""
    return ir.Constant(ir.VectorType(WORD, len(places)), places)


def splat(builder: Any, scalar: Any, count: int) -> Any:
    """A register of `count` times one scalar."""
    nothing = ir.Constant(ir.VectorType(scalar.type, count), ir.Undefined)
    first = builder.insert_element(nothing, scalar, constant(WORD, 0))
    return builder.shuffle_vector(first, nothing, picked([0] * count))


def offset(builder: Any, at: Any, by: int) -> Any:
    """The place `by` elements further."""
    return builder.add(at, constant(INDEX, by))


def load(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    """A register from element `at` on."""
    return builder.load(_pointer(builder, data, at, vector), align=_bytes(data.type.pointee))


def store(builder: Any, value: Any, data: Any, at: Any) -> None:
    """Store a register to the elements from `at` on."""
    builder.store(value, _pointer(builder, data, at, value.type), align=_bytes(data.type.pointee))


def call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call an instruction by its LLVM name."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def from_lane(builder: Any, skip: Any, whole: Any) -> Any:
    """Which lanes of a register of whole numbers come from `skip` on."""
    return builder.icmp_signed(">=", ascending(whole), splat(builder, builder.trunc(skip, whole.element), whole.count))


def _pointer(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


def _bytes(element: Any) -> int:
    return 4 if isinstance(element, ir.FloatType) else 8 if isinstance(element, ir.DoubleType) else element.width // 8
