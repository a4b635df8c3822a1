"""Do paths of a mesh, a torus and a tree have the hops that they should, and programs on them routes that hold?"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.hwmodels import Chip
from synaptile.mapper import map_graph
from synaptile.mapper.topology import Topology, crossing, distance, is_link, next_router, topology_of
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


def chip_of(topology: Any, width: int, height: int) -> Chip:
    chip = small_chip(mesh={"width": width, "height": height, "max_chips": 60})
    return replace(chip, noc=replace(chip.noc, topology=topology))


def shortest(topology: Topology, start: int) -> dict[int, int]:
    """Links from a router to every other, by breadth-first search over what `is_link` calls a link."""
    found, waiting = {start: 0}, deque([start])
    while waiting:
        here = waiting.popleft()
        for there in range(topology.parent.size):
            if there not in found and is_link(topology, here, there):
                found[there] = found[here] + 1
                waiting.append(there)
    return found


@pytest.mark.parametrize("name", ["mesh", "torus", "tree"])
@pytest.mark.parametrize(("width", "height", "board"), [(4, 3, (1, 1)), (3, 5, (1, 1)), (3, 3, (2, 1))])
def test_every_path_is_a_shortest_one_along_links(name: str, width: int, height: int, board: tuple[int, int]) -> None:
    topology = topology_of(chip_of(name, width, height), board)
    for start in range(topology.tiles):
        hops = shortest(topology, start)
        for goal in range(topology.tiles):
            here, steps = start, 0
            while here != goal:
                there = next_router(topology, here, goal)
                assert is_link(topology, here, there)
                here, steps = there, steps + 1
            assert steps == distance(topology, start, goal) == hops[goal]


def test_a_tree_has_a_router_above_every_four_and_crosses_between_roots() -> None:
    chip = chip_of("tree", 4, 4)
    topology = topology_of(chip, (2, 1))
    assert chip.routers == 16 + 4 + 1 and topology.parent.size == 2 * chip.routers + 1
    assert distance(topology, 0, 1) == 2 and distance(topology, 0, 2) == 4 and distance(topology, 0, 7) == 6
    path = [0]
    while path[-1] != 7:
        path.append(int(next_router(topology, path[-1], 7)))
    assert crossing(topology, np.array(path[:-1]), np.array(path[1:])).sum() == 2


@pytest.mark.parametrize("name", ["torus", "tree"])
def test_a_network_maps_and_its_routes_hold(name: str) -> None:
    chip = chip_of(name, 3, 3)
    program = map_graph(vit_graph(1, 4, 6, 2, 9, 3, patch=1), chip, anneal_moves=50)  # verified as it is mapped
    topology = topology_of(chip, program.board)
    tile = program.cores.y * topology.width + program.cores.x
    for group, hops in enumerate(program.routes.hops.tolist()):
        leaving = np.flatnonzero(program.flows.group == group)
        goals = {int(tile[core]) for core in program.parts.core[program.flows.target[leaving]]}
        links = set()
        for goal in goals:
            here = int(tile[program.routes.source_core[group]])
            while here != goal:
                there = int(next_router(topology, here, goal))
                links.add((here, there))
                here = there
        assert len(links) == hops
