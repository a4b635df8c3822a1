"""Is a NIR network of whole numbers the one that its layers say, and is anything else refused?"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import pytest

from synaptile.conversion.integer import IntegerLayer, IntegerNetwork, from_integer
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import GraphError, WeightsError
from synaptile.simulator.dense.reference import reference

RNG = np.random.default_rng(5)
CONV, LINEAR = RNG.integers(-90, 127, (4, 2, 3, 3)), RNG.integers(-90, 127, (3, 36))
TAU = 1e-4 * 4096 / 256


def plain(shape: tuple[int, ...], threshold: float, r: float = 1.0) -> nir.IF:
    return nir.IF(r=np.full(shape, r), v_threshold=np.full(shape, threshold), v_reset=np.zeros(shape))


def network(**changed: Any) -> nir.NIRGraph:
    nodes = {
        "input": nir.Input({"input": np.array([2, 5, 5])}),
        "first": plain((2, 5, 5), 200),
        "a": nir.Conv2d((5, 5), CONV.astype(float), 1, 0, 1, 1, np.arange(4.0)),
        "a.if": plain((4, 3, 3), 300),
        "flat": nir.Flatten({"input": np.array([4, 3, 3])}, 0, -1),
        "c": nir.Affine(LINEAR.astype(float), np.zeros(3)),
        "read": nir.LI(tau=np.full(3, TAU), r=np.full(3, TAU / 1e-4), v_leak=np.zeros(3)),
        "output": nir.Output({"output": np.array([3])}),
    } | changed
    return nir.NIRGraph(nodes, list(zip(list(nodes), list(nodes)[1:], strict=False)), type_check=False)


def test_it_is_the_network_that_its_layers_say() -> None:
    layers = [IntegerLayer("a", CONV, np.arange(4), 300), IntegerLayer("c", LINEAR, decay=256)]
    other = from_integer(IntegerNetwork("n", (2, 5, 5), layers, 200, delay=0))
    samples = RNG.integers(0, 256, (2, 2, 5, 5))
    mine, theirs = (reference(graph, samples, 12) for graph in (from_nir(network(), integer=True), other))
    assert np.array_equal(mine.logits, theirs.logits) and mine.logits.any()
    for a, b in zip(mine.spikes.values(), theirs.spikes.values(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"a.if": plain((4, 3, 3), 300, r=0.5)}, GraphError, "'a.if': r is 0.5, whole numbers need 1 throughout"),
        ({"a.if": plain((4, 3, 3), 300.5)}, WeightsError, "'a.if.threshold' .* no whole numbers"),
        ({"c": nir.Affine(LINEAR / 2, np.zeros(3))}, WeightsError, "'c.weight' .* no whole numbers"),
        ({"read": nir.LI(np.full(3, 3e-4), np.full(3, 3.0), np.zeros(3))}, GraphError, "'read': dt / tau is 1365.33 / 4096"),
    ],
)
def test_what_is_no_whole_number_is_refused(changed: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        from_nir(network(**changed), integer=True)
