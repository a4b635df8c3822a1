"""How tests of operators hold a lowered model against torch, and its execution on small cores against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import check_against_model, lower_model
from synaptile.conversion.graph import SpikingGraph
from synaptile.energy import EnergyReport, price
from synaptile.mapper import map_graph
from synaptile.simulator import reference, schedule
from tests.conversion.small_models import model_logits, random_images
from tests.simulator.runs import execute_keeping_spikes, splitting_chip

STEPS = 3
METHODS: dict[str, dict[str, Any]] = {
    "ecmt": {"method": "ecmt"},
    "spikezip": {"method": "spikezip", "keep_activations": True},
    "differential": {"method": "differential"},
}


def assert_lowered(model: Any, shape: tuple[int, int, int]) -> None:
    """The lowered graph computes what the model does, in float64."""
    model = model.double()
    graph = lower_model(model, shape)
    assert check_against_model(graph, model) < 1e-9
    images = random_images(2, shape, seed=5, dtype=np.float64)
    expected = np.concatenate([model_logits(model, image[None]) for image in images])
    np.testing.assert_allclose(ann_forward(graph, images), expected, rtol=1e-9, atol=1e-10)


def assert_executed(graph: SpikingGraph, images: Any, axons: int) -> EnergyReport:
    """Execution in int8 on cores of few axons gives each spike, logit and accumulate of the reference; its price.

    Convolutions of 36 positions and more are cut over their rows.
    """
    program = map_graph(graph, splitting_chip(axons=axons, ec_words=1200, state_words=130), anneal_moves=10)
    activity, spikes = execute_keeping_spikes(program, images, STEPS, "int8")
    expected = reference(graph, images, STEPS, "int8")
    for site, values in expected.spikes.items():
        np.testing.assert_array_equal(spikes[site], values, err_msg=site)
    np.testing.assert_array_equal(activity.logits, expected.logits)
    np.testing.assert_array_equal(activity.accounting.eq30, [expected.eq30[node] for node in graph.ann_macs])
    return price(activity, program.chip, timeline=schedule(activity))  # executed = scheduled = priced


def cosine_with_ann(graph: SpikingGraph, images: Any) -> float:
    """Of the logits after many steps with those of the dense network."""
    logits, expected = reference(graph, images, 64).logits[-1], ann_forward(graph, images)
    return float((logits * expected).sum() / np.linalg.norm(logits) / np.linalg.norm(expected))
