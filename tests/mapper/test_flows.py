"""Does every part get what it needs? Compared with a plain loop over all pairs of parts."""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.graph import MTNeurons, ProductUnit, SpikingGraph, Synapse
from synaptile.mapper import CoreProgram, map_graph
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip

CHIPS = {
    "cut finely": small_chip(synapse={"weight_memory_bits": 20 * 33 * 32}, ec={"state_memory_bits": 130 * 32}),
    "split over inputs": small_chip(synapse={"weight_memory_bits": 30 * 32, "max_axons": 20}, mesh={"width": 16, "height": 16}),
    "weights a token": small_chip(synapse={"token_sharing": False, "max_neurons": 50}, mesh={"width": 16, "height": 16}),
    "roomy": small_chip(),
}


@pytest.fixture(scope="module", params=CHIPS)
def program(request: pytest.FixtureRequest) -> CoreProgram:
    graph = vit_graph(depth=1, tokens=7, width=24, heads=3, hidden=40, classes=5)
    return map_graph(graph, CHIPS[request.param], replicas=2, anneal_moves=0)


def naive_need(graph: SpikingGraph, consumer: str, number: int, box: tuple[int, ...]) -> set[tuple[int, int]]:
    """Elements (token, channel) of the source stream that an output box needs of an input, by each node's own equation."""
    node = graph.nodes[consumer]
    port = node.inputs[number]
    t0, t1, o0, o1, i0, i1 = box
    tokens, channels = list(range(t0, t1)), list(range(o0, o1))
    if isinstance(node, Synapse):
        channels = list(range(i0, i1))
    elif isinstance(node, ProductUnit):
        heads = set(channels) if node.is_map else {channel // node.head_width for channel in channels}
        by_channel = [channel for channel in range(node.heads * node.head_width) if channel // node.head_width in heads]
        channels = sorted(heads) if node.form == "sv" and number == 0 else by_channel
        tokens = tokens if number == 0 else list(range(node.keys))
    elif consumer.endswith(("norm", "norm1", "norm2")):
        channels = list(range(port.width))
    elif node.kind == "concatenate":
        before = sum(graph.nodes[other.node].tokens for other in node.inputs[:number])
        tokens = [t - before for t in tokens if 0 <= t - before < graph.nodes[port.node].tokens]
    elif node.kind == "token_select":
        tokens = [0]
    return {(token, channel + port.start) for token in tokens for channel in channels}


def test_flows_bring_each_part_exactly_what_it_needs(program: CoreProgram) -> None:
    graph, parts, flows = program.graph, program.parts, program.flows
    arrived: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for flow in range(flows.source.size):
        source, key = flows.source[flow], (int(flows.target[flow]), int(flows.input[flow]))
        box = (flows.token_start[flow], flows.token_stop[flow], flows.start[flow], flows.stop[flow])
        assert parts.token_start[source] <= box[0] < box[1] <= parts.token_stop[source]
        assert parts.out_start[source] <= box[2] < box[3] <= parts.out_stop[source]
        if key[1] >= 0:
            elements = [(t, c) for t in range(box[0], box[1]) for c in range(box[2], box[3])]
            arrived.setdefault(key, []).extend(elements)
            consumer = graph.nodes[program.node_names[parts.node[key[0]]]]
            sender = graph.nodes[program.node_names[parts.node[source]]]
            assert consumer.inputs[key[1]].node == sender.name
            assert flows.spiking[flow] == isinstance(sender, MTNeurons)
    for part in range(parts.node.size):
        name = program.node_names[parts.node[part]]
        columns = (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop, parts.in_start, parts.in_stop)
        for number, port in enumerate(graph.nodes[name].inputs):
            if graph.nodes[port.node].kind == "source":
                continue
            got = arrived.pop((part, number), [])
            assert len(got) == len(set(got))
            assert set(got) == naive_need(graph, name, number, tuple(int(column[part]) for column in columns))
    assert not arrived


def test_flows_share_a_tree_exactly_where_source_and_region_are_the_same(program: CoreProgram) -> None:
    flows, core = program.flows, program.parts.core
    leaving = core[flows.source] != core[flows.target]
    np.testing.assert_array_equal(flows.group >= 0, leaving)
    columns = (flows.source, flows.token_start, flows.token_stop, flows.start, flows.stop)
    keys = [tuple(int(column[flow]) for column in columns) for flow in np.flatnonzero(leaving)]
    groups = flows.group[leaving].tolist()
    assert len(set(keys)) == len(set(groups)) == len(set(zip(keys, groups, strict=True)))
