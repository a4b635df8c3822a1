"""Simulated annealing of cores over the slots of a board."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.compiled import inner, prefetch
from synaptile.mapper.topology import MESH, Topology, distance, distances
from synaptile.mapper.traffic import Edges, Traffic, edges_of

COOLEST = 1e-3
"""Last temperature over first: by then only improvements are taken."""

WARMTH = 0.05
"""First temperature over the mean change of a random move. Low, because the start is already good."""


ROW = 32
COLUMN = (1 << ROW) - 1
"""A place on the board is its row above so many bits and its column below: one load per neighbour, and no division."""

DRAWS_PER_MOVE = 5
DRAWS_AT_ONCE = 4096
"""Random numbers that a move takes at most, and that are drawn together: so the next core is known before this one has moved."""


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


def anneal(traffic: Traffic, kind: Int32, slot: Int64, board: Board, moves: int, rng: np.random.Generator) -> Int64:
    """Move cores, or swap two of a kind, `moves` times; a worse placement is taken with probability exp(-change/temperature).

    `slot` is the start, shape (cores,). The temperature falls geometrically while the reach of a move shrinks from the whole
    board to one tile. The same state of `rng` gives the same placement.
    """
    found: Int64 = _anneal(edges_of(traffic), kind, slot, board, moves, rng)
    return found


@njit(cache=True, nogil=True)
def _anneal(edges: Edges, kind: Int32, slot: Int64, board: Board, moves: int, rng: np.random.Generator) -> Int64:
    slot, width, height = slot.copy(), board.topology.width, board.topology.height
    spot, occupant = start_of(kind, slot, board)
    probes = max(moves // 100, 1)
    temperature, cooling, scale = 0.0, COOLEST ** (1.0 / max(moves, 1)), 0.0
    draws, drawn = np.empty(0), 0
    for move in range(-probes, moves):
        if drawn + 2 * DRAWS_PER_MOVE > draws.size:
            draws, drawn = np.concatenate((draws[drawn:], rng.random(DRAWS_AT_ONCE))), 0
        if move == 0:
            temperature = WARMTH * scale / probes
        reach = max(int(max(width, height) * (1.0 - 1.5 * max(move, 0) / moves)), 1)
        core = int(draws[drawn] * slot.size)
        here = spot[core]
        x = nearby(here & COLUMN, reach, width, draws[drawn + 1])
        y = nearby(here >> ROW, reach, height, draws[drawn + 2])
        goal, per_tile = y << ROW | x, board.per_tile[kind[core]]
        chosen = board.base[kind[core]] + (y * width + x) * per_tile + int(draws[drawn + 3] * per_tile)
        drawn += 4
        other = occupant[chosen]
        if goal == here:
            continue
        for following in range(drawn, drawn + 2):  # the next core, by whether this move takes a fifth draw
            _prefetch_edges(edges, int(draws[following] * slot.size))
        if other >= 0:
            _prefetch_edges(edges, other)
        change = trade_change(edges, spot, core, goal, other, board.topology)
        if move < 0:
            scale += abs(change)
            continue
        temperature *= cooling
        taken = change <= 0.0
        if not taken:
            taken = draws[drawn] < np.exp(-change / max(temperature, 1e-300))
            drawn += 1
        if taken:
            trade(spot, slot, occupant, core, chosen, goal)
    return slot


@inner
def nearby(position: int, reach: int, extent: int, draw: float) -> int:
    """A position at most `reach` from another, on the board, by a draw from 0 to 1."""
    low = max(position - reach, 0)
    return low + int(draw * (min(position + reach, extent - 1) - low + 1))


@njit(cache=True)
def start_of(kind: Int32, slot: Int64, board: Board) -> tuple[Int64, Int64]:
    """Where each core is, ``row << ROW | column``, shape (cores,), and the core in each slot, -1 where none is, (slots,)."""
    spot, width = np.empty(slot.size, np.int64), board.topology.width
    occupant = np.full(board.base[1] + board.per_tile[1] * width * board.topology.height, -1, np.int64)
    for core in range(slot.size):
        occupant[slot[core]] = core
        tile = (slot[core] - board.base[kind[core]]) // board.per_tile[kind[core]]
        spot[core] = tile // width << ROW | tile % width
    return spot, occupant


@inner
def trade(spot: Int64, slot: Int64, occupant: Int64, core: int, chosen: int, goal: int) -> None:
    """Move `core` to slot `chosen` at `goal`, and what sits there, if anything does, to where it was."""
    other = occupant[chosen]
    occupant[slot[core]] = other
    occupant[chosen] = core
    if other >= 0:
        slot[other], spot[other] = slot[core], spot[core]
    slot[core], spot[core] = chosen, goal


@inner
def trade_change(edges: Edges, spot: Int64, core: int, goal: int, other: int, topology: Topology) -> float:
    """Change in weighted hops if `core` moved to `goal`, and `other`, where there is one (not -1), to where it was."""
    change = _change(edges, spot, core, goal, other, topology)
    if other >= 0:
        change += _change(edges, spot, other, spot[core], core, topology)
    return change


@inner
def _change(edges: Edges, spot: Int64, core: int, goal: int, partner: int, topology: Topology) -> float:
    """Change in weighted hops if `core` sat at `goal`; its distance to `partner`, which swaps with it, stays."""
    change = 0.0
    low, width = (1 << edges.bits) - 1, topology.width
    gx, gy, x, y = goal & COLUMN, goal >> ROW, spot[core] & COLUMN, spot[core] >> ROW
    for edge in range(edges.offset[core], edges.offset[core + 1]):
        code = np.int64(edges.code[edge])
        if code & low == partner:
            continue
        there = spot[code & low]
        nx, ny = there & COLUMN, there >> ROW
        if topology.kind == MESH:  # the rule of `distance`, which divides
            farther = abs(gx - nx) + abs(gy - ny) - abs(x - nx) - abs(y - ny)
        else:
            tile = ny * width + nx
            farther = distance(topology, gy * width + gx, tile) - distance(topology, y * width + x, tile)
        change += edges.weight[code >> edges.bits] * farther
    return change


@inner
def _prefetch_edges(edges: Edges, core: int) -> None:
    prefetch(edges.code, edges.offset[core], edges.offset[core + 1])
