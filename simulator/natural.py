"""Indices that are no negative numbers: for those Python counts from the end, which takes a test per access in a hot loop."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from synaptile.simulator.compiled import COMPILED
from synaptile.simulator.kernels.vector.emit import BIT, INDEX, constant, emitted


@emitted(types.int64)
def _natural(builder: Any, number: Any) -> Any:
    """The number itself, which the compiler may now take for natural: what it then makes of a negative one is undefined."""
    kind = ir.FunctionType(ir.VoidType(), [BIT])
    assume = builder.module.declare_intrinsic("llvm.assume", (), kind)
    builder.call(assume, [builder.icmp_signed(">=", number, constant(INDEX, 0))])
    return number


def _checked(number: int) -> int:
    assert number >= 0, number
    return number


natural: Any = _natural if COMPILED else _checked
