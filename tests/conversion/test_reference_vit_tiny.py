"""Does the real ViT-Ti/16 give the published code's logits and thresholds?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import lower_model
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import batches, load_images, open_folder, source_of
from synaptile.conversion.thresholds import measure_thresholds, preset_thresholds
from synaptile.conversion.weights import load_timm

pytest.importorskip("torch", reason="torch is not installed: the model cannot be lowered (extra `convert`)")

MODEL = "vit_tiny_patch16_224"


@pytest.fixture(scope="module")
def data(reference_dir: Path) -> dict[str, np.ndarray]:
    with np.load(reference_dir / "vit_tiny_ecmt.npz", allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name.startswith(("threshold/", "ann", "images", "labels"))}


@pytest.fixture(scope="module")
def graph(reference_dir: Path) -> SpikingGraph:
    return lower_model(load_timm(MODEL, reference_dir / f"{MODEL}_in1k.safetensors"))


def test_logits_of_the_first_validation_images(graph: SpikingGraph, reference_dir: Path, data: dict[str, np.ndarray]) -> None:
    folder = open_folder(reference_dir / "images" / "val")
    assert [path.name for path in folder.paths] == data["images"].tolist()
    np.testing.assert_array_equal(folder.labels, data["labels"])
    # The images are 227 x 227 already: a resize to 227, which none needs, and the centre crop of 224.
    cropped = dataclasses.replace(source_of(graph), crop_fraction=224 / 227.5)
    logits, expected = ann_forward(graph, load_images(folder.paths[:8], cropped)), data["ann_logits"][:8]
    assert np.abs(logits - expected).max() < 1e-3 * np.abs(expected).max()
    assert logits.argmax(axis=1).tolist() == expected.argmax(axis=1).tolist()


def test_thresholds_of_the_calibration_images(graph: SpikingGraph, reference_dir: Path, data: dict[str, np.ndarray]) -> None:
    folder, fixed = open_folder(reference_dir / "images" / "calibration"), preset_thresholds(graph, "released")
    assert len(folder) == 64
    measured = measure_thresholds(graph, batches(folder.paths, source_of(graph), 8), known=fixed)
    found = {site: (*theta, 8) for site, theta in {**measured, **fixed}.items() if site != "head.in"}
    expected = {name.removeprefix("threshold/"): values for name, values in data.items() if name.startswith("threshold/")}
    assert found.keys() == expected.keys()
    for site, values in expected.items():
        np.testing.assert_allclose(found[site], values, rtol=0.01, err_msg=site)
