"""Rotations, gates, norms of heads, Linears along tokens: what the model does, on cores too, in every method?"""

from __future__ import annotations

from typing import Any

import pytest

from synaptile.conversion.convert import convert, lower_model
from synaptile.conversion.graph import Gate, Port, Rearrange, Rotation, SpikingGraph
from synaptile.energy import price
from synaptile.foundation.errors import ModelError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from tests.conversion.agreement import METHODS, STEPS, assert_executed, assert_lowered, cosine_with_ann
from tests.conversion.real_nodes import MODELS, SHAPE
from tests.conversion.small_models import random_images
from tests.simulator.runs import execute_keeping_spikes

RUN = ("RoPE, SwiGLU", "RMSNorm of q and k", "gMLP", "shifted windows, cosine", "a factor per token")
"""Each new node and form once: what the cost of three methods allows."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_computes_the_same_in_float64(name: str) -> None:
    assert_lowered(MODELS[name](), SHAPE)


def converted(name: str, method: str) -> tuple[SpikingGraph, Any]:
    model = MODELS[name]()
    images = random_images(8, SHAPE, seed=1)
    return convert(model, images, **METHODS[method]), images[:2]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", RUN)
def test_execution_on_small_cores_equals_the_reference(name: str, method: str) -> None:
    graph, images = converted(name, method)
    report = assert_executed(graph, images, axons=64)
    assert report.top == "static" or report.top == "noc"


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_mean_of_many_steps_is_what_the_model_computes(method: str) -> None:
    graph, images = converted("RoPE, SwiGLU", method)
    assert cosine_with_ann(graph, images) > 0.98  # SpikeZIP's is that of its own QANN


def test_what_each_new_node_costs() -> None:
    graph, images = converted("RoPE, SwiGLU", "ecmt")
    program = map_graph(graph, load_chip("ecmt45"), anneal_moves=0)
    activity, _ = execute_keeping_spikes(program, images, STEPS, "float32")
    report = price(activity, program.chip)
    rotation, gate = graph.of_type(Rotation)[0], graph.of_type(Gate)[0]
    assert (rotation.block, rotation.period) == (2, 8), "neighbours, and all heads alike"

    def counts(node: str, side: str) -> dict[str, int]:
        lines = report.lines(node=node, accounting="executed", side=side)
        return {op: sum(line.count for line in lines if line.op == op) for op in {line.op for line in lines}}

    times = STEPS * len(images)
    assert counts(rotation.name, "snn") == {"mul": rotation.size * times, "mac": rotation.size * times}
    assert counts(rotation.name, "ann") == {"mul": rotation.size, "mac": rotation.size}
    assert counts(gate.name, "snn") == {"add": 3 * gate.size * times, "mul": 4 * gate.size * times}
    assert counts(gate.name, "ann") == {"mul": gate.size}


def test_heads_are_normalised_apart_and_a_transpose_is_a_rearrangement() -> None:
    heads = lower_model(MODELS["norm of q and k"]()).nodes["blocks.0.attn.q_norm"]
    assert (heads.function, heads.groups, heads.row) == ("layer_norm", 3, 8)  # type: ignore[attr-defined]  # an ECUnit
    moved = lower_model(MODELS["mixer"](), SHAPE).of_type(Rearrange)
    assert {(node.extents, node.order) for node in moved} == {((4, 24), (1, 0)), ((24, 4), (1, 0))}


def test_channels_of_a_linear_that_are_read_apart_have_quantisers_apart() -> None:
    """And where half of them are copied, spikes are counted at channels of the site, not of the wider copy."""
    graph, images = converted("half of a Linear twice", "spikezip")
    ends = {site.name: site.inputs[0] for site in graph.sites if site.inputs[0].node.endswith("fc1")}
    fc1 = "blocks.0.mlp.fc1"
    assert ends == {f"{fc1}.out.0-48": Port(fc1, 0, 48), f"{fc1}.out": Port(fc1, 0, 96)}
    assert_executed(graph, images, axons=64)


def test_a_gelu_that_gates_is_refused_by_spikezip_with_what_helps() -> None:
    model = MODELS["gMLP"]()
    with pytest.raises(ModelError, match=r"gelu.*keep_activations"):
        convert(model, random_images(2), method="spikezip")
