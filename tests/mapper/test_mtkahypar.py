"""Are our placements near those of mtkahypar's Steiner objective, where it can take part?"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.placement import mtkahypar, of_one_kind, placed
from synaptile.foundation.options import PlacementMethod
from synaptile.mapper import map_graph
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

pytestmark = pytest.mark.skipif(find_spec("mtkahypar") is None, reason="mtkahypar is not installed: pip install mtkahypar")


def test_annealing_by_paths_and_by_trees_is_within_five_percent_of_its_trees() -> None:
    """Eighty cores on 4 x 4 tiles, any core in any slot: mtkahypar knows one kind. Larger ones: decision 24."""
    graph = vit_graph(depth=3, tokens=10, width=24, heads=3, hidden=48, classes=10)
    mesh = {"width": 4, "height": 4, "synapse_cores_per_tile": 4, "ec_cores_per_tile": 5, "max_chips": 2}
    chip = small_chip(synapse={"weight_memory_bits": 500 * 32}, ec={"state_memory_bits": 600 * 32}, mesh=mesh)
    program = map_graph(graph, chip, anneal_moves=0)
    chip, slots = of_one_kind(program.chip)
    theirs, _ = mtkahypar(program, slots)
    efforts: tuple[tuple[PlacementMethod, int], ...] = (("anneal", 2_000), ("trees", 5_000))
    for method, effort in efforts:
        ours, _ = placed(program, chip, np.zeros_like(program.cores.kind), method, effort)
        assert 0.9 * theirs < ours < 1.05 * theirs
