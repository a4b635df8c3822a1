"""Does a real ViT-Ti/16 on ImageNet images cost what the published code says?

Four images, four steps; scripts/compare_reference.py takes all of them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.images import load_images, open_folder, source_of
from synaptile.energy import price
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute
from tests.simulator.runs import published_thresholds

MODEL, IMAGES, STEPS = "vit_tiny_patch16_224", 4, 4


@pytest.fixture(scope="module")
def published(reference_dir: Path) -> dict[str, NDArray[Any]]:
    with np.load(reference_dir / "vit_tiny_ecmt.npz") as stored:
        return {name: stored[name] for name in stored.files}


@pytest.fixture(scope="module")
def activity(reference_dir: Path, published: dict[str, NDArray[Any]]) -> Activity:
    pytest.importorskip("torch")
    pytest.importorskip("timm")
    from synaptile.conversion.convert import convert
    from synaptile.conversion.weights import load_timm

    model = load_timm(MODEL, reference_dir / f"{MODEL}_in1k.safetensors")
    graph = convert(model, preset="released", thresholds=published_thresholds(published))
    stored = replace(source_of(graph), crop_fraction=224 / 227.5)  # stored at 227 x 227: cropped, not resized
    images = load_images(open_folder(reference_dir / "images" / "val").paths[:IMAGES], stored)
    np.testing.assert_allclose(ann_forward(graph, images), published["ann_logits"][:IMAGES], atol=0.01)
    return execute(map_graph(graph, load_chip("ecmt45"), placement="row_major"), images, STEPS)


def test_energy_ratios_lie_within_two_percent(activity: Activity, published: dict[str, NDArray[Any]]) -> None:
    """The published figures are means over 64 images; four of them differ by about one percent at the first step."""
    ratios = price(activity, activity.program.chip).ratios("released")
    np.testing.assert_allclose(ratios, published["energy_ratio"][:STEPS], rtol=0.02)


def test_counts_of_every_node_are_of_the_published_size(activity: Activity, published: dict[str, NDArray[Any]]) -> None:
    accounting = activity.accounting
    assert set(accounting.nodes) == {name.removeprefix("ops/") for name in published if name.startswith("ops/")}
    share = IMAGES / len(published["labels"])
    expected = np.stack([published[f"ops/{node}"][:STEPS, 0].sum() for node in accounting.nodes]) * share
    errors = np.abs(accounting.released.sum(axis=(1, 2)) / expected - 1)
    assert np.median(errors) < 0.03 and errors.max() < 0.3
    dense = np.array([published[f"ops/{node}"][0, 1] for node in accounting.nodes]) * share
    np.testing.assert_array_equal(accounting.ann_macs * IMAGES, dense)


def test_no_image_fires_more_than_its_neurons(activity: Activity) -> None:
    for name, record in activity.spikes.items():
        per_image = record.events.sum(axis=(2, 3))
        assert (per_image > 0).all() and (per_image <= record.neurons).all(), name
