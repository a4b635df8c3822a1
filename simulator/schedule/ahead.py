"""Asking for memory before it is needed: a schedule walks through more of it than any cache holds, in an order it knows early."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from synaptile.simulator.compiled import COMPILED
from synaptile.simulator.kernels.vector.emit import BYTE, WORD, constant, emitted


@emitted(types.void)
def _fetch(builder: Any, rows: Any, at: Any) -> None:
    """Bring the cache line with the begin of row `at` of a one-dimensional array near; any number will do, nothing is read."""
    place = builder.bitcast(builder.gep(rows, [at]), BYTE.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), WORD, WORD, WORD])
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [BYTE.as_pointer()], kind)
    builder.call(prefetch, [place, constant(WORD, 1), constant(WORD, 3), constant(WORD, 1)])


def _nothing(rows: Any, at: int) -> None:
    """What `fetch` is without a compiler."""


fetch: Any = _fetch if COMPILED else _nothing
