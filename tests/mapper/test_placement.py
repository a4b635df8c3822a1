"""Does placement shorten hops, honestly measured and reproducibly?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.board import smallest_board
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(depth=3, tokens=10, width=24, heads=3, hidden=48, classes=10)


CHIP = small_chip(synapse={"weight_memory_bits": 500 * 32}, ec={"state_memory_bits": 600 * 32}, mesh={"width": 8, "height": 8})


def naive_weighted_hops(program: CoreProgram) -> float:
    """Messages times hops, one flow at a time; parts of one core that need the same region are sent it once."""
    parts, flows, cores = program.parts, program.flows, program.cores
    total, seen = 0.0, set()
    for flow in range(flows.source.size):
        source, target = parts.core[flows.source[flow]], parts.core[flows.target[flow]]
        if (flows.group[flow], target) in seen or source == target:
            continue
        seen.add((flows.group[flow], target))
        node = program.graph.nodes[program.node_names[parts.node[flows.source[flow]]]]
        elements = (flows.token_stop[flow] - flows.token_start[flow]) * (flows.stop[flow] - flows.start[flow])
        elements = elements * (node.shape[2] if node.is_map else 1)
        hops = abs(int(cores.x[source]) - int(cores.x[target])) + abs(int(cores.y[source]) - int(cores.y[target]))
        total += float(elements) * hops * (0.47 if flows.spiking[flow] else 1.0)
    return total


@pytest.mark.parametrize("method", ["anneal", "metis", "row_major", "force", "trees"])
def test_weighted_hops_are_those_of_the_placement_returned(graph: SpikingGraph, method: str) -> None:
    program = map_graph(graph, CHIP, placement=method)  # type: ignore[arg-type]
    assert program.placement.method == method
    assert program.placement.weighted_hops == pytest.approx(naive_weighted_hops(program), rel=1e-12)


@pytest.mark.parametrize("method", ["anneal", "metis", "force"])
def test_no_method_is_worse_than_the_baseline(graph: SpikingGraph, method: str) -> None:
    placement = map_graph(graph, CHIP, placement=method).placement  # type: ignore[arg-type]
    assert placement.weighted_hops < placement.baseline_weighted_hops


def test_annealing_improves_on_its_start(graph: SpikingGraph) -> None:
    start = map_graph(graph, CHIP, anneal_moves=0).placement.weighted_hops
    assert map_graph(graph, CHIP).placement.weighted_hops < 0.9 * start


def test_row_major_is_the_baseline(graph: SpikingGraph) -> None:
    program = map_graph(graph, CHIP, placement="row_major")
    assert program.placement.weighted_hops == program.placement.baseline_weighted_hops
    for kind in (0, 1):
        chosen = program.cores.kind == kind
        tile = program.cores.y[chosen] * 8 + program.cores.x[chosen]
        np.testing.assert_array_equal(tile, np.arange(tile.size))


def test_another_seed_gives_another_placement(graph: SpikingGraph) -> None:
    first, second = (map_graph(graph, CHIP, seed=seed).cores for seed in (0, 1))
    assert (first.x != second.x).any()


@pytest.mark.parametrize(
    ("cores", "max_chips", "board"),
    [(1, 1, (1, 1)), (33, 9, (3, 1)), (49, 16, (2, 2)), (16 * 6, 16, (3, 2)), (16 * 7, 16, (4, 2)), (16 * 7, 7, (7, 1))],
)
def test_the_board_is_the_smallest_and_squarest(cores: int, max_chips: int, board: tuple[int, int]) -> None:
    chip = small_chip(mesh={"max_chips": max_chips})
    found = smallest_board(chip, np.zeros(cores, np.int32))
    assert sorted(found, reverse=True) == list(board)
