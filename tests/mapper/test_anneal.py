"""Is the change that annealing goes by the change in weighted hops? Compared with computing these anew."""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.mapper.anneal import Board, _change, anneal, weighted_hops
from synaptile.mapper.topology import topology_of
from synaptile.mapper.traffic import Traffic
from tests.mapper.chips import small_chip

WIDTH, HEIGHT, CORES = 5, 4, 12
_CHIP = small_chip(mesh={"width": WIDTH, "height": HEIGHT})
MESH = topology_of(_CHIP, (1, 1))


@pytest.fixture
def traffic() -> Traffic:
    rng = np.random.default_rng(3)
    dense = np.triu(rng.random((CORES, CORES)) * (rng.random((CORES, CORES)) < 0.5), 1)
    dense += dense.T
    offset = np.append(0, np.cumsum((dense > 0).sum(axis=1))).astype(np.int64)
    return Traffic(offset, np.nonzero(dense)[1].astype(np.int64), dense[dense > 0])


def test_the_change_of_a_move_is_the_difference_in_weighted_hops(traffic: Traffic) -> None:
    rng = np.random.default_rng(4)
    tile = rng.permutation(WIDTH * HEIGHT)[:CORES].astype(np.int64)
    free = np.setdiff1d(np.arange(WIDTH * HEIGHT), tile)
    for core in range(CORES):
        moved = tile.copy()
        moved[core] = free[0]
        change = _change(traffic, tile, core, int(free[0]), -1, MESH)
        assert change == pytest.approx(weighted_hops(traffic, moved, MESH) - weighted_hops(traffic, tile, MESH))


def test_the_change_of_a_swap_is_the_difference_in_weighted_hops(traffic: Traffic) -> None:
    tile = np.random.default_rng(4).permutation(WIDTH * HEIGHT)[:CORES].astype(np.int64)
    for a, b in np.random.default_rng(5).integers(0, CORES, (40, 2)):
        if a == b:
            continue
        swapped = tile.copy()
        swapped[[a, b]] = tile[[b, a]]
        change = _change(traffic, tile, a, tile[b], b, MESH) + _change(traffic, tile, b, tile[a], a, MESH)
        assert change == pytest.approx(weighted_hops(traffic, swapped, MESH) - weighted_hops(traffic, tile, MESH))


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
