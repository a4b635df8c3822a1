"""One vector register of float32 MT neurons: integrate, find the threshold reached, reset. AVX-512 looks tables up in a register.

The thresholds of both signs, up to eight each, fill a register; four look-ups find how many of them a membrane reaches. What is
compared, taken off and stored equals the loop over thresholds to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 16
"""Neurons of a register."""
MOST_LEVELS = 8
"""Thresholds a sign that fit the tables."""
_STEPS = (4, 2, 1)
"""By how many thresholds the search closes in."""
_WORD, _BYTE, _INDEX = ir.IntType(32), ir.IntType(8), ir.IntType(64)
_FLOATS, _WORDS, _BYTES = (ir.VectorType(element, LANES) for element in (ir.FloatType(), _WORD, _BYTE))


def make_tables(reach_up: NDArray[Any], reach_down: NDArray[Any], emitted: NDArray[Any]) -> NDArray[np.float32]:
    """What `fire_lanes` looks up, (5, 16) float32: upward levels in the first half of a row, downward ones in the second.

    Rows 0 to 2: the membrane to reach for 4, 2 and 1 levels more than a place counts; row 3: for the last level; row 4: the value
    of a spike. Levels that a site does not have are never reached.
    """
    n = len(reach_up)
    reach = np.full(2 * MOST_LEVELS + MOST_LEVELS, np.nan, np.float32)
    reach[:n], reach[MOST_LEVELS : MOST_LEVELS + n] = reach_up, reach_down
    value = np.zeros(2 * MOST_LEVELS, np.float32)
    value[:n], value[MOST_LEVELS : MOST_LEVELS + n] = emitted[n + 1 :], emitted[:n][::-1]
    further = [*(step - 1 for step in _STEPS), MOST_LEVELS - 1]
    return np.stack([*(reach[by : by + 2 * MOST_LEVELS] for by in further), value])


def _words(number: int) -> Any:
    return ir.Constant(_WORDS, [number] * LANES)


def _pointer(builder: Any, data: Any, at: Any, vector: Any) -> Any:
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


@intrinsic
def fire_lanes(_typing: Any, current: Any, at: Any, membrane: Any, place: Any, skip: Any, tables: Any, code: Any, to: Any) -> Any:
    """16 neurons: current[at :] is added to membrane[place :], code[to :] written; the first `skip` are left as they are.

    current, membrane: float32; tables: from `make_tables`, flat; code: int8.
    """
    i64 = types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        currents, membranes, rows, codes = (context.make_array(sig.args[i])(context, builder, args[i]).data for i in (0, 2, 5, 6))
        held, written = _pointer(builder, membranes, args[3], _FLOATS), _pointer(builder, codes, args[7], _BYTES)
        before = builder.load(held, align=4)
        total = builder.fadd(before, builder.load(_pointer(builder, currents, args[1], _FLOATS), align=4))
        table = [
            builder.load(_pointer(builder, rows, ir.Constant(_INDEX, LANES * row), _FLOATS), align=4)
            for row in range(len(_STEPS) + 2)
        ]
        bits = builder.bitcast(total, _WORDS)
        negative = builder.icmp_signed("<", bits, _words(0))
        size = builder.bitcast(builder.and_(bits, _words(0x7FFFFFFF)), _FLOATS)
        start = builder.select(negative, _words(MOST_LEVELS), _words(0))
        found = start
        for step, reach in zip(_STEPS, table, strict=False):
            reached = builder.fcmp_ordered(">=", size, _look_up(builder, reach, found))
            found = builder.select(reached, builder.add(found, _words(step)), found)
        reached = builder.fcmp_ordered(">=", size, _look_up(builder, table[len(_STEPS)], start))
        found = builder.select(reached, builder.add(found, _words(1)), found)
        level = builder.sub(found, start)
        fired = builder.icmp_signed(">", level, _words(0))
        spike = _look_up(builder, table[-1], builder.sub(found, _words(1)))
        nothing = ir.Constant(_FLOATS, [ir.Constant(ir.FloatType(), 0.0)] * LANES)
        after = builder.fsub(total, builder.select(fired, spike, nothing))
        signed = builder.trunc(builder.select(negative, builder.sub(_words(0), level), level), _BYTES)
        kept = _from(builder, args[4])
        builder.store(builder.select(kept, after, before), held, align=4)
        builder.store(builder.select(kept, signed, builder.load(written, align=1)), written, align=1)
        return context.get_dummy_value()

    return types.void(current, i64, membrane, i64, i64, tables, code, i64), codegen


def _look_up(builder: Any, table: Any, places: Any) -> Any:
    """table[places % 16], lane by lane."""
    kind = ir.FunctionType(_FLOATS, [_FLOATS, _WORDS])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.permvar.sf.512"), [table, places])


def _from(builder: Any, skip: Any) -> Any:
    """Lanes from `skip` on."""
    first = builder.insert_element(ir.Constant(_WORDS, ir.Undefined), builder.trunc(skip, _WORD), ir.Constant(_WORD, 0))
    bound = builder.shuffle_vector(first, ir.Constant(_WORDS, ir.Undefined), _words(0))
    return builder.icmp_signed(">=", ir.Constant(_WORDS, list(range(LANES))), bound)
