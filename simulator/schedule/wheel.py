"""A timing wheel: the events of the next cycles in a list per cycle, those further off in a binary heap.

Adding an event and taking the first one cost the same however many wait: most happen within a few hundred cycles.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.heaps import pop_event, push_event
from synaptile.simulator.natural import natural
from synaptile.simulator.schedule.fabric import NEVER

SLOTS = 1 << 14
"""Cycles that the wheel spans."""

BLOCK = 64
"""Slots that are passed over together where none holds an event."""


class At(IntEnum):
    """Places in `Wheel.totals`: the cycle taken last, that of the next event, a free entry, events in slots and in the heap."""

    NOW = 0
    NEXT = 1
    FREE = 2
    NEAR = 3
    LATE = 4


class Wheel(NamedTuple):
    """Events are numbers, in order of cycle and number; entries (`key`, `following`) have shape (events,).

    Slot ``cycle % SLOTS`` holds the events of one cycle of the span that begins at the last cycle taken: `first` (SLOTS,) of a
    list of entries, -1 where none; `filled` counts slots of a block that hold any. The heap is `late_time`, `late_key`. `batch`
    holds the events of the cycle that was taken.
    """

    first: Int32
    filled: Int32
    key: Int64
    following: Int32
    late_time: Int64
    late_key: Int64
    batch: Int64
    totals: Int64


def empty_wheel(events: int) -> Wheel:
    """A wheel for up to `events` at once, at cycle 0."""
    key, late_time, late_key, batch = np.zeros((4, events), np.int64)
    following = np.arange(1, events + 1, dtype=np.int32)
    first, filled = np.full(SLOTS, -1, np.int32), np.zeros(SLOTS // BLOCK, np.int32)
    return Wheel(first, filled, key, following, late_time, late_key, batch, np.array([0, NEVER, 0, 0, 0], np.int64))


@uncounted(forceinline=True)
def add(wheel: Wheel, when: int, what: int) -> None:
    """Add an event, no earlier than the cycle taken last."""
    totals = wheel.totals
    totals[At.NEXT] = min(totals[At.NEXT], when)
    if when >= totals[At.NOW] + SLOTS:
        push_event(wheel.late_time, wheel.late_key, totals[At.LATE], when, what)
        totals[At.LATE] += 1
    else:
        _place(wheel, when, what)


@uncounted(forceinline=True)
def _place(wheel: Wheel, when: int, what: int) -> None:
    totals, slot = wheel.totals, when & (SLOTS - 1)
    entry, before = natural(totals[At.FREE]), wheel.first[natural(slot)]
    totals[At.FREE] = wheel.following[entry]
    wheel.key[entry], wheel.following[entry], wheel.first[natural(slot)] = what, before, entry
    if before < 0:
        wheel.filled[natural(slot // BLOCK)] += 1
    totals[At.NEAR] += 1


@uncounted(forceinline=True)
def take(wheel: Wheel, done: int, count: int) -> int:
    """Move the events of the next cycle into the batch, behind the `count` events there; returns how many it then holds.

    Those behind the first `done` are in order. The next cycle is then a later one, or NEVER.
    """
    totals, batch = wheel.totals, wheel.batch
    now = totals[At.NOW] = totals[At.NEXT]
    while totals[At.LATE] > 0 and wheel.late_time[0] < now + SLOTS:
        _place(wheel, wheel.late_time[0], wheel.late_key[0])
        pop_event(wheel.late_time, wheel.late_key, totals[At.LATE])
        totals[At.LATE] -= 1
    slot = natural(now & (SLOTS - 1))
    entry, end = wheel.first[slot], count
    while entry >= 0:
        batch[natural(end)] = wheel.key[natural(entry)]
        end += 1
        at = natural(entry)
        wheel.following[at], totals[At.FREE], entry = totals[At.FREE], at, wheel.following[at]
    wheel.first[slot] = -1
    wheel.filled[slot // BLOCK] -= 1
    totals[At.NEAR] -= end - count
    for i in range((end - count) // 2):  # a list holds the latest first, and many come in order
        low, high = natural(count + i), natural(end - 1 - i)
        batch[low], batch[high] = batch[high], batch[low]
    for i in range(max(done + 1, count), end):
        what, to = batch[natural(i)], i
        while to > done and batch[natural(to - 1)] > what:
            batch[natural(to)] = batch[natural(to - 1)]
            to -= 1
        batch[natural(to)] = what
    totals[At.NEXT] = _following(wheel, now)
    return end


@uncounted(forceinline=True)
def _following(wheel: Wheel, now: int) -> int:
    """The first cycle after `now` that has an event."""
    if wheel.totals[At.NEAR] == 0:
        found: int = wheel.late_time[0] if wheel.totals[At.LATE] > 0 else NEVER
        return found
    cycle = now + 1
    while wheel.first[natural(cycle & (SLOTS - 1))] < 0:
        cycle += 1
        while cycle % BLOCK == 0 and wheel.filled[natural((cycle & (SLOTS - 1)) // BLOCK)] == 0:
            cycle += BLOCK
    return cycle
