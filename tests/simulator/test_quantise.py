"""Are int8 weights the nearest multiples of each output's scale, and is a sum that could overflow refused?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.conversion.graph import MTNeurons, SpikingGraph, Synapse
from synaptile.foundation.errors import InputError
from synaptile.simulator import reference
from synaptile.simulator.number_format import quantise
from tests.bounds import unit_roundoff
from tests.graphs import vit_graph
from tests.simulator.runs import some_images


def with_head(weight: NDArray[Any], n: int = 8) -> tuple[SpikingGraph, Synapse]:
    """A network whose head holds `weight`, (3, 8)."""
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=n)
    arrays = {**graph.arrays, "head.weight": weight}
    head = graph.nodes["head"]
    assert isinstance(head, Synapse)
    return SpikingGraph.build("quantised", graph.nodes.values(), arrays), head


def test_levels_are_nearest_to_the_weights() -> None:
    weight = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    found = quantise(*with_head(weight))
    assert found.levels.dtype == np.int8 and found.scale.dtype == np.float32
    np.testing.assert_array_equal(found.scale, np.abs(weight).max(axis=1) / np.float32(127))
    assert np.abs(found.levels.astype(int)).max(axis=1).tolist() == [127, 127, 127]
    error = np.abs(weight - found.scale[:, None] * found.levels)
    assert (error <= found.scale[:, None] * 0.5001).all()


def test_halves_round_to_even_and_minus_128_is_never_used() -> None:
    weight = np.zeros((3, 8), np.float32)
    weight[0] = [127, -127, 0.5, 1.5, 2.5, -0.5, -1.5, 126.5]
    weight[1] = [-254, 1, 3, 5, 0, 0, 0, 254]
    found = quantise(*with_head(weight))
    assert found.scale.tolist() == [1.0, 2.0, 1.0], "an output of zero weights keeps scale 1"
    assert found.levels[0].tolist() == [127, -127, 0, 2, 2, 0, -2, 126]
    assert found.levels[1].tolist() == [-127, 0, 2, 2, 0, 0, 0, 127]
    assert not found.levels[2].any()


def test_a_sum_beyond_32_bits_is_refused() -> None:
    graph, head = with_head(np.ones((3, 8), np.float32), n=16)
    assert 8 * 127 << 15 < 2**31
    quantise(graph, head)
    wide = vit_graph(1, 5, 528, 2, 16, 3, n=16)
    wide = SpikingGraph.build("wide", wide.nodes.values(), {**wide.arrays, "head.weight": np.ones((3, 528), np.float32)})
    head = wide.of_type(Synapse)[-1]
    assert head.name == "head" and 528 * 127 << 15 > 2**31 - 1
    with pytest.raises(InputError, match=r"'head': fan-in 528 with spikes up to 2\^15 .*32-bit.*fewer thresholds.*or float32"):
        quantise(wide, head)
    site = replace(wide.of_type(MTNeurons)[-1], n=15)
    quantise(SpikingGraph.build("fewer", [site if n.name == site.name else n for n in wide.nodes.values()], wide.arrays), head)


def test_weights_on_the_grid_lose_nothing() -> None:
    """A network whose weights are multiples of its scales spikes alike in int8 and in float64 while values stay dyadic."""
    graph = vit_graph(1, 5, 8, 2, 16, 3, dtype=np.float64)
    on_grid = dict(graph.arrays)
    for synapse in graph.of_type(Synapse):
        found = quantise(graph, synapse)
        on_grid[f"{synapse.name}.weight"] = found.scale[:, None].astype(np.float64) * found.levels
    snapped = SpikingGraph.build("snapped", graph.nodes.values(), on_grid)
    images = some_images(graph, 1)
    exact, quantised = reference(snapped, images, 1, "float64"), reference(graph, images, 1, "int8")
    # The first site reads no quantised weight, the next reads the first quantised Linear.
    for site in ("blocks.0.attn.qkv.in", "blocks.0.attn.q"):
        np.testing.assert_allclose(quantised.spikes[site], exact.spikes[site], rtol=unit_roundoff(np.float32))  # of a threshold
