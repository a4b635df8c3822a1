"""int8: are spikes and logits bit-identical between the dense reference and execution, on any chip, seed and batch size?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import ECUnit, Gate, Node, Port, Rotation, SpikingGraph, Synapse, TokenMean, TokenSelect
from synaptile.conversion.graph.units import ECFunction
from synaptile.conversion.thresholds import with_thresholds
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import reference
from tests.graphs import vit_graph
from tests.simulator.runs import CHIPS, execute_keeping_spikes, some_images

ACTIVATIONS = sorted(set(get_args(ECFunction)) - {"layer_norm", "rms_norm", "softmax"})


def varied(graph: SpikingGraph, activation: Any, *, biased: bool, pooled: bool, n: int, modern: bool = False) -> SpikingGraph:
    """The graph with another activation, a bias on its attention maps, and tokens pooled instead of selected.

    `modern`: RMSNorm for LayerNorm, queries that turn by position, a gated MLP.
    """
    rng = np.random.default_rng(9)
    arrays, nodes = dict(graph.arrays), list[Node]()
    for node in graph.nodes.values():
        if isinstance(node, ECUnit) and node.function == "gelu":
            node = replace(node, function=activation)
        elif isinstance(node, ECUnit) and node.function == "softmax" and biased:
            node = replace(node, biased=True)
            arrays[f"{node.name}.bias"] = rng.standard_normal(node.shape).astype(np.float32)
        elif isinstance(node, TokenSelect) and pooled:
            node = TokenMean(node.name, node.inputs, node.shape, 1, graph.nodes[node.inputs[0].node].tokens)
        elif isinstance(node, ECUnit) and node.function == "layer_norm" and modern:
            node = replace(node, function="rms_norm")
            del arrays[f"{node.name}.bias"]
        if modern and node.name.endswith(("attn.q", "fc2.in")):
            (port,) = node.inputs
            if node.name.endswith("q"):
                real: Node = Rotation(f"{node.name}.rotation", (port,), node.shape, 1 + (node.width % 2 == 0), node.width)
                arrays |= {f"{real.name}.{k}": rng.standard_normal(node.shape).astype(np.float32) for k in real.array_shapes()}
            else:
                real = Gate(f"{node.name}.gate", (port, graph.nodes[port.node].inputs[0]), node.shape)
            nodes.append(real)
            node = replace(node, inputs=(Port(real.name, 0, real.width),))
        nodes.append(node)
    built = SpikingGraph.build("varied", nodes, arrays)
    thetas = 2.0 ** rng.uniform(1, 3, (len(built.sites), 2)) / 2**n
    return with_thresholds(built, {s.name: (*theta, n) for s, theta in zip(built.sites, thetas.tolist(), strict=True)})


@st.composite
def graphs(draw: st.DrawFn) -> SpikingGraph:
    heads, n = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    network = vit_graph(
        depth=draw(st.integers(1, 2)),
        tokens=draw(st.integers(2, 7)),
        width=heads * draw(st.integers(2, 6)),
        heads=heads,
        hidden=draw(st.integers(3, 20)),
        classes=draw(st.integers(1, 5)),
        n=n,
        seed=draw(st.integers(0, 99)),
        dense_head=draw(st.booleans()),
        select_first=draw(st.booleans()),
    )
    biased, pooled, modern = (draw(st.booleans()) for _ in range(3))
    return varied(network, draw(st.sampled_from(ACTIVATIONS)), biased=biased, pooled=pooled, n=n, modern=modern)


@pytest.mark.slow  # eight networks on three chips
@settings(max_examples=8, deadline=None, derandomize=True)
@given(graph=graphs(), steps=st.integers(1, 5), count=st.integers(1, 3))
def test_execution_equals_the_reference_on_every_chip(graph: SpikingGraph, steps: int, count: int) -> None:
    images = some_images(graph, count)
    expected = reference(graph, images, steps, "int8")
    for chip in CHIPS.values():
        for seed, at_once in ((0, None), (1, 1)):
            program = map_graph(graph, chip(), seed=seed, anneal_moves=50)
            activity, spikes = execute_keeping_spikes(program, images, steps, "int8", images_at_once=at_once)
            assert_bits_equal(activity.logits, expected.logits)
            for site, values in expected.spikes.items():
                assert_bits_equal(spikes[site], values)
            for i, node in enumerate(activity.accounting.nodes):
                np.testing.assert_array_equal(activity.accounting.eq30[i], expected.eq30[node])
                np.testing.assert_array_equal(activity.accounting.released[i], expected.released[node])


def assert_bits_equal(found: Any, expected: Any) -> None:
    """Equal dtype and equal values; a zero's sign, which no sum or comparison sees, is put aside."""
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal((found + np.float32(0)).view(np.uint32), (expected + np.float32(0)).view(np.uint32))


@pytest.fixture(scope="module")
def programs() -> dict[str, CoreProgram]:
    graph = vit_graph(1, 7, 12, 3, 20, 4)
    return {name: map_graph(graph, chip(), anneal_moves=50) for name, chip in CHIPS.items()}


def test_the_chips_do_cut_the_network_differently(programs: dict[str, CoreProgram]) -> None:
    """What makes the property worth its name: whole, split over inputs, split over outputs and tokens."""

    def cuts(chip: str, column: str) -> int:
        parts = programs[chip].parts
        chosen = programs[chip].parts_of("blocks.0.mlp.fc1")
        return len({int(value) for value in getattr(parts, column)[chosen]})

    columns = ("token_start", "out_start", "in_start")
    assert [cuts("roomy", column) for column in columns] == [1, 1, 1]
    assert [cuts("splitting", column) for column in columns] == [1, 1, 3]
    assert cuts("replicating", "token_start") > 1 and cuts("replicating", "out_start") > 1
    products = {chip: len(programs[chip].parts_of("blocks.0.attn.sv")) for chip in CHIPS}
    assert products["roomy"] == 3 and products["splitting"] == 6, "one head a part; then half the tokens of one"


def test_replicas_share_the_tokens_and_change_nothing(programs: dict[str, CoreProgram]) -> None:
    graph = programs["splitting"].graph
    images = some_images(graph, 2)
    expected = reference(graph, images, 3, "int8")
    program = map_graph(graph, CHIPS["splitting"](), replicas=3, anneal_moves=50)
    assert program.parts.replica[program.parts_of("blocks.0.mlp.fc1")].max() == 2
    activity, spikes = execute_keeping_spikes(program, images, 3, "int8")
    assert_bits_equal(activity.logits, expected.logits)
    for site, values in expected.spikes.items():
        assert_bits_equal(spikes[site], values)


@pytest.mark.parametrize("chip", CHIPS)
def test_a_site_may_feed_a_product_and_a_synapse(chip: str) -> None:
    """Heads of the one and input splits of the other cut its channels at different places."""
    graph = vit_graph(1, 5, 12, 3, 16, 3)
    extra = Synapse("extra", (Port("blocks.0.attn.v", 0, 12),), (5, 12), 12)
    nodes = [
        replace(n, inputs=(*n.inputs, Port("extra", 0, 12))) if n.name == "blocks.0.add1" else n for n in graph.nodes.values()
    ]
    weight = np.random.default_rng(0).standard_normal((12, 12)).astype(np.float32)
    arrays = {**graph.arrays, "extra.weight": weight, "extra.bias": np.zeros(12, np.float32)}
    shared = SpikingGraph.build("shared", [*nodes, extra], arrays)
    images = some_images(shared, 2)
    activity, spikes = execute_keeping_spikes(map_graph(shared, CHIPS[chip](), anneal_moves=50), images, 3, "int8")
    expected = reference(shared, images, 3, "int8")
    assert_bits_equal(activity.logits, expected.logits)
    for site, values in expected.spikes.items():
        assert_bits_equal(spikes[site], values)
    record = activity.spikes["blocks.0.attn.v"]
    fired = expected.spikes["blocks.0.attn.v"] != 0
    for group, (start, stop) in enumerate(pairwise(record.bounds.tolist())):
        np.testing.assert_array_equal(record.events[..., group], fired[..., start:stop].sum(axis=-1))
    assert {0, 4, 8, 12} <= set(record.bounds.tolist())
