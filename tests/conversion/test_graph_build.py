"""Is a graph that breaks its own rules refused when it is built, with the node, the value and the limit named?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ECUnit,
    ImageSource,
    Node,
    Port,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    TokenMean,
    TokenSelect,
    layer_of,
)
from synaptile.foundation.errors import GraphError, SynaptileError, WeightsError
from tests.conversion.graphs_by_hand import ARRAYS, NODES, between, build, changed
from tests.graphs import vit_graph


def test_a_graph_by_hand_is_accepted_and_ordered() -> None:
    graph = build(reversed(NODES.values()))
    position = {name: i for i, name in enumerate(graph.nodes)}
    assert all(position[port.node] < position[node.name] for node in graph.nodes.values() for port in node.inputs)
    assert list(build().nodes) == list(NODES)
    assert build().consumers("norm") == ("select",) and build().readout is NODES["readout"]
    assert build().ann_macs == {"head": 18}


def test_a_stream_goes_after_the_last_of_its_readers() -> None:
    graph = vit_graph(2, 5, 8, 2, 16, 3)
    position = {name: i for i, name in enumerate(graph.nodes)}
    released = {stream: name for name in graph.nodes for stream in graph.read_last(name)}
    assert released.keys() == graph.nodes.keys() - {graph.readout.name}
    assert all(position[released[name]] == max(position[reader] for reader in graph.consumers(name)) for name in released)


SOME_PORT = (Port("norm", 0, 6),)


@pytest.mark.parametrize(
    ("nodes", "parts"),
    [
        pytest.param([*NODES.values(), NODES["norm"]], ["names nodes twice", "norm"], id="duplicate"),
        pytest.param(changed("head.in", inputs=(Port("nowhere", 0, 6),)), ["'head.in'", "'nowhere'", "not exist"], id="dangling"),
        pytest.param(changed("head.in", inputs=(Port("select", 0, 7),)), ["0:7 of 'select', which has 6"], id="port too wide"),
        pytest.param(changed("head.in", inputs=(Port("select", 3, 3),)), ["3:3 of 'select'"], id="empty port"),
        pytest.param(changed("head.in", inputs=(Port("select", -1, 5),)), ["-1:5 of 'select'"], id="negative port"),
        pytest.param(changed("head.in", shape=(1, 5)), ["'head.in' has shape (1, 5)", "(1, 6)"], id="width"),
        pytest.param(changed("head.in", shape=(6,)), ["'head.in'", "(6,)", "2 or 3 positive extents"], id="one extent"),
        pytest.param(changed("head.in", shape=(0, 6)), ["'head.in'", "(0, 6)", "positive"], id="no token"),
        pytest.param(changed("head.in", inputs=SOME_PORT * 2), ["'head.in' reads 2 streams, needs 1"], id="arity"),
        pytest.param(changed("head.in", inputs=()), ["'head.in' reads 0 streams"], id="no input"),
        pytest.param(changed("head", fan_in=5), ["'head' has fan-in 5", "(1, 6)"], id="fan-in"),
        pytest.param(changed("head", spiking=False), ["'head' is real-valued", "'head.in'"], id="real weights on spikes"),
        pytest.param(changed("head", inputs=(Port("select", 0, 6),)), ["'head' is spiking", "'select'"], id="spikes missing"),
        pytest.param(changed("head", inputs=(Port("head.in", 0, 3),)), ["part of neuron site 'head.in'"], id="part of a site"),
        pytest.param(changed("select", stop=5), ["'select' takes tokens 0:5 of 4"], id="tokens beyond"),
        pytest.param(changed("select", start=1), ["'select' takes tokens 1:1"], id="no tokens"),
        pytest.param(changed("head.in", theta1=0.0), ["'head.in' has theta1 0.0"], id="zero threshold"),
        pytest.param(changed("head.in", theta2=float("nan")), ["'head.in'", "theta2 nan"], id="nan threshold"),
        pytest.param(changed("head.in", theta2=float("inf")), ["'head.in'", "theta2 inf"], id="infinite threshold"),
        pytest.param(changed("head.in", n=17), ["'head.in'", "n 17", "1 to 16"], id="too many thresholds"),
        pytest.param(changed("patch", inputs=SOME_PORT), ["'patch' must read the image source"], id="patches of no image"),
        pytest.param(changed("patch", shape=(5, 6)), ["'patch' has shape (5, 6)"], id="number of patches"),
        pytest.param(changed("patch", image_channels=1), ["'patch'", "1 channels of 3"], id="image channels"),
        pytest.param(changed("patch", stride=(0, 2)), ["'patch'", "stride (0, 2)"], id="stride zero"),
        pytest.param(changed("image", shape=(1, 47)), ["'image' has shape (1, 47)", "(1, 48)"], id="pixels"),
        pytest.param([n for n in NODES.values() if n.name != "readout"], ["0 nodes of type read-out"], id="no read-out"),
        pytest.param(
            [*NODES.values(), ReadOut("second", (Port("head", 0, 3),), (1, 3))], ["2 nodes of type read-out"], id="two read-outs"
        ),
        pytest.param(
            [*NODES.values(), ImageSource("other", (), (1, 48), (3, 4, 4))], ["2 nodes of type image source"], id="two images"
        ),
        pytest.param([*NODES.values(), ECUnit("spare", SOME_PORT, (4, 6), "gelu")], ["nothing reads 'spare'"], id="dead end"),
        pytest.param([Node("odd", (), (1, 1)), *NODES.values()], ["'odd' has the unknown type Node"], id="unknown type"),
        pytest.param(
            changed("readout", inputs=(Port("norm", 0, 3),), shape=(4, 3)), ["'readout'", "(4, 3)", "(1, 3)"], id="four answers"
        ),
        pytest.param(
            between(Add("sum", (Port("norm", 0, 6), Port("norm", 0, 5)), (4, 6)), "select"), ["'sum'"], id="unequal addends"
        ),
        pytest.param(
            between(Concatenate("cat", (Port("norm", 0, 6), Port("norm", 0, 5)), (8, 6)), "select"),
            ["'cat' concatenates streams of different widths"],
            id="unequal concatenation",
        ),
        pytest.param(
            between(TokenMean("mean", SOME_PORT, (1, 6), 0, 9), "head.in"), ["'mean' takes tokens 0:9 of 4"], id="mean beyond"
        ),
        pytest.param(
            [*NODES.values(), ProductUnit("qk", SOME_PORT * 2, (2, 4, 4), "qk", 2, 4, 3)],
            ["'qk' reads 'norm'", "must be neurons"],
            id="product of reals",
        ),
    ],
)  # fmt: skip
def test_a_graph_that_breaks_its_rules_is_refused(nodes: list[Node], parts: list[str]) -> None:
    with pytest.raises(GraphError) as caught:
        build(nodes, structure_only=True)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_cycle_is_refused() -> None:
    loop = Add("loop", (Port("norm", 0, 6), Port("later", 0, 6)), (4, 6))
    later = ECUnit("later", (Port("loop", 0, 6),), (4, 6), "gelu")
    with pytest.raises(GraphError, match=r"cycle through '(loop|later)'"):
        build([*between(loop, "select"), later], structure_only=True)


def test_a_node_that_reads_a_misshapen_one_is_refused_whatever_the_order() -> None:
    nodes = changed("norm", shape=(6,))
    for listed in (nodes, nodes[::-1]):
        with pytest.raises(GraphError, match="'norm' has shape"):
            build(listed, structure_only=True)


@pytest.mark.parametrize("reader", ["select", "mean", "cat"])
def test_an_attention_map_cannot_be_read_as_tokens(reader: str) -> None:
    graph = vit_graph(depth=1, tokens=5, width=8, heads=1, hidden=16, classes=3)
    port = (Port("blocks.0.attn.softmax", 0, 1),)
    extra: Node = {
        "select": TokenSelect("bad", port, (1, 5), 0, 1),
        "mean": TokenMean("bad", port, (1, 5), 0, 1),
        "cat": Concatenate("bad", port, (1, 5)),
    }[reader]
    with pytest.raises(GraphError, match="'bad' reads the attention map"):
        SpikingGraph.build("net", [*graph.nodes.values(), extra], graph.arrays)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        pytest.param({"head.bias": None}, ["lacks the array 'head.bias'", "(3,)"], id="missing"),
        pytest.param({"head.weight": np.ones((6, 3), np.float32)}, ["'head.weight'", "(6, 3)", "(3, 6)"], id="transposed"),
        pytest.param({"head.bias": np.array([1, np.nan, np.inf], np.float32)}, ["'head.bias'", "2 values", "NaN"], id="nan"),
        pytest.param({"head.bias": np.ones(3, np.float16)}, ["'head.bias'", "float16", "float32"], id="half"),
        pytest.param({"head.bias": np.ones(3, np.int64)}, ["'head.bias'", "int64"], id="integers"),
        pytest.param({"hat.bias": np.ones(3, np.float32)}, ["no node reads", "hat.bias"], id="surplus"),
    ],
)
def test_arrays_that_do_not_belong_are_refused(changes: dict[str, Any], parts: list[str]) -> None:
    arrays = {name: array for name, array in {**ARRAYS, **changes}.items() if array is not None}
    with pytest.raises(WeightsError) as caught:
        build(arrays=arrays)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_structure_needs_no_arrays_but_says_so_when_one_is_asked_for() -> None:
    graph = build(arrays={}, structure_only=True)
    with pytest.raises(GraphError, match=r"carries no array 'head\.weight'.*structure only"):
        graph.array("head", "weight")


def test_a_graph_does_not_change_after_it_was_built() -> None:
    graph = build()
    with pytest.raises(TypeError):
        graph.nodes["other"] = NODES["norm"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        graph.name = "other"  # type: ignore[misc]


def test_the_digest_sees_structure_weights_and_metadata() -> None:
    weights = {**ARRAYS, "head.bias": ARRAYS["head.bias"] + 1}
    graphs = [build(), build(changed("head.in", theta1=0.11)), build(arrays=weights), build(changed("head.in", n=7))]
    graphs.append(SpikingGraph.build("net", NODES.values(), ARRAYS, {"model": "other"}))
    assert len({graph.digest for graph in graphs}) == len(graphs)
    assert build().digest == build(arrays={name: array.copy() for name, array in ARRAYS.items()}).digest


SCALARS = st.one_of(st.integers(-2, 7), st.sampled_from([0.0, float("nan"), 0.5]))
FIELDS = {
    "shape": st.lists(st.integers(-1, 7), min_size=1, max_size=4).map(tuple),
    "inputs": st.lists(st.builds(Port, st.sampled_from([*NODES, "none"]), st.integers(-1, 6), st.integers(0, 7)), max_size=3).map(
        tuple
    ),
    "kernel": st.tuples(st.integers(-1, 6), st.integers(-1, 6)),
    "stride": st.tuples(st.integers(-1, 3), st.integers(-1, 3)),
    "padding": st.tuples(st.integers(-1, 2), st.integers(-1, 2)),
    "image_shape": st.tuples(st.integers(-1, 4), st.integers(-1, 5), st.integers(-1, 5)),
    **dict.fromkeys(("start", "stop", "fan_in", "image_channels"), st.integers(-2, 7)),
    **dict.fromkeys(("theta1", "theta2", "n"), SCALARS),
}


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_damaged_node_is_accepted_or_refused_by_name_never_a_crash(data: st.DataObject) -> None:
    node = data.draw(st.sampled_from(list(NODES.values())))
    field = data.draw(st.sampled_from([f.name for f in dataclasses.fields(node) if f.name in FIELDS]))
    value = data.draw(FIELDS[field])
    try:
        graph = build(changed(node.name, **{field: value}))
    except SynaptileError as error:
        assert str(error)
    else:
        assert len(graph.nodes) == len(NODES)


@pytest.mark.parametrize(
    ("name", "layer"),
    [("blocks.3.attn.qkv", "blocks.3"), ("head.in", "head"), ("norm", "norm"), ("blocks.11", "blocks.11")],
)
def test_nodes_are_reported_under_their_layer(name: str, layer: str) -> None:
    assert layer_of(name) == layer
