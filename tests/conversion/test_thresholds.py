"""Are base thresholds the quantiles of Algorithm 1, and do presets and injected values replace them as stated?"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.graph import ECUnit, MTNeurons, SpikingGraph, Synapse
from synaptile.conversion.thresholds import apply_preset, measure_thresholds, with_thresholds
from synaptile.foundation.errors import CalibrationError, ImageError, InputError
from tests.bounds import gamma
from tests.graphs import vit_graph

SHAPE = (3, 8, 8)


@pytest.fixture(scope="module")
def graph() -> SpikingGraph:
    return vit_graph(depth=2, tokens=5, width=8, heads=2, hidden=16, classes=3, dtype=np.float64)


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *SHAPE))


def values_at(graph: SpikingGraph, batch: np.ndarray) -> dict[str, np.ndarray]:
    seen: dict[str, np.ndarray] = {}
    ann_forward(graph, batch, lambda site, values: seen.update({site: values.copy()}))
    return seen


def kth_smallest(values: np.ndarray, q: float) -> float:
    """The k-th smallest value, k = int(q * numel), counted from 1; the smallest where there are too few values for k >= 1."""
    return float(np.sort(values, axis=None)[max(int(q * values.size), 1) - 1])


@pytest.mark.parametrize("p", [0.99, 0.9, 0.75])
def test_thresholds_are_quantiles_averaged_over_batches(graph: SpikingGraph, p: float) -> None:
    parts = [images(5, seed=1), images(3, seed=2), images(1, seed=3)]
    found = measure_thresholds(graph, parts, p)
    assert list(found) == [site.name for site in graph.sites]
    seen = [values_at(graph, part) for part in parts]
    for site, (theta1, theta2) in found.items():
        high, low = (np.mean([kth_smallest(values[site], q) for values in seen]) for q in (p, 1 - p))
        assert theta1 == np.float32(high) and theta1 > 0
        assert theta2 == (-np.float32(low) if low < 0 else theta1)


def test_the_average_is_over_batches_not_over_images(graph: SpikingGraph) -> None:
    pool = images(6)
    whole, split = measure_thresholds(graph, [pool]), measure_thresholds(graph, [pool[:2], pool[2:]])
    assert whole != split
    site = "blocks.0.attn.q"
    halves = [measure_thresholds(graph, [part])[site] for part in (pool[:2], pool[2:])]
    np.testing.assert_allclose(split[site], np.mean(halves, axis=0), rtol=gamma(2, np.float32))  # each half, and the mean


def test_a_site_without_negative_values_takes_theta1_twice(graph: SpikingGraph) -> None:
    found = measure_thresholds(graph, [images(4)])
    for site, (theta1, theta2) in found.items():
        assert (theta1 == theta2) is site.endswith("softmax.out")


def test_a_site_without_positive_values_takes_theta2_twice(graph: SpikingGraph) -> None:
    found = measure_thresholds(levelled(graph, -1.0), [images(4)])
    assert found["blocks.1.mlp.fc1.in"] == (1.0, 1.0)


def levelled(graph: SpikingGraph, level: float = 0.0) -> SpikingGraph:
    """The graph with a LayerNorm that gives `level` everywhere in front of `blocks.1.mlp.fc1`: at 0 it has no threshold."""
    arrays = dict(graph.arrays)
    arrays["blocks.1.norm2.weight"] = np.zeros(8)
    arrays["blocks.1.norm2.bias"] = np.full(8, level)
    return SpikingGraph.build(graph.name, graph.nodes.values(), arrays, graph.metadata)


def test_a_site_without_values_is_named_with_the_remedy(graph: SpikingGraph) -> None:
    with pytest.raises(CalibrationError) as caught:
        calibrate(levelled(graph), images(4))
    for part in ("site 'blocks.1.mlp.fc1.in'", "over 1 calibration batches are 0 (0.99)", "positive", "inject thresholds"):
        assert part in str(caught.value)


def test_the_remedy_works(graph: SpikingGraph) -> None:
    site = "blocks.1.mlp.fc1.in"
    repaired = calibrate(levelled(graph), images(4), thresholds={site: (0.5, 0.25, 3)})
    node = repaired.nodes[site]
    assert isinstance(node, MTNeurons) and (node.theta1, node.theta2, node.n) == (0.5, 0.25, 3)
    assert {other.n for other in repaired.sites if other.name != site} == {8}


@pytest.mark.parametrize("p", [0.5, 0.0, 1.0, 99.0, -0.99, float("nan")])
def test_p_out_of_range_is_refused(graph: SpikingGraph, p: float) -> None:
    with pytest.raises(CalibrationError, match=r"between 0\.5 and 1"):
        calibrate(graph, images(1), p=p)


def theta(graph: SpikingGraph, suffix: str) -> set[tuple[float, float, int]]:
    return {(site.theta1, site.theta2, site.n) for site in graph.sites if site.name.endswith(suffix)}


def test_preset_paper_measures_every_site_and_keeps_the_neurons_in_front_of_the_head(graph: SpikingGraph) -> None:
    batch = images(4)
    paper = calibrate(graph, batch, preset="paper")
    measured = measure_thresholds(graph, [batch])
    assert {site.name: (site.theta1, site.theta2) for site in paper.sites} == measured
    head = paper.nodes["head"]
    assert isinstance(head, Synapse) and head.spiking and head.inputs[0].node == "head.in"
    assert {site.n for site in paper.sites} == {8}


def test_preset_released_has_the_constants_of_the_published_code(graph: SpikingGraph) -> None:
    batch = images(4)
    released = calibrate(graph, batch, preset="released")
    assert theta(released, "softmax.out") == {(0.0125, 0.0125, 8)}
    assert theta(released, "fc2.in") == {(0.25, 0.08, 8)}
    measured = measure_thresholds(graph, [batch])
    rest = [site for site in released.sites if not site.name.endswith(("softmax.out", "fc2.in"))]
    assert len(rest) == 12 and all((site.theta1, site.theta2) == measured[site.name] for site in rest)
    head = released.nodes["head"]
    assert "head.in" not in released.nodes
    assert isinstance(head, Synapse) and not head.spiking and head.inputs[0].node == "select"
    assert set(released.nodes) == set(graph.nodes) - {"head.in"} and set(released.arrays) == set(graph.arrays)


def as_model(graph: SpikingGraph, model: str) -> SpikingGraph:
    return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, {"model": model})


def test_eva_takes_six_thresholds_and_measures_in_front_of_fc2(graph: SpikingGraph) -> None:
    eva = as_model(graph, "eva_giant_patch14_336")
    batch = images(4)
    released = calibrate(eva, batch, preset="released")
    measured = measure_thresholds(eva, [batch])
    assert theta(released, "softmax.out") == {(0.0125, 0.0125, 6)}
    assert theta(released, "fc2.in") == {(*measured[f"blocks.{i}.mlp.fc2.in"], 6) for i in range(2)}
    assert {site.n for site in calibrate(eva, batch).sites} == {6}
    assert {site.n for site in calibrate(eva, batch, n=4).sites} == {4}
    assert {site.n for site in calibrate(as_model(graph, "vit_tiny_patch16_224"), batch).sites} == {8}


def test_both_heads_of_a_distilled_model_lose_their_neurons() -> None:
    models = pytest.importorskip("tests.conversion.small_models")
    from timm.models.deit import VisionTransformerDistilled

    from synaptile.conversion.convert import lower_model

    model = models.randomised(VisionTransformerDistilled(**models.OPTIONS))
    model.pretrained_cfg = {"input_size": (3, 16, 16)}
    released = apply_preset(lower_model(model), "released")
    heads = [head for head in released.of_type(Synapse) if head.name in ("head", "head_dist")]
    assert [head.inputs[0].node for head in heads] == ["norm.tokens_0_1", "norm.tokens_1_2"]
    assert not any(head.spiking for head in heads)
    assert not {"head.in", "head_dist.in"} & set(released.nodes)


def test_a_preset_that_does_not_exist_is_refused(graph: SpikingGraph) -> None:
    with pytest.raises(InputError, match="preset 'published' does not exist; presets are paper, released"):
        calibrate(graph, images(1), preset="published")  # type: ignore[arg-type]  # wrong on purpose


def every_site(graph: SpikingGraph, value: Any = (0.5, 0.25, 4)) -> dict[str, Any]:
    return {site.name: value for site in graph.sites}


def test_injected_thresholds_replace_measured_and_fixed_ones(graph: SpikingGraph) -> None:
    injected: dict[str, Any] = {
        "blocks.0.attn.softmax.out": (0.02, 0.01, 5),
        "blocks.1.attn.q": (np.float32(2.0), 1, np.int64(2)),
    }
    found = calibrate(graph, images(2), preset="released", thresholds=injected)
    for site, values in injected.items():
        node = found.nodes[site]
        assert isinstance(node, MTNeurons) and (node.theta1, node.theta2, node.n) == values
        assert (type(node.theta1), type(node.n)) == (float, int)
    assert theta(found, "1.attn.softmax.out") == {(0.0125, 0.0125, 8)}
    assert found.metadata["injected_thresholds"] == 2


def test_injected_thresholds_alone_need_no_images(graph: SpikingGraph) -> None:
    found = calibrate(graph, thresholds=every_site(graph))
    assert theta(found, "") == {(0.5, 0.25, 4)}
    fixed = ("softmax.out", "fc2.in")
    some = {name: value for name, value in every_site(graph).items() if not name.endswith(fixed)}
    some.pop("head.in")
    released = calibrate(graph, preset="released", thresholds=some)
    assert theta(released, "fc2.in") == {(0.25, 0.08, 8)}
    with pytest.raises(CalibrationError, match="no calibration images, and injected thresholds do not cover every site"):
        calibrate(graph, preset="paper", thresholds=some)
    with pytest.raises(CalibrationError, match="no calibration images"):
        calibrate(graph)


def test_an_unknown_site_offers_near_names(graph: SpikingGraph) -> None:
    with pytest.raises(CalibrationError) as caught:
        calibrate(graph, images(1), thresholds={"blocks.0.mlp.fc3.in": (1.0, 1.0, 8)})
    assert "first 'blocks.0.mlp.fc3.in'; near it: blocks.0.mlp.fc" in str(caught.value)
    with pytest.raises(CalibrationError, match="2 sites that do not exist"):
        with_thresholds(graph, every_site(graph) | {"a": (1.0, 1.0, 8), "b": (1.0, 1.0, 8)})
    with pytest.raises(CalibrationError, match=r"no thresholds for 16 sites, first 'blocks\.0\.attn\.qkv\.in'"):
        with_thresholds(graph, {"head.in": (1.0, 1.0, 8)})


@pytest.mark.parametrize(
    "values",
    [
        (0.0, 1.0, 8), (-1.0, 1.0, 8), (1.0, 0.0, 8), (1.0, -0.1, 8), (float("nan"), 1.0, 8), (1.0, float("inf"), 8),
        (1.0, 1.0, 0), (1.0, 1.0, 17), (1.0, 1.0, 2.5), (1.0, 1.0, float("nan")),
        (1.0, 1.0), (1.0, 1.0, 8, 8), ("1", 1.0, 8), 1.0, "118", None,
    ],
    ids=str,
)  # fmt: skip
def test_injected_values_that_are_unusable_name_the_site(graph: SpikingGraph, values: Any) -> None:
    with pytest.raises(CalibrationError, match=r"site 'blocks\.0\.attn\.k': .*(positive, finite, n 1 to 16|triple of numbers)"):
        with_thresholds(graph, every_site(graph) | {"blocks.0.attn.k": values})


@pytest.mark.parametrize("n", [0, 17, -8])
def test_n_out_of_range_is_refused(graph: SpikingGraph, n: int) -> None:
    with pytest.raises(CalibrationError, match=f"n {n}"):
        calibrate(graph, images(1), n=n)


def test_arrays_and_generators_give_the_same_graph(graph: SpikingGraph) -> None:
    pool = images(7)
    parts = [pool[:3], pool[3:6], pool[6:]]
    graphs = [calibrate(graph, each, batch_size=3) for each in (pool, parts, iter(parts), (part for part in parts))]
    assert len({each.digest for each in graphs}) == 1
    assert graphs[0].metadata["calibration_images"] == 7


def test_progress_counts_images(graph: SpikingGraph) -> None:
    calls: list[tuple[int, int]] = []
    calibrate(graph, images(7), batch_size=3, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(3, 7), (6, 7), (7, 7)]


@pytest.mark.parametrize(
    ("calibration", "error", "part"),
    [
        pytest.param(images(0), ImageError, "calibration images: holds no image", id="empty array"),
        pytest.param([], CalibrationError, "holds no batch", id="no batch"),
        pytest.param([images(1), images(0)], ImageError, "calibration batch 1: holds no image", id="empty batch"),
        pytest.param(images(1)[:, :, :4], ImageError, r"shape \(1, 3, 4, 8\)", id="shape"),
        pytest.param(np.zeros((1, *SHAPE), np.uint8), ImageError, "dtype uint8", id="pixels"),
    ],
)
def test_unusable_calibration_is_refused(graph: SpikingGraph, calibration: Any, error: type[Exception], part: str) -> None:
    with pytest.raises(error, match=part):
        calibrate(graph, calibration)


def test_a_batch_size_of_zero_is_refused(graph: SpikingGraph) -> None:
    with pytest.raises(InputError, match="batch_size is 0"):
        calibrate(graph, images(1), batch_size=0)


def test_calibration_says_in_the_metadata_what_it_did(graph: SpikingGraph) -> None:
    facts = calibrate(graph, images(2), preset="released", n=5, p=0.95).metadata
    assert {"method": "ecmt", "preset": "released", "n": 5, "p": 0.95, "calibration_images": 2}.items() <= facts.items()
    assert facts["seed"] == graph.metadata["seed"]


def test_calibration_leaves_weights_and_the_lowered_graph_alone(graph: SpikingGraph) -> None:
    before = graph.digest
    found = calibrate(graph, images(2))
    assert dict(graph.arrays).keys() == dict(found.arrays).keys()
    assert all(found.arrays[name] is array for name, array in graph.arrays.items())
    assert SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, graph.metadata).digest == before
    assert graph.dtype == np.float64
    assert not any(dataclasses.asdict(unit)["biased"] for unit in found.of_type(ECUnit))
