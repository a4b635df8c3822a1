"""The inner functions of kernels, each in the fastest way that this machine has: vector code, else the plain loop.

What they compute is written down in `plain`; the two ways are tested against each other.
"""

from __future__ import annotations

from typing import Any

from synaptile.simulator.compiled import COMPILED, uncounted
from synaptile.simulator.kernels import machine, plain
from synaptile.simulator.kernels.vector import codes, columns, runs
from synaptile.simulator.kernels.vector import transpose as squares

COMPRESSES = COMPILED and machine.COMPRESSES

count_level: Any = codes.count_level if COMPILED else plain.count_level
count_levels: Any = codes.count_levels if COMPILED else plain.count_levels
count_between: Any = codes.count_between if COMPILED else plain.count_between
pack_row: Any = codes.pack_row if COMPILED else plain.pack_row
transpose: Any = squares.transpose if COMPILED else plain.transpose
centre_rows: Any = columns.centre_rows if COMPILED else plain.centre_rows
exponentiate_rows: Any = columns.exponentiate_rows if COMPILED else plain.exponentiate_rows
add_fused: Any = runs.add_fused if COMPILED else plain.add_exact
add_exact: Any = runs.add_exact if COMPILED else plain.add_exact
add_whole: Any = runs.add_whole if COMPILED else plain.add_whole
add_partial: Any = runs.add_partial if COMPILED else plain.add_partial
reset_codes: Any = codes.reset_codes if COMPRESSES else plain.reset_codes
list_codes: Any = (
    (codes.list_by_words if machine.COMPRESSES_BYTES else codes.list_by_registers) if COMPRESSES else plain.list_codes
)


@uncounted
def count_fired(row: Any) -> Any:
    """How many codes of a run are not zero."""
    return row.shape[0] - count_level(row, 0)


@uncounted
def count_groups(row: Any, bounds: Any, counts: Any) -> None:
    """How many codes of a row are not zero between channel bounds; bounds: (groups+1,) int64; counts: (groups,), written."""
    for g in range(counts.shape[0]):
        counts[g] = count_between(row, bounds[g], bounds[g + 1])
