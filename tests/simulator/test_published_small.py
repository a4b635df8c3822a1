"""Does execution in float64 give what the published code gave on a small network: every spike, the logits, every count?"""

from __future__ import annotations

import numpy as np
import pytest

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.types import Array
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, reference
from tests.simulator.runs import execute_keeping_spikes, published_thresholds, splitting_chip

STEPS, IMAGES, HEADS = 8, 4, 3


@pytest.fixture(scope="module")
def graph(published_small: dict[str, Array]) -> SpikingGraph:
    torch, timm_vit = pytest.importorskip("torch"), pytest.importorskip("timm.models.vision_transformer")
    from synaptile.conversion.convert import convert

    model = timm_vit.VisionTransformer(img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=HEADS, num_classes=10)
    weights = {
        name.removeprefix("weight/"): torch.from_numpy(a) for name, a in published_small.items() if name.startswith("weight/")
    }
    model.double().load_state_dict(weights)
    return convert(model.eval(), preset="released", thresholds=published_thresholds(published_small))


@pytest.fixture(scope="module", params=["ecmt45", "splitting"])
def run(
    graph: SpikingGraph, published_small: dict[str, Array], request: pytest.FixtureRequest
) -> tuple[Activity, dict[str, Array]]:
    chip = load_chip("ecmt45") if request.param == "ecmt45" else splitting_chip(axons=20, ec_words=900)
    program = map_graph(graph, chip, anneal_moves=50)
    assert bool(program.parts.in_start.any()) is (request.param == "splitting")
    return execute_keeping_spikes(program, published_small["images"], STEPS, "float64")


def as_published(site: str, spikes: Array) -> Array:
    """Spikes of q, k and v by head: (steps, images, heads, tokens, d)."""
    if site.rpartition(".")[2] not in ("q", "k", "v"):
        return spikes
    return spikes.reshape(*spikes.shape[:3], HEADS, -1).transpose(0, 1, 3, 2, 4)


def test_spikes_of_every_site_and_step(run: tuple[Activity, dict[str, Array]], published_small: dict[str, Array]) -> None:
    _, spikes = run
    assert {f"spikes/{site}" for site in spikes} == {name for name in published_small if name.startswith("spikes/")}
    for site, values in spikes.items():
        np.testing.assert_allclose(as_published(site, values), published_small[f"spikes/{site}"], rtol=1e-9, atol=0, err_msg=site)


def test_logits(run: tuple[Activity, dict[str, Array]], published_small: dict[str, Array]) -> None:
    steps = np.arange(1, STEPS + 1)[:, None, None]
    np.testing.assert_allclose(run[0].logits, published_small["snn_cumulative_logits"] / steps, rtol=1e-9, atol=1e-9)


def test_counts_of_the_released_accounting(run: tuple[Activity, dict[str, Array]], published_small: dict[str, Array]) -> None:
    accounting = run[0].accounting
    assert {f"ops/{node}" for node in accounting.nodes} == {name for name in published_small if name.startswith("ops/")}
    for i, node in enumerate(accounting.nodes):
        spiking, dense = published_small[f"ops/{node}"].T
        np.testing.assert_array_equal(accounting.released[i].sum(axis=1), spiking, err_msg=node)
        np.testing.assert_array_equal(np.full(STEPS, accounting.ann_macs[i] * IMAGES), dense, err_msg=node)


def test_the_dense_reference_gives_the_same(graph: SpikingGraph, published_small: dict[str, Array]) -> None:
    found = reference(graph, published_small["images"], STEPS)
    for site, values in found.spikes.items():
        np.testing.assert_allclose(as_published(site, values), published_small[f"spikes/{site}"], rtol=1e-9, atol=0, err_msg=site)
    for node, counts in found.released.items():
        np.testing.assert_array_equal(counts.sum(axis=1), published_small[f"ops/{node}"][:, 0], err_msg=node)
    steps = np.arange(1, STEPS + 1)[:, None, None]
    np.testing.assert_allclose(found.logits, published_small["snn_cumulative_logits"] / steps, rtol=1e-9, atol=1e-9)
