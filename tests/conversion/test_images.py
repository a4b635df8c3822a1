"""Are image files preprocessed as timm does it, in the stated order, and is everything that is no image refused?"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from synaptile.conversion.graph import ImageSource
from synaptile.conversion.images import batches, check_images, load_images, open_folder
from synaptile.foundation.errors import ImageError, InputError
from tests import bounds

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROUNDINGS = bounds.gamma(5, np.float32) * (1 + max(MEAN)) / min(STD)
"""Of (pixel / 255 - mean) / std: three operations and two rounded constants, on |pixel / 255| + |mean| <= 1 + mean."""


def source(height: int = 16, width: int = 16, **how: Any) -> ImageSource:
    return ImageSource("image", (), (1, 3 * height * width), (3, height, width), MEAN, STD, **how)


def write_png(path: Path, width: int, height: int, mode: str = "RGB", seed: int = 0) -> Path:
    """A random image, smooth enough that neighbouring pixels differ by what a photograph's do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rough = np.random.default_rng(seed).integers(0, 256, (height // 3 + 2, width // 3 + 2, 3), np.uint8)
    Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path)
    return path


def timm_pixels(path: Path, image: ImageSource) -> np.ndarray:
    data = pytest.importorskip("timm.data", reason="timm, the model for preprocessing, is not installed (extra `convert`)")
    transform = data.create_transform(
        input_size=image.image_shape,
        is_training=False,
        mean=image.mean,
        std=image.std,
        crop_pct=image.crop_fraction,
        interpolation=image.interpolation,
        crop_mode=image.crop_mode,
    )
    with Image.open(path) as opened:
        return np.asarray(transform(opened.convert("RGB")).numpy())


def assert_same_pixels(found: np.ndarray, expected: np.ndarray) -> None:
    """Both within their own roundings: 1 / 255 / std between neighbouring pixel values is a thousand times more."""
    bounds.assert_within(found, expected, 2 * ROUNDINGS)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    width=st.integers(5, 70),
    height=st.integers(5, 70),
    extents=st.sampled_from([(16, 16), (17, 17), (16, 24), (33, 16)]),
    interpolation=st.sampled_from(["bicubic", "bilinear", "nearest"]),
    crop_fraction=st.sampled_from([1.0, 0.9, 0.875, 0.95, 0.5]),
    crop_mode=st.sampled_from(["center", "squash"]),
)
def test_preprocessing_is_timms(
    tmp_path: Path, width: int, height: int, extents: tuple[int, int], interpolation: str, crop_fraction: float, crop_mode: str
) -> None:
    image = source(*extents, interpolation=interpolation, crop_fraction=crop_fraction, crop_mode=crop_mode)
    path = write_png(tmp_path / "image.png", width, height, seed=width * height)
    found = load_images((path,), image)
    assert found.shape == (1, 3, *extents) and found.dtype == np.float32
    assert_same_pixels(found[0], timm_pixels(path, image))


@pytest.mark.parametrize("size", [(640, 427), (333, 500), (248, 248), (248, 900), (227, 227), (224, 224), (100, 80)])
@pytest.mark.parametrize("crop_fraction", [0.9, 1.0])
def test_preprocessing_is_timms_at_full_size(tmp_path: Path, size: tuple[int, int], crop_fraction: float) -> None:
    image = source(224, 224, crop_fraction=crop_fraction)
    path = write_png(tmp_path / "image.png", *size)
    assert_same_pixels(load_images((path,), image)[0], timm_pixels(path, image))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_other_colour_modes_become_three_channels(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    write_png(path, 30, 20, mode)
    assert_same_pixels(load_images((path,), source())[0], timm_pixels(path, source()))


@pytest.mark.parametrize(("dtype", "suffix"), [(np.uint16, "png"), (np.int32, "tif"), (np.float32, "tif")])
def test_pixels_of_more_than_8_bits_are_refused(tmp_path: Path, dtype: Any, suffix: str) -> None:
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(np.full((4, 4), 40_000, dtype)).save(path)
    with pytest.raises(ImageError, match=r"deep\.\w+: holds pixels of more than 8 bits \(mode"):
        load_images(tmp_path, source())


def test_black_and_white_become_the_ends_of_the_normalised_range(tmp_path: Path) -> None:
    for value in (0, 255):
        Image.new("RGB", (20, 20), (value,) * 3).save(tmp_path / "flat.png")
        expected = (value / 255 - np.array(MEAN)) / np.array(STD)
        pixels = load_images((tmp_path / "flat.png",), source())[0]
        bounds.assert_within(pixels, np.broadcast_to(expected[:, None, None], pixels.shape), ROUNDINGS)


def test_a_folder_is_read_in_the_order_of_names_without_labels(tmp_path: Path) -> None:
    for name in ("b.png", "a.PNG", "c.jpeg"):
        write_png(tmp_path / name, 20, 20)
    (tmp_path / "notes.txt").write_text("no image")
    folder = open_folder(tmp_path)
    assert [path.name for path in folder.paths] == ["a.PNG", "b.png", "c.jpeg"]
    assert folder.labels.tolist() == [-1, -1, -1] and len(folder) == 3


def test_a_folder_or_paths_are_loaded_for_a_graph_cropped_and_limited(tmp_path: Path) -> None:
    paths = [write_png(tmp_path / f"{i}.png", 40, 30, seed=i) for i in range(3)]
    steps: list[tuple[int, int]] = []
    whole = load_images(tmp_path, source(), progress=lambda *step: steps.append(step))
    assert whole.shape == (3, 3, 16, 16) and steps == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_array_equal(whole[:2], load_images(str(tmp_path), source(), limit=2))
    np.testing.assert_array_equal(whole[1:], load_images([str(path) for path in paths[1:]], source()))
    cropped = load_images(paths, source(), crop=0.5)
    np.testing.assert_array_equal(cropped, load_images(paths, source(crop_fraction=0.5)))
    assert not np.array_equal(cropped, whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"crop": 2.0}, "crop is 2.0, needs a fraction"),
        ({"limit": 0}, "limit is 0, needs at least 1"),
        ({"images": []}, "no path of an image"),
        ({"network": "vit.spk"}, "a str says not how images are made ready: give a SpikingGraph or a timm model"),
        ({"network": None}, "a NoneType says not"),
    ],
)
def test_images_that_are_asked_for_wrongly(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    write_png(tmp_path / "a.png", 20, 20)
    with pytest.raises(InputError, match=message):
        load_images(**{"images": tmp_path, "network": source(), **arguments})


def test_batches_follow_the_folder_and_the_last_is_short(tmp_path: Path) -> None:
    for i in range(5):
        write_png(tmp_path / f"{i}.png", 20, 20, seed=i)
    folder = open_folder(tmp_path)
    parts = list(batches(folder.paths, source(), 2))
    assert [len(part) for part in parts] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate(parts), load_images(folder.paths, source()))


@pytest.mark.parametrize("where", ["inside", "beside"])
def test_a_table_gives_order_and_labels(tmp_path: Path, where: str) -> None:
    root = tmp_path / "val"
    for name in ("a", "b", "c", "d"):
        write_png(root / f"{name}.png", 20, 20)
    table = root / "labels.csv" if where == "inside" else tmp_path / "val.csv"
    table.write_text("\ufefffile,label\nd.png,7\nsub/b.png,0\na.png,\n", encoding="utf-8")
    folder = open_folder(root)
    assert [path.stem for path in folder.paths] == ["d", "b", "a", "c"]  # what the table does not list comes last
    assert folder.labels.tolist() == [7, 0, -1, -1]


def test_a_table_without_labels_gives_the_order_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_png(tmp_path / f"{name}.png", 20, 20)
    (tmp_path / "labels.csv").write_text("file\nb.png\na.png\n")
    folder = open_folder(tmp_path)
    assert [path.stem for path in folder.paths] == ["b", "a"] and folder.labels.tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("names", "labels"),
    [(("cat/x.png", "ant/y.png", "bee/z.png"), [0, 1, 2]), (("10/x.png", "2/y.png", "2/z.png"), [10, 2, 2])],
    ids=["sorted names", "numbers"],
)
def test_class_folders_give_labels(tmp_path: Path, names: tuple[str, ...], labels: list[int]) -> None:
    for name in names:
        write_png(tmp_path / name, 20, 20)
    write_png(tmp_path / "loose.png", 20, 20)
    folder = open_folder(tmp_path)
    found = {str(path.relative_to(tmp_path)): int(label) for path, label in zip(folder.paths, folder.labels, strict=True)}
    expected = {"ant/y.png": 0, "bee/z.png": 1, "cat/x.png": 2} if labels == [0, 1, 2] else dict(zip(names, labels, strict=True))
    assert found == expected | {"loose.png": -1}


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        pytest.param(b"name,label\na.png,1\n", ["labels.csv: columns ['name', 'label'], needs 'file'"], id="columns"),
        pytest.param(b"", ["labels.csv: columns", "needs 'file'"], id="empty"),
        pytest.param(b"file,label\na.png,1\nb.png,cat\n", ["labels.csv, line 3: label 'cat' is not an integer"], id="label"),
        pytest.param("file\nä.png".encode("utf-16"), ["labels.csv: not UTF-8"], id="encoding"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, table: bytes, parts: list[str]) -> None:
    write_png(tmp_path / "a.png", 20, 20)
    (tmp_path / "labels.csv").write_bytes(table)
    with pytest.raises(ImageError) as caught:
        open_folder(tmp_path)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere: no such folder"):
        open_folder(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text("no image")
    with pytest.raises(ImageError, match=r"no image in the folder; known suffixes: \.bmp, \.jpeg"):
        open_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
@pytest.mark.parametrize("content", ["empty", "text", "half"])
def test_an_unreadable_file_is_named(tmp_path: Path, suffix: str, content: str) -> None:
    whole = io.BytesIO()
    Image.effect_noise((90, 70), 90).convert("RGB").save(whole, "jpeg" if suffix == "jpg" else suffix)
    data = {"empty": b"", "text": b"hello", "half": whole.getvalue()[: len(whole.getvalue()) // 2]}[content]
    path = tmp_path / f"broken.{suffix}"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=rf"broken\.{suffix}: not a readable image"):
        load_images((path,), source())


@pytest.mark.parametrize(
    ("how", "part"),
    [({"interpolation": "psychic"}, "interpolation 'psychic'.*bicubic"), ({"crop_mode": "border"}, "crop mode 'border'.*squash")],
)
def test_unknown_preprocessing_is_refused(tmp_path: Path, how: dict[str, Any], part: str) -> None:
    with pytest.raises(ImageError, match=part):
        load_images((write_png(tmp_path / "a.png", 20, 20),), source(**how))


GOOD = np.zeros((2, 3, 4, 4), np.float32)


def spoilt(value: float) -> np.ndarray:
    images = GOOD.copy()
    images[1, 2, 0, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        pytest.param(GOOD.astype(np.uint8), ["dtype uint8", "float32 or float64"], id="pixels"),
        pytest.param(GOOD.astype(np.float16), ["dtype float16"], id="half"),
        pytest.param(GOOD.astype(complex), ["dtype complex128"], id="complex"),
        pytest.param("images", ["dtype"], id="text"),
        pytest.param(GOOD[0], ["shape (3, 4, 4), needs (images, 3, 4, 4)"], id="one image without its axis"),
        pytest.param(GOOD.transpose(0, 2, 3, 1), ["shape (2, 4, 4, 3), needs (images, 3, 4, 4)"], id="channels last"),
        pytest.param(np.zeros((2, 3, 4, 5)), ["shape (2, 3, 4, 5)"], id="size"),
        pytest.param(GOOD[:0], ["holds no image"], id="empty"),
        pytest.param(spoilt(np.nan), ["image 1 holds NaN or infinite"], id="nan"),
        pytest.param(spoilt(-np.inf), ["image 1 holds NaN or infinite"], id="infinite"),
        pytest.param(spoilt(-1001.0), ["largest magnitude 1001, limit 1000", "mean and std"], id="range"),
    ],
)
def test_arrays_that_are_no_preprocessed_images_are_refused(images: Any, parts: list[str]) -> None:
    with pytest.raises(ImageError) as caught:
        check_images(images, (3, 4, 4), "the batch")
    assert all(part in str(caught.value) for part in ["the batch: ", *parts]), str(caught.value)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_preprocessed_images_pass_unchanged(dtype: Any) -> None:
    images = np.full((1, 3, 4, 4), 1000.0, dtype)
    assert check_images(images, (3, 4, 4)) is images
    assert check_images(GOOD.tolist(), (3, 4, 4)).dtype == np.float64
