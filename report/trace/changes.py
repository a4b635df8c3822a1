"""Step functions of time: how many jobs or flits wait, whether something is busy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synaptile.foundation.types import Int64


@dataclass(frozen=True)
class Changes:
    """From `cycle` on, `track` has `value`. Columns have shape (changes,), sorted by track, then cycle; each is a change."""

    track: Int64
    cycle: Int64
    value: Int64


def level(track: NDArray[np.integer], start: Int64, end: Int64, weight: NDArray[np.integer] | None = None) -> Changes:
    """Sum of the weights (1 by default) of the stretches ``start:end`` of each track that hold a cycle; 0 before the first."""
    amount = np.ones(start.size, np.int64) if weight is None else weight.astype(np.int64)
    lasting = end > start
    tracks = np.tile(track[lasting].astype(np.int64), 2)
    cycles = np.concatenate([start[lasting], end[lasting]])
    return running(tracks, cycles, np.concatenate([amount[lasting], -amount[lasting]]))


def running(track: NDArray[np.integer], cycle: Int64, amount: NDArray[np.integer]) -> Changes:
    """Running sum of amounts on each track, from 0."""
    order = np.lexsort((cycle, track))
    tracks, cycles = track[order].astype(np.int64), cycle[order]
    total = np.cumsum(amount[order], dtype=np.int64)
    first = np.append(True, tracks[1:] != tracks[:-1])[: tracks.size]
    total -= np.repeat((total - amount[order])[first], np.diff(np.append(np.flatnonzero(first), tracks.size)))
    last = np.append((tracks[1:] != tracks[:-1]) | (cycles[1:] != cycles[:-1]), True)[: tracks.size]
    return without_repeats(tracks[last], cycles[last], total[last])


def without_repeats(track: Int64, cycle: Int64, value: Int64) -> Changes:
    """Drop what leaves the value as it was; a track starts at 0. Sorted by track and cycle, one per cycle."""
    before = np.append(0, value[:-1])[: value.size]
    before[np.append(True, track[1:] != track[:-1])[: track.size]] = 0
    kept = value != before
    return Changes(track[kept], cycle[kept], value[kept])
