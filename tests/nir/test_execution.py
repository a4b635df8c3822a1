"""Networks from NIR: the dense reference and event-driven execution against plain loops over NIR's equations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np
import pytest

from synaptile.conversion.nir import from_nir
from synaptile.hwmodels import Chip, load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import execute, reference
from tests.mapper.chips import small_chip
from tests.nir import plain
from tests.nir.networks import convolutional, lenet, perceptron, recorded, trains
from tests.simulator.runs import needs_compiler

NETWORKS = {
    "perceptron": perceptron(),
    "convolutional": convolutional(),
    "mean pooling": convolutional(1, pool=nir.AvgPool2d),
    "depthwise": convolutional(2, groups=1),
}


def row_cutting_chip() -> Chip:
    """Loihi with so few neurons a core that channels are cut over rows."""
    chip = load_chip("loihi")
    return replace(chip, synapse_core=replace(chip.synapse_core, max_neurons=9))


CHIPS = {"loihi": lambda: load_chip("loihi"), "rows": row_cutting_chip, "shift": small_chip}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_the_reference_spikes_as_plain_loops_do(name: str, reset: Any) -> None:
    network = NETWORKS[name]
    spikes = trains(network, 12, 2)
    fired, logits = plain.run(network, spikes, subtract=reset == "subtract")
    found = reference(from_nir(network, reset=reset), spikes, 12)
    for site, values in fired.items():
        assert 0 < values.mean() < 0.9, f"{site} tests nothing"
        assert np.array_equal(found.spikes[site][:, :, 0], values)
    np.testing.assert_allclose(found.logits, logits, rtol=0, atol=1e-12)


@needs_compiler
@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("name", NETWORKS)
def test_events_spike_as_plain_loops_do(name: str, chip: str) -> None:
    network = NETWORKS[name]
    spikes = trains(network, 8, 3)
    fired, logits = plain.run(network, spikes)
    program = map_graph(from_nir(network), CHIPS[chip](), anneal_moves=0)
    activity = execute(program, spikes, 8, "float64", images_at_once=2, keep_spikes=3)
    for site, values in fired.items():
        assert np.array_equal(recorded(activity, site), values)
    np.testing.assert_allclose(activity.logits, logits, rtol=0, atol=1e-12)


@needs_compiler
@pytest.mark.parametrize("name", NETWORKS)
def test_int8_is_the_same_to_the_last_bit_whatever_the_mapping(name: str) -> None:
    graph, spikes = from_nir(NETWORKS[name]), trains(NETWORKS[name], 8, 2).astype(np.float32)
    expected = reference(graph, spikes, 8, "int8")
    for chip in CHIPS.values():
        activity = execute(map_graph(graph, chip(), anneal_moves=0), spikes, 8, "int8", keep_spikes=2)
        assert np.array_equal(activity.logits, expected.logits)
        for site, values in expected.spikes.items():
            assert np.array_equal(recorded(activity, site), values[:, :, 0])
        for row, node in enumerate(activity.accounting.nodes):
            assert np.array_equal(activity.accounting.eq30[row], expected.eq30[node])


@needs_compiler
def test_lenet_spikes_as_plain_loops_do() -> None:
    network = lenet()
    spikes = trains(network, 3, 1)
    fired, logits = plain.run(network, spikes)
    program = map_graph(from_nir(network), load_chip("loihi"), anneal_moves=0)
    activity = execute(program, spikes, 3, "float64")
    for site, values in fired.items():
        assert np.array_equal(recorded(activity, site), values)
    assert activity.logits.sum() > 0 and np.array_equal(activity.logits, logits)


def test_several_synapses_into_one_site_add_up() -> None:
    network = perceptron()
    rng = np.random.default_rng(5)
    network.nodes["skip"] = nir.Linear(weight=rng.standard_normal((7, 30)) / 3)
    network.edges += [("if", "skip"), ("skip", "cuba")]
    spikes = trains(network, 10, 2)
    fired, _ = plain.run(network, spikes)
    graph = from_nir(network)
    assert np.array_equal(reference(graph, spikes, 10).spikes["cuba"][:, :, 0], fired["cuba"])
    activity = execute(map_graph(graph, small_chip(), anneal_moves=0), spikes, 10, "float64")
    assert np.array_equal(activity.logits[-1], fired["cuba"].sum(axis=0))


def test_a_network_that_ends_in_a_synapse_reads_its_currents() -> None:
    network = perceptron()
    del network.nodes["cuba"]
    network.edges = [edge for edge in network.edges if "cuba" not in edge] + [("fc3", "output")]
    spikes = trains(network, 6, 2)
    _, logits = plain.run(network, spikes)
    graph = from_nir(network)
    np.testing.assert_allclose(reference(graph, spikes, 6).logits, logits, rtol=0, atol=1e-12)
    activity = execute(map_graph(graph, load_chip("loihi"), anneal_moves=0), spikes, 6, "float64")
    np.testing.assert_allclose(activity.logits, logits, rtol=0, atol=1e-12)


def test_one_parameter_for_all_neurons_is_spread() -> None:
    one, each = perceptron(), perceptron()
    one.nodes["if"] = nir.IF(r=np.ones(1), v_threshold=np.full(1, 0.8), v_reset=np.zeros(1))
    each.nodes["if"] = nir.IF(r=np.ones(30), v_threshold=np.full(30, 0.8), v_reset=np.zeros(30))
    spikes = trains(one, 6, 1)
    assert np.array_equal(reference(from_nir(one), spikes, 6).logits, reference(from_nir(each), spikes, 6).logits)
