"""Cores onto the tiles of the board, so that what talks much sits close."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pymetis

from synaptile.foundation.options import PlacementMethod
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.anneal import Board, anneal, slot_tiles, weighted_hops
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.multicast import Trees, flit_hops
from synaptile.mapper.program import CoreKind, Placement
from synaptile.mapper.settle import settle
from synaptile.mapper.shorten import shorten
from synaptile.mapper.topology import Topology, topology_of
from synaptile.mapper.traffic import ASSUMED_DENSITY, Traffic

MOVES_PER_CORE = 2_000
MOST_MOVES = 8_000_000
"""Annealing moves unless told: MOVES_PER_CORE a core, at most MOST_MOVES."""

STRIPS = (2, 3, 4, 5, 6, 8, 12)
"""Widths in tiles of the strips that a start may wind through the board in."""

FORCE_FROM = 65_536
"""Cores above which annealing gives way to force: it would have fewer than 122 moves for each (docs/decisions/0024)."""

FORCE_SWEEPS = 200
MOST_TRADES = 60_000_000
"""Proposals per core of the force-directed refinement, at most MOST_TRADES in all, and not fewer than FEWEST_SWEEPS each."""
FEWEST_SWEEPS = 24

TREE_MOVES_PER_CORE = 5_000
"""Moves per core of annealing by the links of trees unless told, at most MOST_MOVES as well."""

CORES_A_LEAF = 4
"""Cores that recursive bisection leaves together."""


class Seats(NamedTuple):
    """Where each core sits: tile coordinates on the board and slot among the cores of its kind there. Shape (cores,) each."""

    x: Int32
    y: Int32
    slot: Int32


def place(
    chip: Chip,
    board: tuple[int, int],
    core_kind: Int32,
    traffic: Traffic,
    *,
    method: PlacementMethod,
    seed: int,
    moves: int | None = None,
    drawn_by: Callable[[], Traffic | Trees] | None = None,
) -> tuple[Seats, Placement]:
    """Place cores by simulated annealing, METIS, row by row in order of creation (the baseline), by force, or by trees.

    More than FORCE_FROM cores are placed by force where annealing was asked for. `moves` bounds either. `drawn_by` makes the
    traffic that force reduces, `traffic` unless given, or the trees that "trees" shortens. What is returned is never worse than
    the baseline by what the method reduces: weighted hops, or the flit-hops of trees.
    """
    method = "force" if by_force(method, core_kind.size) else method
    topology = topology_of(chip, board)
    floor = _floor(chip, topology)
    tiles = slot_tiles(floor)

    def cost(slots: Int64) -> float:
        return weighted_hops(traffic, tiles[slots], topology)

    def flits(slots: Int64) -> float:
        assert isinstance(trees, Trees)
        return flit_hops(trees, tiles[slots], topology.width)

    trees = drawn_by() if method == "trees" and drawn_by is not None else None
    baseline = _in_order(floor, core_kind, np.arange(topology.tiles), np.arange(core_kind.size))
    candidates = [baseline]
    if method == "metis":
        candidates += _winding(floor, core_kind, _bisection_order(traffic, seed))
    elif method == "anneal":
        candidates += _winding(floor, core_kind, np.arange(core_kind.size))
        start = min(candidates, key=cost)
        bound = min(MOVES_PER_CORE * core_kind.size, MOST_MOVES) if moves is None else moves
        candidates = (
            [baseline, start, anneal(traffic, core_kind, start, floor, bound, np.random.default_rng(seed))]
            if bound
            else [baseline, start]
        )
    elif method == "trees":
        assert isinstance(trees, Trees)
        candidates += _winding(floor, core_kind, np.arange(core_kind.size))
        start = min(candidates, key=flits)
        bound = min(TREE_MOVES_PER_CORE * core_kind.size, MOST_MOVES) if moves is None else moves
        candidates = [start, shorten(trees, core_kind, start, floor, bound, np.random.default_rng(seed))]
    elif method == "force":
        drawn = drawn_by() if drawn_by is not None else traffic
        assert isinstance(drawn, Traffic)
        order = np.arange(core_kind.size)
        starts = [
            *_winding(floor, core_kind, order),
            _in_order(floor, core_kind, hilbert_path(topology.width, topology.height), order, spread=True),
        ]
        start = min(starts, key=lambda slots: weighted_hops(drawn, tiles[slots], topology))
        sweeps = min(FORCE_SWEEPS, max(MOST_TRADES // max(core_kind.size, 1), FEWEST_SWEEPS))
        sweeps = sweeps if moves is None else moves // max(core_kind.size, 1)
        candidates.append(settle(drawn, core_kind, start, floor, sweeps, np.random.default_rng(seed)) if sweeps else start)
    best = min(candidates, key=cost if trees is None else flits)
    placement = Placement(method, seed, ASSUMED_DENSITY, cost(best), cost(baseline))
    return _seats(floor, core_kind, best, tiles), placement


def _floor(chip: Chip, topology: Topology) -> Board:
    per_tile = np.array([cores_per_tile(chip, kind) for kind in CoreKind], np.int64)
    base = np.append(0, np.cumsum(per_tile * topology.tiles)[:-1]).astype(np.int64)
    return Board(per_tile, base, topology)


def _in_order(floor: Board, core_kind: Int32, path: Int64, order: Int64, *, spread: bool = False) -> Int64:
    """Fill the slots along a path of tiles with cores in an order; the slot of each core, shape (cores,).

    `spread` keeps the kinds in step: each is spread over all the tiles that the kind with most needs.
    """
    slots = np.empty(core_kind.size, np.int64)
    chosen = [order[core_kind[order] == kind] for kind in CoreKind]
    longest = max(-(-cores.size // max(int(floor.per_tile[kind]), 1)) for kind, cores in enumerate(chosen))
    for kind, cores in enumerate(chosen):
        per_tile = int(floor.per_tile[kind])
        rank = np.arange(cores.size)
        step = rank * longest // max(cores.size, 1) if spread else rank // max(per_tile, 1)
        slot = rank - np.searchsorted(step, step)
        slots[cores] = floor.base[kind] + path[step] * per_tile + slot
    return slots


def _winding(floor: Board, core_kind: Int32, order: Int64) -> list[Int64]:
    """Placements along paths that wind through strips of the board, up one strip and down the next."""
    width, tiles = floor.topology.width, np.arange(floor.topology.tiles)
    x, y = tiles % width, tiles // width
    found = []
    for strip in (*(strip for strip in STRIPS if strip < width), width):
        column, within = x // strip, x % strip
        climbed = np.where(column % 2 == 0, y, floor.topology.height - 1 - y)
        path = np.lexsort((np.where(climbed % 2 == 0, within, -within), climbed, column))
        found.append(_in_order(floor, core_kind, path, order, spread=True))
    return found


def by_force(method: PlacementMethod, cores: int) -> bool:
    """Whether so many cores are placed by force."""
    return method == "force" or (method == "anneal" and cores > FORCE_FROM)


def hilbert_path(width: int, height: int) -> Int64:
    """Tiles of a board along a Hilbert curve, those of the square of two to some power around it that lie on the board."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(width), np.arange(height)))
    along, side = np.zeros(x.size, np.int64), 1 << max(width - 1, height - 1, 1).bit_length()
    while side > 1:
        side //= 2
        right, low = (x & side) > 0, (y & side) > 0
        along += side * side * ((3 * right) ^ low)
        turn = ~low
        flip = turn & right
        x, y = (
            np.where(flip, side - 1 - (x & (side - 1)), x & (side - 1)),
            np.where(flip, side - 1 - (y & (side - 1)), y & (side - 1)),
        )
        x, y = np.where(turn, y, x), np.where(turn, x, y)
    return np.argsort(along, kind="stable").astype(np.int64)


def _bisection_order(traffic: Traffic, seed: int) -> Int64:
    """Cores in the order of the leaves of a recursive bisection that cuts as little traffic as it can."""
    cores = traffic.offset.size - 1
    leaves = 1 << max((cores // CORES_A_LEAF).bit_length() - 1, 0)
    if leaves < 2 or not traffic.neighbour.size:
        return np.arange(cores)
    options = pymetis.Options()
    options.seed = seed
    weights = np.maximum(np.rint(traffic.weight * (1e6 / traffic.weight.max())), 1).astype(np.int64)
    graph = pymetis.CSRAdjacency(traffic.offset, traffic.neighbour)
    _, leaf = pymetis.part_graph(leaves, graph, eweights=weights, recursive=True, options=options)
    return np.argsort(np.asarray(leaf), kind="stable")


def _seats(floor: Board, core_kind: Int32, slots: Int64, tiles: Int64) -> Seats:
    """Coordinates of slots, with the slots of a tile renumbered in core order, so that idle slots come last."""
    tile = tiles[slots]
    order = np.lexsort((np.arange(slots.size), core_kind, tile))
    place = tile[order] * len(CoreKind) + core_kind[order]
    slot = np.empty(slots.size, np.int32)
    slot[order] = np.arange(slots.size) - np.searchsorted(place, place)
    width = floor.topology.width
    return Seats((tile % width).astype(np.int32), (tile // width).astype(np.int32), slot)
