"""Are real values and event counts taken by the first layer as they are, and billed as the products that they are?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import synaptile as sy
from synaptile.conversion.graph import Synapse
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import GraphError, ImageError, InputError
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import execute, reference
from tests.mapper.chips import small_chip
from tests.nir import plain
from tests.nir.loops import convolutional, one_layer
from tests.nir.networks import perceptron, recorded
from tests.simulator.runs import needs_compiler

RNG = np.random.default_rng(3)
INPUTS: dict[str, tuple[Any, Any, Array]] = {
    "real": (perceptron(), (), RNG.normal(0.4, 0.5, (8, 2, 20))),
    "counts": (perceptron(), (), RNG.poisson(0.5, (8, 2, 20)).astype(float)),
    "real, recurrent": (*one_layer(), RNG.normal(0.4, 0.5, (8, 2, 12))),
}


@needs_compiler
@pytest.mark.parametrize("name", INPUTS)
def test_values_reach_neurons_as_plain_loops_say(name: str) -> None:
    network, back, values = INPUTS[name]
    fired, _ = plain.run(network, values, back=back)
    graph = from_nir(network, input="values")
    assert sum(not synapse.spiking for synapse in graph.of_type(Synapse)) == 1
    program = map_graph(graph, small_chip(), anneal_moves=0)
    activity = execute(program, values, 8, "float64", keep_spikes=2)
    expected = reference(graph, values, 8)
    for site, spikes in fired.items():
        assert 0.02 < spikes.mean() < 0.95, f"{site} tests nothing"
        assert np.array_equal(recorded(activity, site), spikes)
        assert np.array_equal(expected.spikes[site][:, :, 0], spikes)
    dense = [line for line in activity.operations.roles if line == "dense head"]
    assert dense, "the first layer multiplies"
    sy.price(activity, program.chip, timeline=sy.schedule(activity))


def test_what_cannot_take_values_is_refused() -> None:
    values = from_nir(perceptron(), input="values")
    with pytest.raises(ImageError, match="NaN, infinite or beyond"):
        reference(values, np.full((2, 1, 20), np.nan), 2)
    with pytest.raises(ImageError, match=r"other than 0 and 1.*input='values'"):
        reference(from_nir(perceptron()), np.full((2, 1, 20), 0.5), 2)
    with pytest.raises(DoesNotFit, match=r"ec_cores_per_tile, limit 0"):
        map_graph(values, load_chip("loihi"))
    with pytest.raises(GraphError, match="'conv' reads real values of 'input': only a Linear or Affine"):
        from_nir(convolutional()[0], input="values")
    with pytest.raises(InputError, match="networks of whole numbers take spikes"):
        from_nir(perceptron(), input="values", integer=True)
    with pytest.raises(InputError, match="input is 'images', must be 'spikes' or 'values'"):
        from_nir(perceptron(), input="images")  # type: ignore[arg-type]
