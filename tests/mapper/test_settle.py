"""Does force draw cores to the places that cost them least, and do curves visit every tile once?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.hwmodels import load_chip
from synaptile.mapper.anneal import Board, slot_tiles, weighted_hops
from synaptile.mapper.placement import FORCE_FROM, by_force, hilbert_path, place
from synaptile.mapper.settle import settle
from synaptile.mapper.topology import MESH, Topology
from synaptile.mapper.traffic import Traffic
from tests.mapper.chips import small_chip


def pairs(cores: int, edges: list[tuple[int, int, float]]) -> Traffic:
    """Traffic of undirected edges."""
    both = sorted([(a, b, w) for a, b, w in edges] + [(b, a, w) for a, b, w in edges])
    rows, columns, weights = (np.array(column) for column in zip(*both, strict=True))
    return Traffic(
        np.searchsorted(rows, np.arange(cores + 1)).astype(np.int64), columns.astype(np.int64), weights.astype(np.float64)
    )


@settings(max_examples=20, deadline=None)
@given(width=st.integers(1, 20), height=st.integers(1, 20))
def test_a_curve_visits_every_tile_once(width: int, height: int) -> None:
    assert sorted(hilbert_path(width, height).tolist()) == list(range(width * height))


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_a_curve_on_a_square_of_two_to_a_power_steps_from_tile_to_tile(side: int) -> None:
    path = hilbert_path(side, side)
    assert (np.abs(np.diff(path % side)) + np.abs(np.diff(path // side)) == 1).all()


def test_a_shuffled_mesh_is_nearly_sorted_out() -> None:
    """A mesh of 12 x 12 tasks, eight hops per edge at first: no placement has fewer than one."""
    side = 12
    edges = [(c, c + 1, 1.0) for c in range(side * side) if c % side < side - 1]
    edges += [(c, c + side, 1.0) for c in range(side * (side - 1))]
    traffic, rng = pairs(side * side, edges), np.random.default_rng(3)
    none = np.zeros(side * side, np.int32)
    mesh = Topology(MESH, side, side, side, side, none - 1, none)
    board = Board(np.array([1, 0]), np.array([0, side * side]), mesh)
    start = rng.permutation(side * side)
    kind = np.zeros(side * side, np.int32)
    found = settle(traffic, kind, start, board, 400, np.random.default_rng(0))
    assert sorted(found.tolist()) == list(range(side * side))
    tiles = slot_tiles(board)
    assert weighted_hops(traffic, tiles[start], mesh) > 6 * len(edges)
    assert weighted_hops(traffic, tiles[found], mesh) < 2.5 * len(edges)  # folds remain
    assert (settle(traffic, kind, start, board, 400, np.random.default_rng(0)) == found).all()


def test_cores_stay_in_slots_of_their_kind() -> None:
    chip, rng = small_chip(), np.random.default_rng(1)
    kind = np.repeat([0, 1], 12).astype(np.int32)
    edges = list({(int(a), int(b)) for a, b in rng.integers(0, 24, (60, 2)) if a < b})
    traffic = pairs(24, [(a, b, 1.0) for a, b in edges])
    seats, placed = place(chip, (1, 1), kind, traffic, method="force", seed=0)
    assert placed.method == "force" and placed.weighted_hops < placed.baseline_weighted_hops
    assert np.unique(np.stack([kind, seats.x, seats.y, seats.slot]), axis=1).shape[1] == 24
    assert seats.slot.max() < max(chip.mesh.synapse_cores_per_tile, chip.mesh.ec_cores_per_tile)


def test_many_cores_are_placed_by_force_unless_asked_otherwise() -> None:
    assert not by_force("anneal", FORCE_FROM) and by_force("anneal", FORCE_FROM + 1)
    assert by_force("force", 2) and not by_force("metis", FORCE_FROM + 1)
    side, cores = 12, FORCE_FROM + 200
    chip = load_chip("ecmt45")
    assert cores <= 2 * 100 * chip.mesh.width * chip.mesh.height
    kind = (np.arange(cores) % 2).astype(np.int32)
    traffic = pairs(cores, [(c, c + side, 1.0) for c in range(cores - side)])
    _, placed = place(chip, (10, 10), kind, traffic, method="anneal", seed=0, moves=cores)
    assert placed.method == "force" and placed.weighted_hops < placed.baseline_weighted_hops
