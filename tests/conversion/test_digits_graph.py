"""Golden: is the graph that ships the one a fresh lowering of the shipped model gives?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import SpikingGraph, load_graph
from synaptile.conversion.images import source_of
from synaptile.data import DIGITS_GRAPH, digits_description, embedded_digits, preprocess_digits


def test_the_shipped_graph_is_a_fresh_lowering_of_the_shipped_model() -> None:
    pytest.importorskip("torch", reason="torch is not installed: the model cannot be lowered (extra `convert`)")
    pytest.importorskip("timm", reason="timm is not installed: the model cannot be built (extra `convert`)")
    from synaptile.conversion.convert import check_against_model, lower_model
    from synaptile.data import digits_model

    shipped, model = load_graph(DIGITS_GRAPH), digits_model()
    fresh = lower_model(model)
    assert fresh.structure["nodes"] == shipped.structure["nodes"]
    assert set(fresh.arrays) == set(shipped.arrays)
    for name, array in fresh.arrays.items():
        assert array.dtype == shipped.arrays[name].dtype
        np.testing.assert_array_equal(array, shipped.arrays[name])
    # Another torch or timm may be installed than the one that lowered the shipped graph: nothing else may differ.
    same_versions = {**fresh.metadata, "versions": shipped.metadata["versions"]}
    assert same_versions == dict(shipped.metadata)
    assert SpikingGraph.build(fresh.name, fresh.nodes.values(), fresh.arrays, same_versions).digest == shipped.digest
    check_against_model(shipped, model)  # refuses what is beyond float32; the figure is asked in float64
    exact = model.double()
    assert check_against_model(lower_model(exact), exact) < 1e-12


def test_the_shipped_graph_classifies_the_documented_number_of_digits() -> None:
    graph, digits = load_graph(DIGITS_GRAPH), embedded_digits("test")
    images = preprocess_digits(digits.images)
    assert source_of(graph).image_shape == images.shape[1:]
    predicted = ann_forward(graph, images).argmax(axis=1)
    assert int(np.sum(predicted == digits.labels)) == digits_description()["correct"]["embedded_test"]
