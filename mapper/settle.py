"""Force-directed refinement of a placement: every core is drawn to the median of those it talks to, sweep after sweep.

The tile that costs a core least, its partners staying, is the weighted median of their columns and of their rows (distances are
L1). A core trades places with what sits there or near by, where that is no loss; the first sweeps also take small losses.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.anneal import COLUMN, ROW, Board, start_of, trade, trade_change
from synaptile.mapper.traffic import Edges, Traffic, edges_of

MOST_PARTNERS = 32
"""Partners that a median is taken of; of a core with more, as many drawn at random."""

HEAT = 0.1
"""First temperature over the mean size of a change."""


def settle(traffic: Traffic, kind: Int32, slot: Int64, board: Board, sweeps: int, rng: np.random.Generator) -> Int64:
    """Trade places for `sweeps` proposals per core; `slot` is the start, shape (cores,). One state of `rng`, one placement."""
    found: Int64 = _settle(edges_of(traffic), kind, slot, board, sweeps, rng)
    return found


@njit(cache=True, nogil=True)
def _settle(edges: Edges, kind: Int32, slot: Int64, board: Board, sweeps: int, rng: np.random.Generator) -> Int64:
    slot, width, height = slot.copy(), board.topology.width, board.topology.height
    spot, occupant = start_of(kind, slot, board)
    xs, ys, weights = np.empty(MOST_PARTNERS, np.int64), np.empty(MOST_PARTNERS, np.int64), np.empty(MOST_PARTNERS)
    size, seen, low = 0.0, 0, (1 << edges.bits) - 1
    for sweep in range(sweeps):
        left = 1.0 - sweep / sweeps
        reach = max(int(3.0 * left + 0.5), 1)
        temperature = HEAT * left * left * size / max(seen, 1)
        for core in range(slot.size):
            first, last = edges.offset[core], edges.offset[core + 1]
            found = min(last - first, MOST_PARTNERS)
            if found == 0:
                continue
            for i in range(found):
                edge = first + i if last - first <= MOST_PARTNERS else first + int(rng.random() * (last - first))
                code = np.int64(edges.code[edge])
                at = spot[code & low]
                xs[i], ys[i], weights[i] = at & COLUMN, at >> ROW, edges.weight[code >> edges.bits]
            x = _near(_median(xs, weights, found), reach, width, rng)
            y = _near(_median(ys, weights, found), reach, height, rng)
            goal = y << ROW | x
            if goal == spot[core]:
                continue
            per_tile = board.per_tile[kind[core]]
            chosen = board.base[kind[core]] + (y * width + x) * per_tile + int(rng.random() * per_tile)
            other = occupant[chosen]
            change = trade_change(edges, spot, core, goal, other, board.topology)
            size += abs(change)
            seen += 1
            if change <= 0.0 or (temperature > 0.0 and rng.random() < np.exp(-change / temperature)):
                trade(spot, slot, occupant, core, chosen, goal)
    return slot


@njit(cache=True)
def _near(position: int, reach: int, extent: int, rng: np.random.Generator) -> int:
    moved = position + int(rng.random() * (2 * reach + 1)) - reach
    return min(max(moved, 0), extent - 1)


@njit(cache=True)
def _median(values: Int64, weights: np.ndarray, count: int) -> int:
    """Weighted median of the first `count` values, by halves: those on either side of a value weigh half at most."""
    low, high, total = values[0], values[0], 0.0
    for i in range(count):
        low, high, total = min(low, values[i]), max(high, values[i]), total + weights[i]
    while low < high:
        middle, below = (low + high) // 2, 0.0
        for i in range(count):
            if values[i] <= middle:
                below += weights[i]
        if 2.0 * below >= total:
            high = middle
        else:
            low = middle + 1
    return int(low)
