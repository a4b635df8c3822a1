"""What is refused, by name and with what would help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import LIFNeurons, SpikingGraph
from synaptile.conversion.nir import from_nir, to_nir
from synaptile.foundation.errors import GraphError, ImageError, InputError
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import execute, reference
from tests.graphs import vit_graph
from tests.nir.networks import chain, convolutional, integrate_and_fire, io, leaky, linear, perceptron, trains

RNG = np.random.default_rng(0)
SOURCE, SINK = io((4,), (3,))


def edited(change: Callable[[Any], None], network: Callable[[], Any] = perceptron) -> Any:
    graph = network()
    change(graph)
    return graph


def recurrent(graph: Any) -> None:
    graph.nodes["back"] = nir.Linear(weight=np.zeros((30, 25)))
    graph.edges += [("fc2", "back"), ("back", "fc2")]


def two_inputs(graph: Any) -> None:
    graph.nodes["more"] = nir.Input(input_type={"input": np.array([20])})
    graph.edges.append(("more", "fc1"))


def nested(graph: Any) -> None:
    graph.nodes["lif"] = perceptron()
    del graph.nodes["lif"].nodes["input"]


CASES = [
    pytest.param(edited(recurrent), "cycle through .* that no neurons behind the Input close", id="recurrence"),
    pytest.param(edited(nested), "'lif' is a graph with 0 nodes Input, needs 1", id="nested"),
    pytest.param(edited(two_inputs), "needs 1 node Input, this one has 2: input, more", id="two inputs"),
    pytest.param(edited(lambda g: g.edges.append(("lif", "none"))), "no node 'none'", id="loose edge"),
    pytest.param(edited(lambda g: g.edges.append(("if", "fc2"))), "'if' to 'fc2' twice", id="twice"),
    pytest.param(
        edited(lambda g: g.edges.append(("input", "fc2"))), "'fc2' .* reads 2 nodes: only neurons sum", id="two into a layer"
    ),
    pytest.param(
        edited(lambda g: g.nodes.update(lif=nir.Threshold(np.ones(25)))), "'lif' has the unsupported type Threshold", id="unknown"
    ),
    pytest.param(
        edited(lambda g: g.nodes.update(lif=nir.Delay(np.ones(25)))), r"'lif' \(Delay\) reads the currents of 'fc2'", id="delay"
    ),
    pytest.param(edited(lambda g: g.nodes.update(lif=leaky(RNG, 24))), r"'lif': tau has shape \(24,\)", id="shape"),
    pytest.param(edited(lambda g: g.nodes["lif"].tau.fill(0.0)), "'lif': tau goes down to 0", id="tau"),
    pytest.param(edited(lambda g: g.nodes.update(fc2=linear(RNG, 25, 29))), "'fc2': weights of shape", id="weights"),
    pytest.param(
        chain({"input": SOURCE, "a": linear(RNG, 5, 4), "b": linear(RNG, 3, 5), "output": SINK}),
        "'b' reads the currents of 'a'",
        id="linear behind linear",
    ),
    pytest.param(
        chain({"input": SOURCE, "if": integrate_and_fire(RNG, 4), "fc": linear(RNG, 3, 4), "output": SINK}),
        "'if' .* reads the spikes of 'input'",
        id="neurons without a synapse",
    ),
    pytest.param(
        edited(lambda g: g.nodes.pop("lif1") and g.edges.__setitem__(slice(1, 3), [("conv1", "pool1")]), convolutional),
        r"'pool1' pools the currents of 'conv1' with padding \(1, 0\)",
        id="padded pooling of currents",
    ),
    pytest.param(
        edited(lambda g: setattr(g.nodes["flatten"], "start_dim", 1), convolutional),
        "'flatten' flattens axes 1 to -1",
        id="flatten",
    ),
    pytest.param(
        edited(lambda g: setattr(g.nodes["conv2"], "padding", "same"), convolutional),
        "'conv2': padding 'same'",
        id="same padding",
    ),
    pytest.param(
        edited(lambda g: setattr(g.nodes["conv2"], "groups", 4), convolutional), "'conv2' .*2 channels a group in 4", id="groups"
    ),
    pytest.param(
        edited(lambda g: g.nodes["fc"].weight.fill(np.nan), convolutional), "'fc.weight' .* NaN", id="weights that are no numbers"
    ),
]


@pytest.mark.parametrize(("network", "message"), CASES)
def test_a_network_that_cannot_be_read_is_refused(network: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_nir(network)


def test_other_objects_and_arguments_are_refused() -> None:
    with pytest.raises(GraphError, match="a Linear was given"):
        from_nir(nir.Linear(weight=np.ones((2, 2))))
    for dt in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(InputError, match="dt is"):
            from_nir(perceptron(), dt=dt)
    with pytest.raises(InputError, match="reset is 'zero'"):
        from_nir(perceptron(), reset="zero")  # type: ignore[arg-type]


def test_what_nir_cannot_say_is_not_written() -> None:
    with pytest.raises(GraphError, match=r"'image' \(source\) .* shows an image"):
        to_nir(vit_graph(1, 5, 8, 2, 16, 3))
    with pytest.raises(GraphError, match=r"'if' .* resets by subtraction"):
        to_nir(from_nir(perceptron(), reset="subtract"))
    graph = from_nir(perceptron())
    nodes = [replace(node, dt=1e-3) if isinstance(node, LIFNeurons) else node for node in graph.nodes.values()]
    with pytest.raises(GraphError, match="steps of"):
        to_nir(SpikingGraph.build("two", nodes, graph.arrays, graph.metadata))


def test_inputs_that_are_no_spike_trains_are_refused() -> None:
    graph = from_nir(perceptron())
    program = map_graph(graph, load_chip("loihi"), anneal_moves=0)
    good = trains(perceptron(), 4, 2)
    for bad, message in (
        (good.astype(complex), "needs numbers or booleans"),
        (good[:, :, :19], r"shape \(4, 2, 19\), needs \(steps, samples, 20\)"),
        (good * 2, "values other than 0 and 1"),
        (np.where(good > 0, np.nan, 0.0), "values other than 0 and 1"),
        (good[:3], "3 steps of spikes, the run has 4"),
        (good[:, :0], "needs"),
    ):
        with pytest.raises(ImageError, match=message):
            execute(program, bad, 4)
        with pytest.raises(ImageError, match=message):
            reference(graph, bad, 4)


def test_a_network_of_spike_trains_has_no_ann() -> None:
    with pytest.raises(GraphError, match="takes spike trains at 'input'"):
        ann_forward(from_nir(perceptron()), np.zeros((1, 3, 4, 4)))


def test_a_row_of_a_convolution_that_fits_no_core_is_told_with_its_numbers() -> None:
    source, sink = io((64, 32, 32), (8, 32, 32))
    conv = nir.Conv2d((32, 32), np.ones((8, 64, 3, 3)), 1, 1, 1, 1, np.zeros(8))
    graph = from_nir(chain({"input": source, "conv": conv, "if": integrate_and_fire(RNG, 8, 32, 32), "output": sink}))
    with pytest.raises(DoesNotFit, match=r"the smallest part of 'conv' needs 6,144 axons of synapse_core.max_axons, limit 4,096"):
        map_graph(graph, load_chip("loihi"))


def test_networks_of_multi_threshold_neurons_still_do_not_fit_loihi() -> None:
    with pytest.raises(DoesNotFit, match="spike values"):
        map_graph(vit_graph(1, 5, 8, 2, 16, 3), load_chip("loihi"))
