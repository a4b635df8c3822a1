"""Is the change that annealing goes by the change in weighted hops, and is each move what a plain loop would make of it?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.mapper.anneal import COOLEST, ROW, WARMTH, Board, _change, anneal, trade_change, weighted_hops
from synaptile.mapper.topology import KINDS, Topology, distance, topology_of
from synaptile.mapper.traffic import Traffic, edges_of
from tests.mapper.chips import small_chip

WIDTH, HEIGHT, CORES = 5, 4, 12
TOPOLOGIES = [topology_of(small_chip(mesh={"width": WIDTH, "height": HEIGHT}, noc={"topology": kind}), (1, 1)) for kind in KINDS]
MESH = TOPOLOGIES[0]
every_topology = pytest.mark.parametrize("topology", TOPOLOGIES, ids=KINDS)


@pytest.fixture
def traffic() -> Traffic:
    rng = np.random.default_rng(3)
    dense = np.triu(rng.random((CORES, CORES)) * (rng.random((CORES, CORES)) < 0.5), 1)
    dense += dense.T
    offset = np.append(0, np.cumsum((dense > 0).sum(axis=1))).astype(np.int64)
    return Traffic(offset, np.nonzero(dense)[1].astype(np.int64), dense[dense > 0])


def spots(tile: np.ndarray) -> np.ndarray:
    return np.asarray(tile // WIDTH << ROW | tile % WIDTH)


@every_topology
def test_the_change_of_a_move_is_the_difference_in_weighted_hops(traffic: Traffic, topology: Topology) -> None:
    rng = np.random.default_rng(4)
    tile = rng.permutation(WIDTH * HEIGHT)[:CORES].astype(np.int64)
    free = np.setdiff1d(np.arange(WIDTH * HEIGHT), tile)
    for core in range(CORES):
        moved = tile.copy()
        moved[core] = free[0]
        change = _change(edges_of(traffic), spots(tile), core, int(spots(free)[0]), -1, topology)
        assert change == pytest.approx(weighted_hops(traffic, moved, topology) - weighted_hops(traffic, tile, topology))


@every_topology
def test_the_change_of_a_swap_is_the_difference_in_weighted_hops(traffic: Traffic, topology: Topology) -> None:
    tile = np.random.default_rng(4).permutation(WIDTH * HEIGHT)[:CORES].astype(np.int64)
    for a, b in np.random.default_rng(5).integers(0, CORES, (40, 2)):
        if a == b:
            continue
        swapped = tile.copy()
        swapped[[a, b]] = tile[[b, a]]
        change = trade_change(edges_of(traffic), spots(tile), a, int(spots(tile)[b]), b, topology)
        assert change == pytest.approx(weighted_hops(traffic, swapped, topology) - weighted_hops(traffic, tile, topology))


def test_annealing_keeps_cores_in_slots_of_their_kind_and_shortens_hops(traffic: Traffic) -> None:
    board = Board(np.array([1, 2]), np.array([0, WIDTH * HEIGHT]), MESH)
    kind = np.array([0, 1] * (CORES // 2), np.int32)
    start = np.where(kind == 0, np.arange(CORES), WIDTH * HEIGHT + np.arange(CORES))
    found = anneal(traffic, kind, start, board, 5000, np.random.default_rng(0))
    assert np.unique(found).size == CORES
    np.testing.assert_array_equal(found >= WIDTH * HEIGHT, kind == 1)

    def tile(slot: np.ndarray) -> np.ndarray:
        return np.where(kind == 0, slot, (slot - WIDTH * HEIGHT) // 2)

    assert weighted_hops(traffic, tile(found), MESH) < 0.8 * weighted_hops(traffic, tile(start), MESH)


def plainly(
    traffic: Traffic, kind: np.ndarray, start: np.ndarray, board: Board, moves: int, rng: np.random.Generator
) -> np.ndarray:
    """`anneal` with tiles by number, traffic as it is given and one random number at a time."""
    slot, (width, height) = start.copy(), board.topology[1:3]
    tiles = np.concatenate([np.repeat(np.arange(width * height), count) for count in board.per_tile])
    temperature, scale, probes = 0.0, 0.0, max(moves // 100, 1)

    def change(core: int, goal: int, partner: int) -> float:
        total = 0.0
        for edge in range(traffic.offset[core], traffic.offset[core + 1]):
            if (neighbour := traffic.neighbour[edge]) != partner:
                there = tiles[slot[neighbour]]
                away = distance(board.topology, goal, there) - distance(board.topology, tiles[slot[core]], there)
                total += traffic.weight[edge] * away
        return total

    def near(position: int, extent: int, reach: int) -> int:
        low = max(position - reach, 0)
        return low + int(rng.random() * (min(position + reach, extent - 1) - low + 1))

    for move in range(-probes, moves):
        temperature = WARMTH * scale / probes if move == 0 else temperature
        reach = max(int(max(width, height) * (1.0 - 1.5 * max(move, 0) / moves)), 1)
        core = int(rng.random() * slot.size)
        here = int(tiles[slot[core]])
        x = near(here % width, width, reach)
        goal = near(here // width, height, reach) * width + x
        count = board.per_tile[kind[core]]
        chosen = board.base[kind[core]] + goal * count + int(rng.random() * count)
        if goal == here:
            continue
        other = next(iter(np.flatnonzero(slot == chosen).tolist()), -1)
        cost = change(core, goal, other)
        if other >= 0:
            cost += change(other, here, core)
        if move < 0:
            scale += abs(cost)
            continue
        temperature *= COOLEST ** (1.0 / moves)
        if cost <= 0.0 or rng.random() < np.exp(-cost / max(temperature, 1e-300)):
            if other >= 0:
                slot[other] = slot[core]
            slot[core] = chosen
    return slot


@every_topology
def test_every_move_is_that_of_a_plain_loop(traffic: Traffic, topology: Topology) -> None:
    """More moves than random numbers are drawn together, few of them taken at the end."""
    board = Board(np.array([1, 2]), np.array([0, WIDTH * HEIGHT]), topology)
    kind = np.array([0, 1] * (CORES // 2), np.int32)
    start = np.where(kind == 0, np.arange(CORES), WIDTH * HEIGHT + np.arange(CORES))
    found, naive = (how(traffic, kind, start, board, 1500, np.random.default_rng(7)) for how in (anneal, plainly))
    np.testing.assert_array_equal(found, naive)
    assert (found != start).any()


def test_edges_of_many_different_weights_are_wider(traffic: Traffic) -> None:
    """They hold what traffic holds, whichever way they are packed."""
    for repeats, kind in ((1, np.uint32), (1 << 28, np.uint64)):
        packed = edges_of(
            traffic._replace(offset=np.broadcast_to(traffic.offset[:1], repeats) if repeats > 1 else traffic.offset)
        )
        assert packed.code.dtype == kind
        low = (1 << packed.bits) - 1
        np.testing.assert_array_equal(packed.code & kind(low), traffic.neighbour)
        np.testing.assert_array_equal(packed.weight[packed.code >> kind(packed.bits)], traffic.weight)
