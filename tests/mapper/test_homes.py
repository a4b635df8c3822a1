"""Does a chip say which nodes have no home on it, and does the mapper agree?"""

from __future__ import annotations

import pytest

from synaptile.conversion.graph import ImageSource
from synaptile.hwmodels import load_chip, shipped_chips, with_host_ec
from synaptile.mapper import CoreKind, home_of, map_graph
from synaptile.mapper.homes import kinds_without_home
from synaptile.mapper.refusal import DoesNotFit
from tests.graphs import vit_graph

GRAPH = vit_graph(1, 5, 8, 2, 16, 3, n=4)


def test_the_reference_chip_and_spinnaker2_house_every_node() -> None:
    assert kinds_without_home(load_chip("ecmt45")) == kinds_without_home(load_chip("spinnaker2")) == ()


def test_without_ec_cores_every_kind_that_the_mapper_sends_there_is_named() -> None:
    named = {part.strip() for home in kinds_without_home(load_chip("loihi2")) for part in home.kind.split(",")}
    words = {word for name in named for word in name.split()} | {"ec"}
    for graph in (GRAPH, vit_graph(1, 5, 8, 2, 16, 3, dense_head=True)):
        for node in graph.nodes.values():
            if not isinstance(node, ImageSource) and home_of(graph, node) is CoreKind.EC and node.kind not in ("mt", "synapse"):
                assert node.kind in words, node.kind
    assert "dense head" in named, "the one synapse that needs a multiplier"


def test_binary_spikes_leave_neurons_and_synapses_without_a_home() -> None:
    assert {"mt", "synapse"} <= {home.kind for home in kinds_without_home(load_chip("loihi"))}
    assert {home.kind for home in kinds_without_home(with_host_ec(load_chip("loihi")))} == {"mt", "synapse"}
    assert kinds_without_home(with_host_ec(load_chip("loihi2"))) == ()


@pytest.mark.parametrize("name", shipped_chips())
def test_the_mapper_refuses_a_chip_exactly_where_nodes_have_no_home(name: str) -> None:
    chip = load_chip(name)
    if kinds_without_home(chip):
        with pytest.raises(DoesNotFit):
            map_graph(GRAPH, chip, anneal_moves=10)
    else:
        assert len(map_graph(GRAPH, chip, anneal_moves=10).parts.node)


def test_loihi2_with_a_host_ec_unit_takes_a_small_transformer() -> None:
    assert map_graph(GRAPH, with_host_ec(load_chip("loihi2")), anneal_moves=10).chip.virtual_host_ec
