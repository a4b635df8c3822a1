"""Simulated annealing of cores over the slots of a board."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.topology import MESH, Topology, distance, distances
from synaptile.mapper.traffic import Traffic

COOLEST = 1e-3
"""Last temperature over first: by then only improvements are taken."""

WARMTH = 0.05
"""First temperature over the mean change of a random move. Low, because the start is already good."""


class Board(NamedTuple):
    """Slots of a board: `per_tile[kind]` slots a tile, tile t's first at ``base[kind] + t * per_tile[kind]``."""

    per_tile: Int64
    base: Int64
    topology: Topology


def slot_tiles(board: Board) -> Int64:
    """Tile of every slot, shape (slots,)."""
    tiles = np.arange(board.topology.tiles)
    return np.concatenate([np.repeat(tiles, count) for count in board.per_tile])


def weighted_hops(traffic: Traffic, tile: Int64, topology: Topology) -> float:
    """Expected messages times hops, a step; `tile` of each core, shape (cores,)."""
    source = np.repeat(tile, np.diff(traffic.offset))
    target = tile[traffic.neighbour]
    return float(traffic.weight @ distances(topology, source, target)) / 2.0


@njit(cache=True)
def anneal(traffic: Traffic, kind: Int32, slot: Int64, board: Board, moves: int, rng: np.random.Generator) -> Int64:
    """Move cores, or swap two of a kind, `moves` times; a worse placement is taken with probability exp(-change/temperature).

    `slot` is the start, shape (cores,). The temperature falls geometrically while the reach of a move shrinks from the whole
    board to one tile. The same state of `rng` gives the same placement.
    """
    slot, width, height = slot.copy(), board.topology.width, board.topology.height
    tile, occupant = start_of(kind, slot, board)
    probes = max(moves // 100, 1)
    temperature, cooling, scale = 0.0, COOLEST ** (1.0 / max(moves, 1)), 0.0
    for move in range(-probes, moves):
        if move == 0:
            temperature = WARMTH * scale / probes
        reach = max(int(max(width, height) * (1.0 - 1.5 * max(move, 0) / moves)), 1)
        core = int(rng.random() * slot.size)
        x = nearby(tile[core] % width, reach, width, rng)
        y = nearby(tile[core] // width, reach, height, rng)
        goal = y * width + x
        per_tile = board.per_tile[kind[core]]
        chosen = board.base[kind[core]] + goal * per_tile + int(rng.random() * per_tile)
        other = occupant[chosen]
        if goal == tile[core]:
            continue
        change = trade_change(traffic, tile, core, goal, other, board.topology)
        if move < 0:
            scale += abs(change)
            continue
        temperature *= cooling
        if change <= 0.0 or rng.random() < np.exp(-change / max(temperature, 1e-300)):
            trade(tile, slot, occupant, core, chosen, goal)
    return slot


@njit(cache=True)
def nearby(position: int, reach: int, extent: int, rng: np.random.Generator) -> int:
    """A position at most `reach` from another, on the board."""
    low = max(position - reach, 0)
    return low + int(rng.random() * (min(position + reach, extent - 1) - low + 1))


@njit(cache=True)
def start_of(kind: Int32, slot: Int64, board: Board) -> tuple[Int64, Int64]:
    """Tile of each core, shape (cores,), and core of each slot, -1 of one that is free, shape (slots,)."""
    tile = np.empty(slot.size, np.int64)
    occupant = np.full(board.base[1] + board.per_tile[1] * board.topology.width * board.topology.height, -1, np.int64)
    for core in range(slot.size):
        occupant[slot[core]] = core
        tile[core] = (slot[core] - board.base[kind[core]]) // board.per_tile[kind[core]]
    return tile, occupant


@njit(cache=True)
def trade(tile: Int64, slot: Int64, occupant: Int64, core: int, chosen: int, goal: int) -> None:
    """Move `core` to slot `chosen` of tile `goal`, and what sits there, if anything does, to where it was."""
    other = occupant[chosen]
    occupant[slot[core]] = other
    occupant[chosen] = core
    if other >= 0:
        slot[other], tile[other] = slot[core], tile[core]
    slot[core], tile[core] = chosen, goal


@njit(cache=True)
def trade_change(traffic: Traffic, tile: Int64, core: int, goal: int, other: int, topology: Topology) -> float:
    """Change in weighted hops if `core` moved to tile `goal`, and `other`, where there is one (not -1), to where it was."""
    change = _change(traffic, tile, core, goal, other, topology)
    if other >= 0:
        change += _change(traffic, tile, other, tile[core], core, topology)
    return change


@njit(cache=True)
def _change(traffic: Traffic, tile: Int64, core: int, goal: int, partner: int, topology: Topology) -> float:
    """Change in weighted hops if `core` sat on tile `goal`; its distance to `partner`, which swaps with it, stays."""
    change = 0.0
    here, width = tile[core], topology.width
    gx, gy, x, y = goal % width, goal // width, here % width, here // width
    for edge in range(traffic.offset[core], traffic.offset[core + 1]):
        neighbour = traffic.neighbour[edge]
        if neighbour == partner:
            continue
        there = tile[neighbour]
        if topology.kind == MESH:  # the rule of `distance`, without dividing anew for each edge
            nx, ny = there % width, there // width
            change += traffic.weight[edge] * (abs(gx - nx) + abs(gy - ny) - abs(x - nx) - abs(y - ny))
        else:
            change += traffic.weight[edge] * (distance(topology, goal, there) - distance(topology, here, there))
    return change
