"""Images from arrays and folders, validated and preprocessed. Needs Pillow, not torch."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from synaptile.conversion.graph import ImageSource, SpikingGraph, TokenSource
from synaptile.foundation.errors import GraphError, ImageError

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
LARGEST_VALUE = 1e3
CROP_MODES = ("center", "squash")
_FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}


@dataclass(frozen=True)
class ImageFolder:
    """Image files of a folder, with labels where known.

    A table ``labels.csv`` in the folder, or ``<folder>.csv`` beside it, with columns ``file`` and (optionally) ``label``
    gives order and labels, images it does not list coming last; else order is by name and labels come from class
    sub-folders, numbered or sorted. -1 where unknown.
    """

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.paths)


def source_of(graph: SpikingGraph) -> ImageSource:
    """The graph's image source, which carries its preprocessing. Raises GraphError for a graph that takes something else."""
    if isinstance(graph.source, TokenSource):
        raise GraphError(f"graph {graph.name!r} takes text at {graph.source.name!r}: it shows no images, give it sentences")
    if not isinstance(graph.source, ImageSource):
        raise GraphError(f"graph {graph.name!r} takes spike trains at {graph.source.name!r}: it shows no images and has no ANN")
    return graph.source


def check_images(images: Any, image_shape: tuple[int, int, int], where: str = "images") -> NDArray[Any]:
    """Validate preprocessed images: float32 or float64, shape (images, *image_shape), finite, plausible range.

    Raises ImageError. Integers are refused: raw pixels that nobody normalised would run silently wrong.
    """
    array = np.asarray(images)
    if array.dtype not in (np.float32, np.float64):
        raise ImageError(f"{where}: dtype {array.dtype}, needs preprocessed float32 or float64")
    if array.ndim != 4 or array.shape[1:] != image_shape:
        raise ImageError(f"{where}: shape {array.shape}, needs (images, {', '.join(map(str, image_shape))})")
    if not len(array):
        raise ImageError(f"{where}: holds no image, needs at least 1")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array).all(axis=(1, 2, 3)))[0])
        raise ImageError(f"{where}: image {bad} holds NaN or infinite values")
    largest = float(np.abs(array).max())
    if largest > LARGEST_VALUE:
        raise ImageError(
            f"{where}: largest magnitude {largest:g}, limit {LARGEST_VALUE:g}: normalise with the model's mean and std"
        )
    return array


def open_folder(folder: str | Path) -> ImageFolder:
    """List the images of a folder and of its sub-folders. Raises ImageError where it is missing or has none."""
    root = Path(folder)
    if not root.is_dir():
        raise ImageError(f"{root}: no such folder of images")
    paths = tuple(sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES))
    if not paths:
        raise ImageError(f"{root}: no image in the folder; known suffixes: {', '.join(sorted(SUFFIXES))}")
    table = next((t for t in (root / "labels.csv", root.with_name(root.name + ".csv")) if t.is_file()), None)
    if table is not None:
        known = _read_table(table)
        position = {name: i for i, name in enumerate(known)}
        paths = tuple(sorted(paths, key=lambda path: position.get(path.name, len(position))))
        labels = [known.get(path.name, -1) for path in paths]
    else:
        classes = {name: i for i, name in enumerate(sorted({p.parent.name for p in paths if p.parent != root}))}
        labels = [_class_index(path, root, classes) for path in paths]
    return ImageFolder(paths, np.array(labels, np.int64))


def load_images(paths: tuple[Path, ...], source: ImageSource) -> NDArray[np.float32]:
    """Preprocess image files as timm does for evaluation: resize, centre crop, normalise.

    Returns float32, shape (images, 3, H, W). Raises ImageError for an unreadable file.
    """
    return np.stack([_preprocess(path, source) for path in paths])


def batches(folder: ImageFolder, source: ImageSource, size: int) -> Iterator[NDArray[np.float32]]:
    """Preprocessed batches of at most `size` images, in order."""
    for start in range(0, len(folder), size):
        yield load_images(folder.paths[start : start + size], source)


def _preprocess(path: Path, source: ImageSource) -> NDArray[np.float32]:
    _, height, width = source.image_shape
    if source.interpolation not in _FILTERS:
        raise ImageError(f"interpolation {source.interpolation!r} is not supported; known: {', '.join(_FILTERS)}")
    if source.crop_mode not in CROP_MODES:
        raise ImageError(f"crop mode {source.crop_mode!r} is not supported; known: {', '.join(CROP_MODES)}")
    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: not a readable image: {error}") from error
    image = _resize(image, height, width, source)
    left, top = round((image.width - width) / 2.0), round((image.height - height) / 2.0)
    image = image.crop((left, top, left + width, top + height))
    pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
    mean, std = (np.array(v, np.float32)[:, None, None] for v in (source.mean, source.std))
    return np.asarray((pixels - mean) / std)


def _resize(image: Image.Image, height: int, width: int, source: ImageSource) -> Image.Image:
    """Timm's evaluation resize to floor(size / crop fraction): both sides in mode ``squash``, else the one that binds."""
    high, wide = (math.floor(extent / source.crop_fraction) for extent in (height, width))
    if source.crop_mode == "squash":
        size = (wide, high)
    elif high != wide:
        ratio = min(image.height / high, image.width / wide)
        size = (round(image.width / ratio), round(image.height / ratio))
    else:
        short, long = sorted(image.size)
        scaled = int(high * long / short)
        size = (high, scaled) if image.width <= image.height else (scaled, high)
    return image if size == image.size else image.resize(size, _FILTERS[source.interpolation])


def _read_table(table: Path) -> dict[str, int]:
    """File names in table order, with their labels (-1 where the table has none)."""
    try:
        text = table.read_text(encoding="utf-8-sig")  # spreadsheets put a byte-order mark in front
    except UnicodeDecodeError as error:
        raise ImageError(f"{table}: not UTF-8 text: {error}") from error
    reader = csv.DictReader(text.splitlines())
    if "file" not in (reader.fieldnames or ()):
        raise ImageError(f"{table}: columns {reader.fieldnames}, needs 'file' and, where known, 'label'")
    known: dict[str, int] = {}
    for row in reader:
        try:
            known[Path(row["file"]).name] = int(row["label"]) if row.get("label") else -1
        except ValueError as error:
            raise ImageError(f"{table}, line {reader.line_num}: label {row['label']!r} is not an integer") from error
    return known


def _class_index(path: Path, root: Path, classes: dict[str, int]) -> int:
    if path.parent == root:
        return -1
    return int(path.parent.name) if path.parent.name.isdigit() else classes[path.parent.name]
