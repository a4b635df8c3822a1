"""Convolutions, pools and resizes of streams: what the model does, on cores too, in every method, counted exactly?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synaptile.conversion.convert import convert, lower_model
from synaptile.conversion.graph import Convolution2d, ECUnit, Gate, PatchEmbedding, Rearrange, Rotation, SpikingGraph, Synapse
from synaptile.conversion.graph.windows import fan_out
from synaptile.mapper import map_graph
from synaptile.simulator import reference
from tests.conversion.agreement import METHODS, STEPS, assert_executed, assert_lowered, cosine_with_ann
from tests.conversion.convolutional import BODIES, SHAPE, early, network
from tests.conversion.small_models import random_images
from tests.simulator.runs import execute_keeping_spikes, splitting_chip

RUN = (
    "padded unevenly",
    "residual",
    "group norms",
    "squeeze and excitation",
    "halves",
    "attention, channels first",
    "linear attention",
)


@pytest.mark.parametrize("name", [*BODIES, "tokens"])
def test_a_network_computes_the_same_in_float64(name: str) -> None:
    assert_lowered(early() if name == "tokens" else network(name), SHAPE)


def converted(name: str, method: str) -> tuple[SpikingGraph, Any]:
    images = random_images(6, SHAPE, seed=1)
    return convert(network(name), images, **METHODS[method]), images[:2]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", RUN)
def test_execution_on_small_cores_equals_the_reference(name: str, method: str) -> None:
    graph, images = converted(name, method)
    assert_executed(graph, images, axons=400)


def test_accumulates_are_spikes_times_the_outputs_that_each_reaches() -> None:
    graph, images = converted("residual", "ecmt")
    program = map_graph(graph, splitting_chip(axons=400, ec_words=1200, state_words=130), anneal_moves=0)
    activity, spikes = execute_keeping_spikes(program, images, STEPS, "float64")
    expected = reference(graph, images, STEPS, "float64")
    for node in graph.of_type(Convolution2d):
        fired = spikes[node.inputs[0].node].reshape(STEPS, len(images), *node.image) != 0
        at = activity.accounting.nodes.index(node.name)
        np.testing.assert_array_equal(activity.accounting.eq30[at], (fired * fan_out(node)).sum(axis=(2, 3, 4)))
    np.testing.assert_allclose(activity.logits, expected.logits, rtol=1e-9, atol=1e-10)


def test_group_norms_hold_a_factor_and_an_addend_per_channel() -> None:
    """Two groups of an image that is one token, four of rows of tokens, one of all; each core holds those of its groups alone."""
    graph, images = converted("group norms", "ecmt")
    norms = [unit for unit in graph.of_type(ECUnit) if unit.normalises]
    assert [(unit.tokens, unit.groups, unit.spread, unit.apart) for unit in norms] == [
        (1, 2, 36, True), (4, 1, 36, True), (1, 1, 36, False),
    ]  # fmt: skip
    program = assert_executed(graph, images, axons=400).activity.program
    for unit in norms:
        assert program.parts.weight_bits[program.parts_of(unit.name)].sum() == 2 * 8 * 32


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_the_mean_of_many_steps_is_what_the_model_computes(method: str) -> None:
    graph, images = converted("squeeze and excitation", method)
    assert cosine_with_ann(graph, images) > 0.99


def test_each_form_is_the_node_that_costs_least() -> None:
    def kinds(name: str) -> list[type]:
        graph = lower_model(network(name))
        kept = PatchEmbedding, Synapse, Convolution2d, Rearrange, Gate
        return [type(node) for node in graph.nodes.values() if isinstance(node, kept)][:-1]  # but the head

    assert kinds("dense") == [PatchEmbedding, Rearrange, Convolution2d, Rearrange]
    assert kinds("patches") == [PatchEmbedding, Rearrange, Synapse, Synapse], "patches side by side, and pixels, are Linears"
    graph = lower_model(network("squeeze and excitation"))
    (gate,) = graph.of_type(Gate)
    spread = graph.nodes[gate.inputs[1].node]
    assert isinstance(spread, Rearrange) and spread.repeats == (36,), "a factor per channel is copied over the image"
    assert not graph.of_type(Rotation), "BatchNorm folds"


def test_thresholds_of_differential_coding_are_shared_over_an_image() -> None:
    graph, _ = converted("dense", "differential")
    (node,) = graph.of_type(Convolution2d)
    theta = graph.array(node.inputs[0].node, "theta").reshape(node.image[0], -1)
    assert (theta == theta[:, :1]).all() and len(np.unique(theta)) == node.image[0]
    plain = lower_model(network("dense")).array(node.name, "weight")
    np.testing.assert_allclose(graph.array(node.name, "weight"), plain * theta[:, 0, None, None], rtol=1e-6)
