"""Annealing by the links of multicast trees themselves, where `anneal` takes a message to pass each target's path by itself."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.anneal import COLUMN, ROW, WARMTH, Board, nearby, start_of
from synaptile.mapper.multicast import Trees, all_links, scratch_of, tree_links

COOLEST = 1e-2
"""Last temperature over first."""

BESIDE, BESIDE_SHARE = 2, 0.7
"""This share of moves ends at most so many tiles from a core of a common tree; the others end anywhere in reach."""


class Seating(NamedTuple):
    """Column and row of each core, links of each tree, trees that a move changes and their links then, each tree's last move."""

    x: Int64
    y: Int64
    links: Int64
    changed: Int64
    changed_links: Int64
    seen: Int64
    scratch: Int64


def shorten(trees: Trees, kind: Int32, slot: Int64, board: Board, moves: int, rng: np.random.Generator) -> Int64:
    """Move cores, or swap two of a kind, `moves` times; a worse placement is taken with probability exp(-change/temperature).

    `slot` is the start, shape (cores,), on a mesh. The change is that of expected messages times links of their trees.
    Temperature and reach fall as in `anneal`. The same state of `rng` gives the same placement.
    """
    width = board.topology.width
    spot, occupant = start_of(kind, slot, board)
    x, y, scratch = spot & COLUMN, spot >> ROW, scratch_of(width)
    none = np.zeros(trees.source.size, np.int64)
    seating = Seating(x, y, all_links(trees, x, y, scratch), none, none.copy(), none + moves, scratch)
    return _shorten(trees, seating, kind, (slot.copy(), occupant), board, moves, rng)


@njit(cache=True, nogil=True)
def _shorten(
    trees: Trees,
    seating: Seating,
    kind: Int32,
    slots: tuple[Int64, Int64],
    board: Board,
    moves: int,
    rng: np.random.Generator,
) -> Int64:
    slot, occupant = slots
    x, y, current, changed, changed_links, seen, scratch = seating
    width, height = board.topology.width, board.topology.height
    probes = max(moves // 100, 1)
    temperature, cooling, scale = 0.0, COOLEST ** (1.0 / max(moves, 1)), 0.0
    for move in range(-probes, moves):
        if move == 0:
            temperature = WARMTH * scale / probes
        temperature *= cooling
        core = int(rng.random() * slot.size)
        members = trees.first[core + 1] - trees.first[core]
        if members == 0:
            continue
        reach = max(int(max(width, height) * (1.0 - 1.5 * max(move, 0) / max(moves, 1))), 1)
        about = core
        if rng.random() < BESIDE_SHARE:
            about = _partner(trees, trees.member[trees.first[core] + int(rng.random() * members)], core, rng)
            reach = BESIDE
        goal_x, goal_y = nearby(x[about], reach, width, rng.random()), nearby(y[about], reach, height, rng.random())
        if goal_x == x[core] and goal_y == y[core]:
            continue
        per_tile = board.per_tile[kind[core]]
        chosen = board.base[kind[core]] + (goal_y * width + goal_x) * per_tile + int(rng.random() * per_tile)
        other, from_x, from_y = occupant[chosen], x[core], y[core]
        x[core], y[core] = goal_x, goal_y
        if other >= 0:
            x[other], y[other] = from_x, from_y
        count, change = 0, 0.0
        for moved in (core, other):
            for i in range(trees.first[moved], trees.first[moved + 1] if moved >= 0 else -1):
                tree = trees.member[i]
                if seen[tree] != move:
                    seen[tree] = move
                    links = tree_links(trees, tree, x, y, scratch)
                    changed[count], changed_links[count] = tree, links
                    count += 1
                    change += trees.weight[tree] * (links - current[tree])
        if move < 0:
            scale += abs(change)
        if move >= 0 and (change <= 0.0 or rng.random() < np.exp(-change / max(temperature, 1e-300))):
            for i in range(count):
                current[changed[i]] = changed_links[i]
            occupant[slot[core]] = other
            occupant[chosen] = core
            if other >= 0:
                slot[other] = slot[core]
            slot[core] = chosen
        else:
            x[core], y[core] = from_x, from_y
            if other >= 0:
                x[other], y[other] = goal_x, goal_y
    return slot


@njit(cache=True)
def _partner(trees: Trees, tree: int, core: int, rng: np.random.Generator) -> int:
    """The source of a tree, or one of its targets, drawn for one of its cores."""
    if trees.source[tree] != core and rng.random() < 0.5:
        return trees.source[tree]  # type: ignore[no-any-return]
    first = trees.offset[tree]
    return trees.target[first + int(rng.random() * (trees.offset[tree + 1] - first))]  # type: ignore[no-any-return]
