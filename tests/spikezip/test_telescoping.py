"""Do increments sum to the function of the sum, on the reference and on the cores (proof 2)?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.functions import evaluate
from synaptile.conversion.graph import (
    ECUnit,
    ImageSource,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    STBIFNeurons,
    Synapse,
)
from synaptile.foundation.types import Array
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from tests.simulator.runs import CHIPS, execute_keeping_spikes
from tests.spikezip.networks import images_of, small_qann

STEPS = 60
Runner = Callable[[SpikingGraph, Array], tuple[Array, dict[str, Array]]]


def on_reference(graph: SpikingGraph, images: Array) -> tuple[Array, dict[str, Array]]:
    run = reference(graph, images, STEPS)
    return run.logits, dict(run.spikes)


def on_cores(graph: SpikingGraph, images: Array) -> tuple[Array, dict[str, Array]]:
    activity, spikes = execute_keeping_spikes(
        map_graph(graph, CHIPS["splitting"](), anneal_moves=50), images, STEPS, "float64", images_at_once=1
    )
    return activity.logits, spikes


RUNNERS = {"reference": on_reference, "cores": on_cores}


def site(name: str, node: str, start: int, stop: int, shape: tuple[int, ...], step: float) -> STBIFNeurons:
    return STBIFNeurons(name, (Port(node, start, stop),), shape, step, -64, 63)


def pixels(presentation: Any, rate_steps: int, width: int) -> tuple[list[Node], dict[str, Array]]:
    """The image as one row of its pixels: a patch embedding that hands them on."""
    shape = (3, width // 6, 2)
    source = ImageSource("image", (), (1, width), shape, presentation=presentation, rate_steps=rate_steps)
    embedding = PatchEmbedding("pixels", (Port("image", 0, width),), (1, width), shape[1:], shape[1:], injection="once")
    return [source, embedding], {"pixels.weight": np.eye(width), "pixels.bias": np.zeros(width)}


def attention(step: float, function: bool) -> SpikingGraph:
    """One row of 12 pixels as q, k and v of one token in two heads: scores (softmax or not), times v, read out."""
    sites = [site(name, "pixels", 4 * i, 4 * i + 4, (1, 4), step) for i, name in enumerate("qkv")]
    qk = ProductUnit("qk", (Port("q", 0, 4), Port("k", 0, 4)), (2, 1, 1), "qk", 2, 1, 2, "sum")
    unit = ECUnit(
        "f", (Port("qk", 0, 2),), (2, 1, 1), "softmax" if function else "relu", 0.0, 0.7 if function else 1.0, law="sum"
    )
    weights = site("weights", "f" if function else "qk", 0, 2, (2, 1, 1), step)
    sv = ProductUnit("sv", (Port("weights", 0, 2), Port("v", 0, 4)), (1, 4), "sv", 2, 1, 2, "sum")
    head_in = site("head.in", "sv", 0, 4, (1, 4), step)
    rng = np.random.default_rng(0)
    front, identity = pixels("rate", 8, 12)
    head = Synapse("head", (Port("head.in", 0, 4),), (1, 3), 4, injection="once")
    nodes = [
        *front, *sites, qk, *([unit] if function else []), weights, sv, head_in, head,
        ReadOut("readout", (Port("head", 0, 3),), (1, 3), law="sum"),
    ]  # fmt: skip
    arrays = {"head.weight": rng.integers(-3, 4, (3, 4)).astype(float), "head.bias": np.array([1.0, -2.0, 3.0])}
    return SpikingGraph.build("attention", nodes, arrays | identity)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_products_and_linears_on_integers_exactly(runner: Runner) -> None:
    graph = attention(1.0, function=False)
    images = np.random.default_rng(1).integers(-2, 3, (4, 3, 2, 2)).astype(float)  # an eighth of a whole number a step
    logits, spikes = runner(graph, images)
    total = {name: values.sum(axis=0) for name, values in spikes.items()}
    rows = images.reshape(4, 12)
    np.testing.assert_array_equal(np.concatenate([total[name][:, 0] for name in "qkv"], axis=1), rows)
    q, k, v = (rows[:, 4 * i : 4 * i + 4].reshape(4, 2, 2) for i in range(3))
    scores = (q * k).sum(axis=2)
    np.testing.assert_array_equal(total["weights"][:, :, 0, 0], scores)
    rested = (scores[:, :, None] * v).reshape(4, 4)
    np.testing.assert_array_equal(total["head.in"][:, 0], rested)
    np.testing.assert_array_equal(logits[-1], rested @ graph.array("head", "weight").T + graph.array("head", "bias"))


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_every_prefix_of_a_network_telescopes(runner: Runner) -> None:
    """At every step, not only at rest, the logits are those of the sums that the last sites have emitted."""
    graph = small_qann(1)
    images = images_of(graph, 2)
    logits, spikes = runner(graph, images)
    sums = spikes["head.in"].cumsum(axis=0)[:, :, 0]
    expected = sums @ graph.array("head", "weight").T + graph.array("head", "bias")
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
@pytest.mark.parametrize("function", ["layer_norm", "gelu", "silu"])
def test_functions_of_running_sums(runner: Runner, function: Any) -> None:
    """What a unit has emitted is F of the sum in front of it, at every step."""
    rng = np.random.default_rng(3)
    front = STBIFNeurons("front", (Port("pixels", 0, 6),), (1, 6), 0.173, -16, 15)
    unit = ECUnit("f", (Port("front", 0, 6),), (1, 6), function, 1e-6, 0.9, law="sum")
    readout = ReadOut("readout", (Port("f", 0, 6),), (1, 6), law="sum")
    arrays = {"f.weight": rng.standard_normal(6), "f.bias": rng.standard_normal(6)} if function == "layer_norm" else {}
    source, identity = pixels("analog", 0, 6)
    graph = SpikingGraph.build("function", [*source, front, unit, readout], arrays | identity)
    logits, spikes = runner(graph, rng.standard_normal((3, 3, 1, 2)))
    expected = evaluate(graph, unit, spikes["front"].cumsum(axis=0))
    np.testing.assert_allclose(logits, expected[:, :, 0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_softmax_attention_settles_on_its_definition(runner: Runner) -> None:
    graph = attention(0.0713, function=True)
    images = np.random.default_rng(4).standard_normal((3, 3, 2, 2))
    _, spikes = runner(graph, images)
    total = {name: values.sum(axis=0) for name, values in spikes.items()}
    np.testing.assert_allclose(total["weights"], np.floor(1.0 / 0.0713 + 0.5) * 0.0713, rtol=0, atol=1e-12)  # one key: all weight
    expected = np.floor(total["weights"][:, :, 0, 0].repeat(2, axis=1) * total["v"][:, 0] / 0.0713 + 0.5) * 0.0713
    np.testing.assert_allclose(total["head.in"][:, 0], expected, rtol=0, atol=1e-12)


def test_a_run_stops_nowhere_short_of_rest() -> None:
    graph = small_qann(1)
    images = images_of(graph, 2)
    run = reference(graph, images, 60)
    assert run.settled is not None and run.settled.all()
    late = int(run.settled.max())
    activity = execute(map_graph(graph, CHIPS["roomy"](), anneal_moves=50), images, 60, "float64")
    np.testing.assert_array_equal(activity.settled, run.settled)
    moved = np.any([values[:, 0].reshape(60, -1).any(axis=1) for values in run.spikes.values()], axis=0)
    assert moved[int(run.settled[0]) - 2] and not moved[int(run.settled[0]) - 1 :].any()
    early = reference(graph, images, late - 1)
    assert early.settled is not None and (early.settled == 0).any()
