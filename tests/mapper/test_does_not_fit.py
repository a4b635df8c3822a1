"""Is every limit enforced, and does the refusal name it with true numbers?"""

from __future__ import annotations

import re
from dataclasses import replace
from math import ceil, log2
from typing import Any

import pytest

from synaptile.conversion.graph import MTNeurons, ProductUnit, Synapse
from synaptile.hwmodels.sections import Memories, Memory
from synaptile.mapper import CoreProgram, map_graph
from synaptile.mapper.refusal import DoesNotFit
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip, without_ec_cores

GRAPH = vit_graph(depth=2, tokens=10, width=32, heads=4, hidden=64, classes=10)


def refusal(chip: Any) -> DoesNotFit:
    with pytest.raises(DoesNotFit) as caught:
        map_graph(GRAPH, chip)
    for shortfall in caught.value.shortfalls:
        assert shortfall.demand > shortfall.limit
        assert shortfall.levers
    return caught.value


@pytest.mark.parametrize(
    ("figures", "resource", "demand"),
    [
        ({"synapse": {"weight_memory_bits": 63}}, "synapse_core.weight_memory_bits", 64),  # one weight and its bias
        (
            {"synapse": {"state_memory_bits": 447}},
            "synapse_core.state_memory_bits",
            128 + 10 * 32,
        ),  # 4 accumulators, 10 membranes
        ({"synapse": {"max_neurons": 0}}, "synapse_core.max_neurons", 1),
        ({"synapse": {"max_axons": 0}}, "synapse_core.max_axons", 1),
        (
            {"ec": {"state_memory_bits": 5119}},
            "ec_core.state_memory_bits",
            (2 + 3) * 32 * 32,
        ),  # LayerNorm of one token, its neurons
        ({"ec": {"max_neurons": 31}}, "ec_core.max_neurons", 32),
    ],
)
def test_a_limit_that_the_smallest_part_exceeds_is_named(figures: dict[str, Any], resource: str, demand: int) -> None:
    error = refusal(small_chip(**figures))
    assert (error.shortfalls[0].resource, error.shortfalls[0].demand) == (resource, demand)
    assert resource in str(error)
    just_enough = {section: dict.fromkeys(values, demand) for section, values in figures.items()}
    try:
        map_graph(GRAPH, small_chip(mesh={"width": 64, "height": 64}, **just_enough), placement="row_major")
    except DoesNotFit as remaining:  # cores may be short, the limit itself no longer is
        assert resource not in {shortfall.resource for shortfall in remaining.shortfalls}


@pytest.mark.parametrize(
    ("memory", "kind"), [({"synapse": {"weight_memory_bits": 64}}, "synapse"), ({"ec": {"state_memory_bits": 5120}}, "EC")]
)
def test_too_few_cores_are_counted_by_kind(memory: dict[str, Any], kind: str) -> None:
    error = refusal(small_chip(mesh={"max_chips": 1}, **memory))
    (shortfall,) = error.shortfalls
    assert (shortfall.resource, shortfall.limit, shortfall.unit) == ("mesh.max_chips", 16, f"{kind} cores")
    figure = "synapse_core.weight_memory_bits" if kind == "synapse" else "ec_core.state_memory_bits"
    assert any(lever.startswith(f"raise {figure}") for lever in shortfall.levers)


def test_the_remedy_for_too_few_cores_names_the_resource_that_fills_them() -> None:
    (shortfall,) = refusal(small_chip(mesh={"max_chips": 1}, synapse={"max_neurons": 4})).shortfalls
    assert any(lever.startswith("raise synapse_core.max_neurons to at least ") for lever in shortfall.levers)


def test_the_chips_that_the_remedy_names_do_hold_the_graph() -> None:
    figures: dict[str, Any] = {"synapse": {"weight_memory_bits": 4 * 33 * 32}}
    (shortfall,) = refusal(small_chip(mesh={"max_chips": 1}, **figures)).shortfalls
    chips = -(-shortfall.demand // 16)
    (mesh,) = (re.fullmatch(r"take a mesh of (\d+) x 4 tiles", lever) for lever in shortfall.levers if "mesh of" in lever)
    assert mesh is not None
    map_graph(GRAPH, small_chip(mesh={"width": int(mesh[1]), "max_chips": 1}, **figures), anneal_moves=0)
    with pytest.raises(DoesNotFit):
        map_graph(GRAPH, small_chip(mesh={"width": int(mesh[1]) - 1, "max_chips": 1}, **figures), anneal_moves=0)
    assert f"raise mesh.max_chips to {chips}" in shortfall.levers
    map_graph(GRAPH, small_chip(mesh={"max_chips": chips}, **figures), anneal_moves=0)
    with pytest.raises(DoesNotFit):
        map_graph(GRAPH, small_chip(mesh={"max_chips": chips - 1}, **figures), anneal_moves=0)


def test_a_chip_that_cannot_multiply_names_the_nodes_without_a_home() -> None:
    (shortfall,) = refusal(without_ec_cores()).shortfalls
    assert (shortfall.resource, shortfall.limit) == ("mesh.ec_cores_per_tile", 0)
    assert "5 layer_norm" in shortfall.where
    assert "2 softmax" in shortfall.where
    assert "4 product" in shortfall.where


def test_binary_spikes_give_multi_threshold_neurons_no_home() -> None:
    error = refusal(small_chip(synapse={"graded_spikes": "binary"}))
    assert (error.shortfalls[0].resource, error.shortfalls[0].demand) == ("synapse_core.graded_spikes", 16)


def test_all_shortfalls_are_told_at_once_the_worst_first() -> None:
    error = refusal(small_chip(synapse={"weight_memory_bits": 63, "max_axons": 0}, ec={"state_memory_bits": 64}))
    resources = [shortfall.resource for shortfall in error.shortfalls]
    assert resources[0] == "synapse_core.max_axons"
    assert {"synapse_core.weight_memory_bits", "ec_core.state_memory_bits"} < set(resources)
    assert resources.index("ec_core.state_memory_bits") < resources.index("synapse_core.weight_memory_bits")


def test_nodes_that_lack_the_same_are_told_once() -> None:
    (shortfall,) = refusal(small_chip(synapse={"max_neurons": 0})).shortfalls
    assert "8 more nodes" in shortfall.where


def test_spikes_that_wait_in_an_event_buffer_take_state_memory() -> None:
    """Two tokens of 5-bit codes in front of a synapse's rows; both operands in front of a product, A of all queries."""
    waits = Memories(event_buffer=Memory(width_bits=64, read_pj=1.0, write_pj=1.0))
    roomy = small_chip(synapse={"state_memory_bits": 10**6, "weight_memory_bits": 10**7}, ec={"state_memory_bits": 10**7})
    plain, buffered = (map_graph(GRAPH, chip, placement="row_major") for chip in (roomy, replace(roomy, memories=waits)))
    code = ceil(log2(GRAPH.of_type(MTNeurons)[0].values + 1))
    for name in ("blocks.0.mlp.fc1", "blocks.0.attn.qk", "blocks.0.attn.sv"):
        node = GRAPH.nodes[name]
        if isinstance(node, Synapse):
            expected = 2 * node.fan_in * code
        else:
            assert isinstance(node, ProductUnit)
            depth = node.head_width if node.form == "qk" else node.keys
            expected = node.heads * (node.tokens * depth + node.keys * node.head_width) * code
        used = [sum(_state(program, name)) for program in (plain, buffered)]
        assert used[1] - used[0] == expected * (len(_state(buffered, name)) if isinstance(node, Synapse) else 1)
    least = refusal(replace(roomy, synapse_core=replace(roomy.synapse_core, state_memory_bits=1), memories=waits)).shortfalls[0]
    assert (least.resource, least.demand) == ("synapse_core.state_memory_bits", 128 + 10 * 32 + 2 * code), "one row, one output"


def _state(program: CoreProgram, name: str) -> list[int]:
    """State bits of each part of a node."""
    return [int(program.parts.state_bits[part]) for part in program.parts_of(name)]
