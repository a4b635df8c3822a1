"""One vector register of float32 MT neurons: integrate, find the threshold reached, reset. AVX-512 looks tables up in a register.

The thresholds of both signs, up to eight each, fill a register; four look-ups find how many of them a membrane reaches. What is
compared, taken off and stored equals the loop over thresholds to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels.dispatch import count_groups
from synaptile.simulator.kernels.machine import LANES
from synaptile.simulator.kernels.vector.codes import MOST_LEVELS, count_levels
from synaptile.simulator.kernels.vector.emit import BYTE, INDEX, WORD, call, constant, emitted, from_lane, load, store

_STEPS = (4, 2, 1)
"""By how many thresholds the search closes in."""
_FLOATS, _WORDS, _BYTES = (ir.VectorType(element, LANES) for element in (ir.FloatType(), WORD, BYTE))


def make_tables(reach_up: NDArray[Any], reach_down: NDArray[Any], emitted: NDArray[Any]) -> NDArray[np.float32]:
    """What `_fire_lanes` looks up, (5, 16) float32: upward levels in the first half of a row, downward ones in the second.

    Rows 0 to 2: the membrane to reach for 4, 2 and 1 levels more than a place counts; row 3: for the last level; row 4: the value
    of a spike. Levels that a site does not have are never reached.
    """
    n = len(emitted) // 2
    reach = np.full(2 * MOST_LEVELS + MOST_LEVELS, np.nan, np.float32)
    reach[:n], reach[MOST_LEVELS : MOST_LEVELS + n] = reach_up[:n], reach_down[:n]
    value = np.zeros(2 * MOST_LEVELS, np.float32)
    value[:n], value[MOST_LEVELS : MOST_LEVELS + n] = emitted[n + 1 :], emitted[:n][::-1]
    further = [*(step - 1 for step in _STEPS), MOST_LEVELS - 1]
    return np.stack([*(reach[by : by + 2 * MOST_LEVELS] for by in further), value])


@emitted(types.void)
def _fire_lanes(
    builder: Any, current: Any, at: Any, membrane: Any, place: Any, skip: Any, tables: Any, codes: Any, to: Any
) -> None:
    """16 neurons: current[at :] is added to membrane[place :], codes[to :] written; the first `skip` are left as they are.

    current, membrane: float32; tables: from `make_tables`, flat; codes: int8.
    """

    def words(number: int) -> Any:
        return constant(_WORDS, number)

    def look_up(table: int, places: Any) -> Any:
        row = load(builder, tables, constant(INDEX, LANES * table), _FLOATS)
        return call(builder, "llvm.x86.avx512.permvar.sf.512", _FLOATS, row, places)

    before, written = load(builder, membrane, place, _FLOATS), load(builder, codes, to, _BYTES)
    total = builder.fadd(before, load(builder, current, at, _FLOATS))
    bits = builder.bitcast(total, _WORDS)
    negative = builder.icmp_signed("<", bits, words(0))
    size = builder.bitcast(builder.and_(bits, words(0x7FFFFFFF)), _FLOATS)
    start = place_of = builder.select(negative, words(MOST_LEVELS), words(0))
    for table, (step, looked_up) in enumerate([*((step, True) for step in _STEPS), (1, False)]):
        reached = builder.fcmp_ordered(">=", size, look_up(table, place_of if looked_up else start))
        place_of = builder.select(reached, builder.add(place_of, words(step)), place_of)
    level = builder.sub(place_of, start)
    fired = builder.icmp_signed(">", level, words(0))
    spike = look_up(len(_STEPS) + 1, builder.sub(place_of, words(1)))
    after = builder.fsub(total, builder.select(fired, spike, constant(_FLOATS, 0.0)))
    signed = builder.trunc(builder.select(negative, builder.sub(words(0), level), level), _BYTES)
    kept = from_lane(builder, skip, _WORDS)
    store(builder, builder.select(kept, after, before), membrane, place)
    store(builder, builder.select(kept, signed, written), codes, to)


@uncounted
def fire_row(current: Any, start: int, r: int, row: Any, tables: Any, bounds: Any, events: Any, tallies: Any) -> None:
    """As `fire._fire_row` with the tables of `make_tables`; tallies: (rows, steps, 16) int32."""
    rows, width = tallies.shape[0], row.shape[0]
    whole = width // LANES * LANES
    for t in range(tallies.shape[1]):
        at = t * rows + r
        read, codes = current[at], events.codes[at]
        for c in range(0, whole, LANES):
            _fire_lanes(read, start + c, row, c, 0, tables, codes, c)
        if whole < width:  # the last register overlaps the one before
            last = width - LANES
            _fire_lanes(read, start + last, row, last, whole - last, tables, codes, last)
    for t in range(tallies.shape[1]):  # not above: codes just written would be waited for
        codes = events.codes[t * rows + r]
        count_groups(codes, bounds, events.counts[t * rows + r])
        count_levels(codes, tallies[r, t])
