"""Does the front door give one result whatever the form of the calibration images, with torch or without?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.convert import convert, lower_model
from synaptile.conversion.graph import SpikingGraph, load_graph, save_graph
from synaptile.conversion.images import batches, load_images, open_folder, source_of
from synaptile.foundation.errors import ImageError
from synaptile.foundation.options import Preset
from tests.bounds import gamma
from tests.conversion.small_models import model_logits, random_images, small_vit, torch
from tests.conversion.without_torch import BLOCK_TORCH, ROOT

THETA = gamma(2, np.float32)
"""Thresholds are taken in float64 and rounded once to float32; two of them differ by two roundings."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("calibration")
    rng = np.random.default_rng(0)
    for i in range(7):
        size = (int(rng.integers(18, 50)), int(rng.integers(18, 50)), 3)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(root / f"{i}.png")
    (root / "labels.csv").write_text("file\n" + "".join(f"{i}.png\n" for i in (3, 6, 1, 0, 2, 5, 4)))
    return root


def thresholds_of(graph: SpikingGraph) -> dict[str, tuple[float, float, int]]:
    return {site.name: (site.theta1, site.theta2, site.n) for site in graph.sites}


def test_folder_array_and_generator_give_the_same_thresholds(folder: Path) -> None:
    model = small_vit(dtype=torch.float64)
    source = source_of(lower_model(model))
    paths = open_folder(folder).paths
    images = load_images(folder, model)
    np.testing.assert_array_equal(images, load_images(paths, source))
    expected = thresholds_of(convert(model, images, batch_size=3))
    for calibration in (folder, str(folder), batches(paths, source, 3), [images[:3], images[3:6], images[6:]]):
        assert thresholds_of(convert(model, calibration, batch_size=3)) == expected
    assert expected != thresholds_of(convert(model, images, batch_size=7))


def test_a_folder_reports_progress_in_images(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    convert(small_vit(depth=1), folder, batch_size=4, progress=lambda *step: calls.append(step))
    assert calls == [(4, 7), (7, 7)]


def test_an_unreadable_calibration_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_text("no image")
    with pytest.raises(ImageError, match=r"broken\.png: not a readable image"):
        convert(small_vit(depth=1), tmp_path)
    with pytest.raises(ImageError, match="no such folder"):
        convert(small_vit(depth=1), tmp_path / "nowhere")


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_dense_graph_is_the_model_whatever_the_preset(preset: Preset) -> None:
    model = small_vit(init_values=0.5, dtype=torch.float64)
    images = random_images(4, dtype=np.float64)
    graph = convert(model, images, preset=preset)
    np.testing.assert_allclose(ann_forward(graph, images), model_logits(model, images), rtol=1e-9, atol=1e-10)
    assert {"preset": preset, "method": "ecmt", "calibration_images": 4}.items() <= graph.metadata.items()
    assert set(graph.metadata["versions"]) == {"torch", "timm"}


def test_calibration_without_torch_gives_what_convert_gives(tmp_path: Path) -> None:
    model, images = small_vit(dtype=torch.float64), random_images(6, dtype=np.float64)
    expected = convert(model, images, preset="released", batch_size=4)
    save_graph(lower_model(model), tmp_path / "lowered.spk")
    np.save(tmp_path / "images.npy", images)
    script = f"""{BLOCK_TORCH}
import numpy as np
from synaptile.conversion.calibrate import calibrate
from synaptile.conversion.graph import load_graph, save_graph
graph = calibrate(load_graph("lowered.spk"), np.load("images.npy"), preset="released", batch_size=4)
save_graph(graph, "ready.spk")
assert sys.modules["torch"] is None
"""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{script}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    found = load_graph(tmp_path / "ready.spk")
    assert dict(found.metadata) == dict(expected.metadata)
    assert thresholds_of(found).keys() == thresholds_of(expected).keys()
    for site, values in thresholds_of(expected).items():
        np.testing.assert_allclose(thresholds_of(found)[site], values, rtol=THETA)
    assert all(np.array_equal(found.arrays[name], array) for name, array in expected.arrays.items())


def test_lowering_and_calibrating_is_converting() -> None:
    model, images = small_vit(), random_images(3)
    assert calibrate(lower_model(model), images, n=5).digest == convert(model, images, n=5).digest


def test_a_graph_that_shares_weights_is_the_same_and_holds_the_models_memory() -> None:
    model = small_vit()
    own, shared = lower_model(model), lower_model(model, shares=True)
    assert shared.digest == own.digest
    weights = [parameter.detach().numpy() for parameter in model.parameters()]

    def held(graph: SpikingGraph) -> int:
        return sum(array.nbytes for array in graph.arrays.values() if any(np.may_share_memory(array, one) for one in weights))

    assert held(own) == 0
    assert held(shared) > 0.9 * sum(one.nbytes for one in weights)
