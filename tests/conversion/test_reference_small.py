"""Does a small float64 ViT give the thresholds, spikes, logits and operation counts of the method's published code?

`ecmt_small.npz`: 2 blocks, 32 x 32 images, T = 8, n = 8; thresholds are quantiles but after softmax, no neurons before the head.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.convert import check_against_model, convert, lower_model
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.thresholds import measure_thresholds
from synaptile.simulator.dense.reference import Reference, reference
from tests.conversion.small_models import timm, torch

STEPS = 8
Data = Mapping[str, np.ndarray]


def entries(published_small: Data, prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in published_small.items() if name.startswith(prefix)}


@pytest.fixture(scope="module")
def model(published_small: Data) -> torch.nn.Module:
    size = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 10}
    built = timm.models.vision_transformer.VisionTransformer(**size).double()
    built.load_state_dict(
        {name: torch.from_numpy(array) for name, array in entries(published_small, "weight/").items()}, strict=True
    )
    return built.eval()


@pytest.fixture(scope="module")
def injected(published_small: Data) -> dict[str, tuple[float, float, int]]:
    return {
        site: (float(theta1), float(theta2), int(n))
        for site, (theta1, theta2, n) in entries(published_small, "threshold/").items()
    }


@pytest.fixture(scope="module")
def graph(model: torch.nn.Module, injected: dict[str, tuple[float, float, int]]) -> SpikingGraph:
    return convert(model, preset="released", thresholds=injected)


@pytest.fixture(scope="module")
def run(graph: SpikingGraph, published_small: Data) -> Reference:
    return reference(graph, published_small["images"], STEPS, "float64")


def test_the_dense_graph_is_the_ann(graph: SpikingGraph, model: torch.nn.Module, published_small: Data) -> None:
    assert check_against_model(graph, model) < 1e-12
    np.testing.assert_allclose(ann_forward(graph, published_small["images"]), published_small["ann_logits"], atol=1e-9)


def test_thresholds_are_those_of_the_calibration_batch(model: torch.nn.Module, published_small: Data) -> None:
    measured = measure_thresholds(lower_model(model), [published_small["calibration"]])
    expected = entries(published_small, "threshold/")
    assert measured.keys() == expected.keys() | {"head.in"}
    for site, (theta1, theta2, n) in expected.items():
        if site.endswith("softmax.out"):
            assert (theta1, theta2, n) == (0.0125, 0.0125, 8)
        else:
            np.testing.assert_allclose(measured[site], (theta1, theta2), rtol=1e-9, err_msg=site)


def test_thresholds_are_rounded_to_float32_as_in_the_published_code(published_small: Data) -> None:
    """Without the rounding ours would differ by 1e-8: the exact agreement above rests on it."""
    for site, (theta1, theta2, _) in entries(published_small, "threshold/").items():
        if not site.endswith("softmax.out"):
            assert (theta1, theta2) == (np.float32(theta1), np.float32(theta2))


def test_calibrating_gives_the_same_graph_as_injecting(
    model: torch.nn.Module, graph: SpikingGraph, published_small: Data, injected: dict[str, tuple[float, float, int]]
) -> None:
    fc2 = {site: values for site, values in injected.items() if site.endswith("fc2.in")}
    found = calibrate(lower_model(model), published_small["calibration"], preset="released", batch_size=16, thresholds=fc2)
    assert list(found.nodes.values()) == list(graph.nodes.values())


def test_spikes_agree_at_every_site_and_step(run: Reference, published_small: Data) -> None:
    expected = entries(published_small, "spikes/")
    assert run.spikes.keys() == expected.keys()
    for site, values in expected.items():
        if values.ndim == 5 and site.endswith(("attn.q", "attn.k", "attn.v")):  # (steps, images, heads, tokens, d)
            values = values.transpose(0, 1, 3, 2, 4).reshape(*values.shape[:2], values.shape[3], -1)
        assert run.spikes[site].shape == values.shape, site
        np.testing.assert_allclose(run.spikes[site], values, atol=1e-9, err_msg=site)
        assert np.count_nonzero(values), site


def test_logits_agree_at_every_step(run: Reference, published_small: Data) -> None:
    steps = np.arange(1, STEPS + 1)[:, None, None]
    np.testing.assert_allclose(run.logits, published_small["snn_cumulative_logits"] / steps, atol=1e-9)


def test_operation_counts_of_the_released_accounting_agree_exactly(
    run: Reference, graph: SpikingGraph, published_small: Data
) -> None:
    expected = entries(published_small, "ops/")
    assert run.released.keys() == expected.keys()
    for node, counts in expected.items():
        np.testing.assert_array_equal(run.released[node].sum(axis=1), counts[:, 0], err_msg=node)
        assert set(counts[:, 1]) == {len(published_small["images"]) * graph.ann_macs[node]}, node
