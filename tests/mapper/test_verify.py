"""Does verification catch a planted defect?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from synaptile.foundation.errors import ConservationError
from synaptile.mapper import CoreProgram, map_graph, verify_program
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip


@pytest.fixture(scope="module")
def program() -> CoreProgram:
    graph = vit_graph(depth=1, tokens=10, width=24, heads=3, hidden=48, classes=10)
    chip = small_chip(synapse={"weight_memory_bits": 100 * 32, "max_axons": 30}, ec={"state_memory_bits": 400 * 32})
    return map_graph(graph, replace(chip, mesh=replace(chip.mesh, width=8, height=8)), replicas=2)


def rows(table: Any, keep: Any) -> Any:
    return type(table)(**{field.name: getattr(table, field.name)[keep] for field in fields(table)})


def with_cell(table: Any, column: str, row: int, value: int) -> Any:
    changed = getattr(table, column).copy()
    changed[row] = value
    return replace(table, **{column: changed})


def part(program: CoreProgram, node: str, nth: int = 0) -> int:
    return int(program.parts_of(node)[nth])


def drop_a_flow(program: CoreProgram) -> CoreProgram:
    return replace(program, flows=rows(program.flows, np.arange(program.flows.source.size) != 5))


def double_a_flow(program: CoreProgram) -> CoreProgram:
    return replace(program, flows=rows(program.flows, np.append(np.arange(program.flows.source.size), 5)))


def drop_a_partial_sum(program: CoreProgram) -> CoreProgram:
    kept = np.ones(program.flows.source.size, bool)
    kept[np.flatnonzero(program.flows.input == -1)[0]] = False
    return replace(program, flows=rows(program.flows, kept))


def drop_a_part(program: CoreProgram) -> CoreProgram:
    return replace(program, parts=rows(program.parts, np.arange(program.parts.node.size - 1)))


def overlap(program: CoreProgram) -> CoreProgram:
    last = part(program, "blocks.0.mlp.fc2", -1)
    start = int(program.parts.in_start[last])
    return replace(program, parts=with_cell(program.parts, "in_start", last, start - 1))


def overload(program: CoreProgram) -> CoreProgram:
    core = program.parts.core.copy()
    first = core[part(program, "blocks.0.mlp.fc1")]
    core[np.isin(program.parts.node, program.parts.node[program.parts_of("blocks.0.mlp.fc1")])] = first
    return replace(program, parts=replace(program.parts, core=core))


def understate(program: CoreProgram) -> CoreProgram:
    return replace(program, parts=with_cell(program.parts, "state_bits", part(program, "blocks.0.norm1"), 1))


def give_two_cores_one_slot(program: CoreProgram) -> CoreProgram:
    cores = program.cores
    a, b = np.flatnonzero(cores.kind == cores.kind[0])[:2]
    for column in ("x", "y", "slot"):
        cores = with_cell(cores, column, int(b), int(getattr(cores, column)[a]))
    return replace(program, cores=cores)


def cut_a_tree(program: CoreProgram) -> CoreProgram:
    routes = program.routes
    group = int(np.flatnonzero(routes.hops > 0)[0])
    kept = np.arange(routes.link_from.size) != routes.offset[group + 1] - 1
    offset = routes.offset.copy()
    offset[group + 1 :] -= 1
    shorter = replace(routes, offset=offset, link_from=routes.link_from[kept], link_to=routes.link_to[kept], hops=np.diff(offset))
    return replace(program, routes=shorter)


def leave_the_mesh(program: CoreProgram) -> CoreProgram:
    return replace(program, routes=with_cell(program.routes, "link_to", 0, int(program.routes.link_from[0])))


def send_to_a_stranger(program: CoreProgram) -> CoreProgram:
    flow = int(np.flatnonzero(program.parts.node[program.flows.target] == program.node_names.index("head"))[0])
    return replace(program, flows=with_cell(program.flows, "target", flow, part(program, "blocks.0.norm1")))


def split_a_replica(program: CoreProgram) -> CoreProgram:
    return replace(program, parts=with_cell(program.parts, "replica", part(program, "blocks.0.attn.qkv", -1), 0))


def misstate_a_sum(program: CoreProgram) -> CoreProgram:
    return replace(program, cores=with_cell(program.cores, "neurons_used", 0, 10**6))


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (drop_a_flow, "needs"),
        (double_a_flow, "twice"),
        (drop_a_partial_sum, "partial sums"),
        (drop_a_part, "in 0 parts"),
        (overlap, "'blocks.0.mlp.fc2' has .* in 2 parts"),
        (overload, "synapse_core.weight_memory_bits is 3,200"),
        (understate, "states state_bits 1,"),
        (give_two_cores_one_slot, "one slot"),
        (cut_a_tree, "misses the tile"),
        (leave_the_mesh, "no link"),
        (send_to_a_stranger, "another node"),
        (split_a_replica, "replica"),
        (misstate_a_sum, "neurons_used"),
    ],
)
def test_a_planted_defect_is_named(program: CoreProgram, plant: Callable[[CoreProgram], CoreProgram], said: str) -> None:
    with pytest.raises(ConservationError, match=said):
        verify_program(plant(program))


def test_the_program_without_a_defect_passes(program: CoreProgram) -> None:
    verify_program(program)
