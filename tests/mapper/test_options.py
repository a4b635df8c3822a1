"""Are mapping options checked before any work, and do they reach the program?"""

from __future__ import annotations

from typing import Any

import pytest

from synaptile.foundation.errors import InputError
from synaptile.mapper import map_graph
from synaptile.mapper.packing import pack
from synaptile.mapper.tiling import tile
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

GRAPH = vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": -1}, "seed is -1"),
        ({"replicas": 0}, "replicas is 0"),
        ({"replicas": {"blocks.0.mlp.fc9": 2}}, "blocks.0.mlp.fc9"),
        ({"replicas": {"head": 2}}, "from 1 to its 1 tokens"),
        ({"placement": "magic"}, "'magic', must be one of anneal, metis, row_major"),
        ({"anneal_moves": -1}, "anneal_moves is -1"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_graph(GRAPH, small_chip(), **options)


def test_options_are_kept_for_provenance_and_progress_names_the_passes() -> None:
    passes: list[str] = []
    program = map_graph(GRAPH, small_chip(), seed=7, replicas={"blocks.0.mlp.fc1": 2}, anneal_moves=10, progress=passes.append)
    expected = {"seed": 7, "replicas": {"blocks.0.mlp.fc1": 2}, "placement": "anneal", "anneal_moves": 10, "cuts": "even"}
    assert program.options == expected
    assert passes == ["tiling and packing", "flows", "placement", "routing", "verification"]


def test_compact_cuts_are_taken_only_where_they_save_a_chip() -> None:
    graph = vit_graph(depth=2, tokens=10, width=32, heads=4, hidden=64, classes=10)
    ec = {"state_memory_bits": 460 * 32}

    def cores(compact: bool) -> int:
        chip = small_chip(ec=ec)
        return int(pack(graph, chip, tile(graph, chip, compact=compact), compact=compact).core_kind.sum())

    assert cores(compact=True) < cores(compact=False)
    for tiles, cuts, chips in ((cores(compact=True), "compact", 1), (cores(compact=False), "even", 1)):
        program = map_graph(graph, small_chip(mesh={"width": tiles, "height": 1}, ec=ec), anneal_moves=0)
        assert (program.options["cuts"], program.board[0] * program.board[1]) == (cuts, chips)
