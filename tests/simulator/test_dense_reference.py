"""Does the dense reference keep the laws of the conversion: telescoping expectations, products of means, conserved charge?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import ECUnit, MTNeurons, Port, ProductUnit, ReadOut, SpikingGraph, Synapse
from synaptile.conversion.graph.units import ECFunction
from synaptile.conversion.thresholds import with_thresholds
from synaptile.foundation.errors import ImageError, InputError
from synaptile.foundation.types import Array
from synaptile.simulator import Reference, reference
from synaptile.simulator.dense.arithmetic import evaluate
from synaptile.simulator.dense.units import ExpectationUnit, MTSite, Product
from tests.graphs import vit_graph
from tests.simulator import twins
from tests.simulator.runs import some_images

STEPS = 6


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(1, 5, 8, 2, 16, 3, dtype=np.float64)


@pytest.fixture(scope="module")
def run(graph: SpikingGraph) -> Reference:
    return reference(graph, some_images(graph, 2), STEPS)


@pytest.mark.parametrize("function", get_args(ECFunction))
def test_expectations_telescope(graph: SpikingGraph, function: Any) -> None:
    """Eq. 15: the outputs up to t add up to t F(S(t)/t) at every t."""
    node = ECUnit("norm", (Port("x", 0, 8),), (5, 8), function, eps=1e-6, input_scale=0.5)
    calls: Callable[[Array], Array] = lambda x: evaluate(graph, node, x)  # noqa: E731
    unit, inputs = ExpectationUnit(calls), np.random.default_rng(0).standard_normal((STEPS, 5, 8))
    emitted = np.zeros((5, 8))
    for t in range(1, STEPS + 1):
        emitted += unit.step(t, [inputs[t - 1]])
        np.testing.assert_allclose(emitted, t * calls(inputs[:t].mean(axis=0)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("form", ["qk", "sv"])
def test_products_are_products_of_means(form: Any, ordered: bool) -> None:
    """Eq. 16-18: the mean output at every t is the product of the operands' means."""
    heads, tokens, keys, width = 2, 4, 3, 5
    shape = (heads, tokens, keys) if form == "qk" else (tokens, heads * width)
    first = (tokens, heads * width) if form == "qk" else (heads, tokens, keys)
    unit = Product(ProductUnit("p", (), shape, form, heads, keys, width), ordered=ordered)
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((STEPS, *first)), rng.standard_normal((STEPS, keys, heads * width))
    found = np.stack([unit.step(t, [a[t - 1], b[t - 1]]) for t in range(1, STEPS + 1)])
    for t in range(1, STEPS + 1):
        mean_a, mean_b = a[:t].mean(axis=0), b[:t].mean(axis=0).reshape(keys, heads, width)
        if form == "qk":
            expected = np.einsum("ihd,jhd->hij", mean_a.reshape(tokens, heads, width), mean_b)
        else:
            expected = np.einsum("hij,jhd->ihd", mean_a, mean_b).reshape(shape)
        np.testing.assert_allclose(found[:t].mean(axis=0), expected, rtol=1e-12, atol=1e-12)


def test_neurons_conserve_charge() -> None:
    """v(T) = sum of inputs - sum of emitted values: soft reset loses nothing. Dyadic inputs make it exact."""
    node = MTNeurons("site", (), (3, 40), 0.25, 0.5, 4)
    unit = MTSite(node, np.dtype(np.float64))
    inputs = np.random.default_rng(2).integers(-4096, 4097, (50, 3, 40)) / 1024
    emitted = np.stack([unit.step(t, [x]) for t, x in enumerate(inputs, 1)])
    np.testing.assert_array_equal(unit.membrane, inputs.sum(axis=0) - emitted.sum(axis=0))
    assert set(np.unique(np.abs(emitted))) <= {0, 0.25, 0.5, 1, 2, 4}


def test_a_neuron_fires_as_the_scalar_twin() -> None:
    node = MTNeurons("site", (), (1, 200), 0.3, 0.17, 6)
    unit = MTSite(node, np.dtype(np.float64))
    membrane = np.zeros(200)
    for t, x in enumerate(np.random.default_rng(3).standard_normal((8, 1, 200)) * 4, 1):
        membrane += x[0]
        values = np.array([twins.fire(m, 0.3, 0.17, 6)[1] for m in membrane.tolist()])
        np.testing.assert_array_equal(unit.step(t, [x])[0], values)
        membrane -= values


def test_currents_and_membranes_of_a_whole_network_agree(graph: SpikingGraph, run: Reference) -> None:
    """Each site behind a Linear emits what scalar neurons emit on W x + b of the spikes in front of it."""
    spikes, image = run.spikes, 1
    linear = [(s, graph.nodes[s.inputs[0].node]) for s in graph.sites]
    checked = [(site, synapse) for site, synapse in linear if isinstance(synapse, Synapse)]
    assert [site.name.rpartition(".")[2] for site, _ in checked] == ["q", "k", "v"]
    for site, synapse in checked:
        port, incoming = site.inputs[0], spikes[synapse.inputs[0].node]
        membrane = np.zeros(site.shape)
        weight, bias = (graph.array(synapse.name, field)[port.start : port.stop] for field in ("weight", "bias"))
        for t in range(STEPS):
            membrane += twins.linear(incoming[t, image], weight, bias)
            fired = [[twins.fire(m, site.theta1, site.theta2, site.n)[1] for m in row] for row in membrane.tolist()]
            np.testing.assert_array_equal(spikes[site.name][t, image], fired)
            membrane -= np.array(fired)


def test_logits_are_the_mean_of_the_head_so_far(graph: SpikingGraph, run: Reference) -> None:
    weight, bias = graph.array("head", "weight"), graph.array("head", "bias")
    outputs = run.spikes["head.in"][:, :, 0] @ weight.T + bias
    steps = np.arange(1, STEPS + 1)[:, None, None]
    np.testing.assert_allclose(run.logits, outputs.cumsum(axis=0) / steps, rtol=1e-12)


def test_a_read_out_scale_scales_the_logits(graph: SpikingGraph, run: Reference) -> None:
    nodes = dict(graph.nodes)
    nodes["readout"] = ReadOut("readout", graph.readout.inputs, graph.readout.shape, scale=0.5)
    halved = SpikingGraph.build("half", nodes.values(), graph.arrays)
    np.testing.assert_array_equal(reference(halved, some_images(graph, 2), STEPS).logits, run.logits * 0.5)


def test_mean_logits_approach_the_network_they_were_converted_from(graph: SpikingGraph) -> None:
    """Where no threshold saturates, the error of the mean falls with the number of steps."""
    wide = with_thresholds(graph, {site.name: (1 / 16, 1 / 16, 10) for site in graph.sites})
    images = some_images(graph, 2)
    ann = ann_forward(graph, images)
    error = np.abs(reference(wide, images, 256).logits - ann).max(axis=(1, 2))
    assert error[63] < 0.25 * error[3] and error[63] < 0.05 * np.abs(ann).max()


def test_formats_compute_in_their_own_precision(graph: SpikingGraph) -> None:
    images = some_images(graph, 1)
    assert reference(graph, images, 1, "float64").logits.dtype == np.float64
    for numeric in ("float32", "int8"):
        found = reference(graph, images, 1, numeric)
        assert found.logits.dtype == np.float32
        assert all(spikes.dtype == np.float32 for spikes in found.spikes.values())


@pytest.mark.parametrize("steps", [0, -1, True, 2.0, "4", None])
def test_steps_must_be_a_positive_integer(graph: SpikingGraph, steps: Any) -> None:
    with pytest.raises(InputError, match=r"steps is .*at least 1"):
        reference(graph, some_images(graph, 1), steps)


def test_bad_images_and_formats_are_refused(graph: SpikingGraph) -> None:
    with pytest.raises(InputError, match=r"'fp16' does not exist; formats are float32, float64, int8"):
        reference(graph, some_images(graph, 1), 1, "fp16")
    with pytest.raises(ImageError, match="shape"):
        reference(graph, some_images(graph, 1)[:, :2], 1)
