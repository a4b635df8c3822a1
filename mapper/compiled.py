"""Inner functions of loops over much memory: without reference counts, and memory asked for before it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from llvmlite import ir
from numba import config, njit, types
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

LINE_BYTES = 64


def inner(function: Function) -> Function:
    """`njit` for functions that neither make nor keep an array: counting who holds it takes longer than a short loop over it."""
    compiled: Any = njit  # whose stubs leave this option out
    made: Function = compiled(function, cache=True, _nrt=False)
    return made


@intrinsic
def _fetch(_typing: Any, array: Any, _at: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, data = ir.IntType(32), ir.IntType(8).as_pointer()
        place = builder.gep(context.make_array(signature.args[0])(context, builder, arguments[0]).data, [arguments[1]])
        request = builder.module.declare_intrinsic(
            "llvm.prefetch", [data], ir.FunctionType(ir.VoidType(), [data, word, word, word])
        )
        builder.call(request, [builder.bitcast(place, data), word(1), word(3), word(1)])  # to write or read, soon, data
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


def _nothing(array: Any, at: int) -> None:
    """What an interpreter does about it."""


fetch: Any = _nothing if config.DISABLE_JIT else _fetch  # type: ignore[attr-defined]  # set when numba is imported
"""``fetch(array, at)``: bring the cache line with the begin of an element near; any number will do, nothing is read."""


@inner
def prefetch(array: Any, first: int, last: int) -> None:
    """Bring these elements of a contiguous array to the cache."""
    for at in range(first, last, LINE_BYTES // array.itemsize):
        fetch(array, at)
