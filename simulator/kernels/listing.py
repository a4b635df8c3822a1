"""Spikes from codes, a vector register at a time: what each is worth, the soft reset, lists and counts of those that fired.

A code c stands for ``theta1 * 2**(c-1)`` where positive, ``-theta2 * 2**(-c-1)`` where negative, none where 0. The value is
built from the exponent, so no table is looked up, and a list is compressed by AVX-512's instruction for it. On machines
without that instruction the same functions go neuron by neuron, to the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, njit, prange

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.kernels import lanes, machine

COMPILED = not config.DISABLE_JIT  # type: ignore[attr-defined]  # set when numba is imported
ROOM = 64
"""Events beyond the last that a list must have room for: registers are stored whole."""
WORD_BYTES = lanes.WORD_BYTES
REGISTER_BYTES = 64
COUNTED = 0xFFFFFFFF
ALL, UP, DOWN = 0, 1, -1
"""Which spikes are listed: all, those of positive codes, those of negative ones."""

_count_word: Any = lanes.count_word
_count_levels_word: Any = lanes.count_levels_word
_pack_word: Any = lanes.pack_word
_reset_lanes: Any = lanes.reset_lanes
_list_all_word: Any = lanes.list_all_word
_list_up_word: Any = lanes.list_up_word
_list_down_word: Any = lanes.list_down_word
_list_all_lanes, _list_up_lanes, _list_down_lanes = lanes.list_all_lanes, lanes.list_up_lanes, lanes.list_down_lanes


@uncounted
def _count_each(code: Any, level: int) -> Any:
    found = 0
    for c in range(code.shape[0]):
        found += int(code[c] == level)
    return found


@uncounted
def _count_words(code: Any, level: int) -> Any:
    width = code.shape[0]
    if width < WORD_BYTES:
        return _count_each(code, level)
    found, at = 0, 0
    while at + WORD_BYTES <= width:
        found += _count_word(code, at, level, 0)
        at += WORD_BYTES
    if at < width:  # the last word overlaps the one before
        found += _count_word(code, width - WORD_BYTES, level, at - (width - WORD_BYTES))
    return found


count_level = _count_words if COMPILED else _count_each
"""How many codes of a run equal `level`."""


@uncounted
def _count_between_each(code: Any, first: int, last: int) -> Any:
    found = 0
    for c in range(first, last):
        found += int(code[c] != 0)
    return found


@uncounted(inline="always")
def _count_between_words(code: Any, first: int, last: int) -> Any:
    silent, at = 0, first
    while at + WORD_BYTES <= last:
        silent += _count_word(code, at, 0, 0)
        at += WORD_BYTES
    if at == last:
        return last - first - silent
    if last < WORD_BYTES:
        return at - first - silent + _count_between_each(code, at, last)
    overlap = last - WORD_BYTES
    return last - first - silent - _count_word(code, overlap, 0, at - overlap)


@uncounted
def count_levels(code: Any, tally: Any) -> None:
    """How many codes of a row are 1 to 8 and -1 to -8; code: int8, at least 64; tally: (16,) int32, written. Compiled only."""
    width = code.shape[0]
    _count_levels_word(code, 0, 0, tally, True)
    at = WORD_BYTES
    while at + WORD_BYTES <= width:
        _count_levels_word(code, at, 0, tally, False)
        at += WORD_BYTES
    if at < width:
        _count_levels_word(code, width - WORD_BYTES, at - (width - WORD_BYTES), tally, False)


count_between = _count_between_words if COMPILED else _count_between_each
"""How many codes among first : last are not zero."""


@uncounted
def count_fired(code: Any) -> Any:
    """How many codes of a run are not zero."""
    return code.shape[0] - count_level(code, 0)


@uncounted
def count_groups(code: Any, bounds: Any, found: Any) -> None:
    """How many codes of a row are not zero between channel bounds; bounds: (groups+1,) int64; found: (groups,), written."""
    for g in range(found.shape[0]):
        found[g] = count_between(code, bounds[g], bounds[g + 1])


@uncounted
def _pack_row(row: Any, packed: Any) -> None:
    width = row.shape[0]
    whole = width // WORD_BYTES * WORD_BYTES
    for at in range(0, whole, WORD_BYTES):
        _pack_word(row, at, packed, at // 8)
    for at in range(whole, width, 8):
        bits = 0
        for c in range(at, min(at + 8, width)):
            bits |= int(row[c] != 0) << (7 - c % 8)
        packed[at // 8] = bits


@njit(cache=True, nogil=True, parallel=True)
def pack_fired(code: Any, mask: Any) -> None:
    """What `numpy.packbits` makes of ``code != 0``; code: (rows, width) int8; mask: (rows, ceil(width / 8)) uint8, written."""
    for r in prange(code.shape[0]):
        _pack_row(code[r], mask[r])


@uncounted
def reset_each(code: Any, emitted: Any, membrane: Any) -> Any:
    """As `reset_codes`, neuron by neuron."""
    middle, met, nonzero = emitted.shape[0] // 2, 0, 0
    for c in range(code.shape[0]):
        membrane[c] -= emitted[np.int64(code[c]) + middle]
        met += int(code[c] != 0)
        nonzero += int(membrane[c] != 0)
    return met, nonzero


@uncounted
def _reset_registers(code: Any, emitted: Any, membrane: Any) -> Any:
    width, lanes_each = code.shape[0], REGISTER_BYTES // emitted.itemsize
    if width < lanes_each:
        return reset_each(code, emitted, membrane)
    at, middle, found = 0, emitted.shape[0] // 2, 0
    while at + lanes_each <= width:
        found += _reset_lanes(code, at, 0, emitted, middle, membrane)
        at += lanes_each
    if at < width:
        last = width - lanes_each
        found += _reset_lanes(code, last, at - last, emitted, middle, membrane)
    return found & COUNTED, found >> 32


@uncounted
def _list_rest(code: Any, at: int, last: int, first: int, which: int, emitted: Any, index: Any, value: Any, event: int) -> Any:
    """`list_each` for neurons at : last of a run that begins at `first`."""
    middle = emitted.shape[0] // 2
    for c in range(at, last):
        level = np.int64(code[c])
        index[event] = c - first
        value[event] = emitted[level + middle]
        event += int(level * which > 0 if which else level != 0)
    return event


@uncounted
def list_each(code: Any, first: int, last: int, which: int, emitted: Any, index: Any, value: Any, event: int) -> Any:
    """As `list_codes`, neuron by neuron."""
    return _list_rest(code, first, last, first, which, emitted, index, value, event)


@uncounted
def _list_register(
    code: Any, at: int, skip: int, first: int, which: int, emitted: Any, index: Any, value: Any, event: int
) -> Any:
    middle = emitted.shape[0] // 2
    if which == 0:
        return event + _list_all_lanes(code, at, skip, first, emitted, middle, index, value, event)
    if which > 0:
        return event + _list_up_lanes(code, at, skip, first, emitted, middle, index, value, event)
    return event + _list_down_lanes(code, at, skip, first, emitted, middle, index, value, event)


@uncounted
def _list_registers(code: Any, first: int, last: int, which: int, emitted: Any, index: Any, value: Any, event: int) -> Any:
    lanes_each = REGISTER_BYTES // emitted.itemsize
    at = first
    while at + lanes_each <= last:
        event = _list_register(code, at, 0, first, which, emitted, index, value, event)
        at += lanes_each
    if at < last:
        if last >= lanes_each:  # the last register overlaps what lies before
            overlap = last - lanes_each
            return _list_register(code, overlap, at - overlap, first, which, emitted, index, value, event)
        return _list_rest(code, at, last, first, which, emitted, index, value, event)
    return event


@uncounted(inline="always")
def _list_word(code: Any, at: int, skip: int, first: int, which: int, emitted: Any, index: Any, value: Any, event: int) -> Any:
    middle = emitted.shape[0] // 2
    if which == 0:
        return event + _list_all_word(code, at, skip, first, emitted, middle, index, value, event)
    if which > 0:
        return event + _list_up_word(code, at, skip, first, emitted, middle, index, value, event)
    return event + _list_down_word(code, at, skip, first, emitted, middle, index, value, event)


@uncounted(inline="always")
def _list_words(code: Any, first: int, last: int, which: int, emitted: Any, index: Any, value: Any, event: int) -> Any:
    at = first
    while at + WORD_BYTES <= last:
        event = _list_word(code, at, 0, first, which, emitted, index, value, event)
        at += WORD_BYTES
    if at < last:
        if last >= WORD_BYTES:  # the last word overlaps what lies before
            overlap = last - WORD_BYTES
            return _list_word(code, overlap, at - overlap, first, which, emitted, index, value, event)
        return _list_rest(code, at, last, first, which, emitted, index, value, event)
    return event


reset_codes = _reset_registers if machine.COMPRESSES and COMPILED else reset_each
"""Take from the membranes of one row what their spikes are worth.

code, membrane: (width,); emitted: value by code, (2n+1,). Returns how many spiked, and how many membranes are not zero then.
"""
list_codes = (_list_words if machine.COMPRESSES_BYTES else _list_registers) if machine.COMPRESSES and COMPILED else list_each
"""List the spikes among neurons first : last, from `event` on: neurons, counted from `first`, to `index`, worth to `value`.

code: int8, one row or several taken flat; index: int32 or uint16; value: floats, or uint8 where powers of two are listed. `which`
are listed: ALL, UP or DOWN. Both lists need ROOM beyond their last event. Returns the event after the last.
"""
