"""Golden: are the embedded digits and weights what their description says they are?"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

import numpy as np
import pytest
from safetensors.numpy import load_file

from synaptile.data import DATA_DIR, DIGITS_IMAGES, DIGITS_WEIGHTS, digits_description, embedded_digits, preprocess_digits
from synaptile.foundation.errors import ImageError

Split = Literal["test", "calibration"]


def test_the_archive_holds_plain_arrays_and_nothing_else() -> None:
    with np.load(DIGITS_IMAGES, allow_pickle=False) as arrays:
        shapes = {name: (arrays[name].shape, arrays[name].dtype.name) for name in arrays.files}
    assert shapes == {
        "test_images": ((200, 8, 8), "uint8"),
        "test_labels": ((200,), "uint8"),
        "test_indices": ((200,), "int64"),
        "calibration_images": ((128, 8, 8), "uint8"),
        "calibration_labels": ((128,), "uint8"),
        "calibration_indices": ((128,), "int64"),
    }


@pytest.mark.parametrize("split", ["test", "calibration"])
def test_pixels_span_0_to_16_and_every_digit_is_drawn_on(split: Split) -> None:
    images = embedded_digits(split).images
    assert (images.min(), images.max()) == (0, 16)
    assert np.all(images.reshape(len(images), -1).max(axis=1) >= 8)


def test_classes_are_balanced() -> None:
    assert np.bincount(embedded_digits("test").labels).tolist() == [20] * 10
    assert np.bincount(embedded_digits("calibration").labels).tolist() == [13] * 8 + [12] * 2


def test_no_digit_serves_both_calibration_and_test() -> None:
    test, calibration = embedded_digits("test"), embedded_digits("calibration")
    indices = np.concatenate([test.indices, calibration.indices])
    assert len(np.unique(indices)) == 328
    assert not {image.tobytes() for image in test.images} & {image.tobytes() for image in calibration.images}


@pytest.mark.parametrize("split", ["test", "calibration"])
def test_digits_are_those_of_scikit_learn(split: Split) -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn, the source of the digits, is not installed")
    source, ours = datasets.load_digits(), embedded_digits(split)
    np.testing.assert_array_equal(source.images[ours.indices], ours.images)
    np.testing.assert_array_equal(source.target[ours.indices], ours.labels)


def test_preprocessing_maps_ink_to_minus_one_to_one_in_three_identical_channels() -> None:
    images = np.zeros((1, 8, 8), dtype=np.uint8)
    images[0, 0, :3] = [0, 8, 16]
    result = preprocess_digits(images)
    assert result.shape == (1, 3, 8, 8) and result.dtype == np.float32
    for channel in range(3):
        assert result[0, channel, 0, :3].tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (np.full((1, 8, 8), 17, dtype=np.uint8), r"0\.\.16"),
        (np.full((1, 8, 8), -1, dtype=np.int8), r"0\.\.16"),
        (np.zeros((1, 28, 28), dtype=np.uint8), r"\(n, 8, 8\)"),
        (np.zeros((1, 8, 8), dtype=np.float32), "integers"),
    ],
)
def test_preprocessing_refuses_what_is_not_a_digit(images: np.ndarray, complaint: str) -> None:
    with pytest.raises(ImageError, match=complaint):
        preprocess_digits(images)


def test_weights_are_finite_float32_of_the_published_digest() -> None:
    weights = load_file(DIGITS_WEIGHTS)
    assert {array.dtype.name for array in weights.values()} == {"float32"}
    assert all(np.isfinite(array).all() for array in weights.values())
    assert sum(array.size for array in weights.values()) == digits_description()["parameters"]
    assert hashlib.sha256(DIGITS_WEIGHTS.read_bytes()).hexdigest() == digits_description()["weights_sha256"]


def test_the_model_has_neither_layer_scale_nor_dropout() -> None:
    kwargs = digits_description()["kwargs"]
    assert not {name for name in kwargs if "drop" in name or name == "init_values"}
    assert not [name for name in load_file(DIGITS_WEIGHTS) if name.endswith("gamma")]


def test_the_readme_states_the_measured_accuracy() -> None:
    readme = (DATA_DIR / "README.md").read_text(encoding="utf-8")
    description = digits_description()
    for split in ("test_split", "embedded_test"):
        correct, images = description["correct"][split], description["images"][split]
        assert f"{correct} of {images} ({correct / images:.1%})" in readme
        assert correct / images >= 0.97


def test_timm_rebuilds_the_model_and_it_reads_the_documented_number_of_digits() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: the weights cannot be run (extra `convert`)")
    transformers = pytest.importorskip("timm.models.vision_transformer", reason="timm is not installed (extra `convert`)")
    safetensors_torch = pytest.importorskip("safetensors.torch")
    description, digits = digits_description(), embedded_digits("test")
    model = transformers.VisionTransformer(**json.loads(json.dumps(description["kwargs"])))
    model.load_state_dict(safetensors_torch.load_file(DIGITS_WEIGHTS), strict=True)
    with torch.inference_mode():
        predicted = model.eval()(torch.from_numpy(preprocess_digits(digits.images))).argmax(1).numpy()
    assert int(np.sum(predicted == digits.labels)) == description["correct"]["embedded_test"]
