"""Are multicast trees the union of XY paths? Compared with sets of links."""

from __future__ import annotations

import pytest

from synaptile.mapper import CoreProgram, map_graph
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    graph = vit_graph(depth=2, tokens=10, width=24, heads=3, hidden=48, classes=10)
    chip = small_chip(
        synapse={"weight_memory_bits": 300 * 32}, ec={"state_memory_bits": 400 * 32}, mesh={"width": 6, "height": 5}
    )
    return map_graph(graph, chip, placement="row_major")


def xy_path(source: tuple[int, int], target: tuple[int, int]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    path, (x, y) = [], source
    while (x, y) != target:
        step = (x + (1 if target[0] > x else -1), y) if x != target[0] else (x, y + (1 if target[1] > y else -1))
        path.append(((x, y), step))
        x, y = step
    return path


def test_trees_are_the_union_of_xy_paths_and_hops_count_their_links(program: CoreProgram) -> None:
    parts, flows, routes, cores = program.parts, program.flows, program.routes, program.cores
    width = program.board[0] * program.chip.mesh.width
    assert routes.hops.sum() > 0
    for group in range(routes.source_core.size):
        members = [flow for flow in range(flows.source.size) if flows.group[flow] == group]
        start = int(routes.source_core[group])
        source = int(cores.x[start]), int(cores.y[start])
        targets = {int(parts.core[flows.target[flow]]) for flow in members}
        paths = [xy_path(source, (int(cores.x[core]), int(cores.y[core]))) for core in targets]
        links = slice(routes.offset[group], routes.offset[group + 1])
        found = [
            ((int(a) % width, int(a) // width), (int(b) % width, int(b) // width))
            for a, b in zip(routes.link_from[links], routes.link_to[links], strict=True)
        ]
        assert len(found) == len(set(found)) == routes.hops[group]
        assert set(found) == {link for path in paths for link in path}
        assert routes.unicast_hops[group] == sum(len(path) for path in paths)


def test_a_tree_is_never_longer_than_its_unicasts_and_some_are_shorter(program: CoreProgram) -> None:
    assert (program.routes.hops <= program.routes.unicast_hops).all()
    assert program.routes.hops.sum() < program.routes.unicast_hops.sum()
