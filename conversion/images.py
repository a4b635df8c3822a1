"""Images from arrays and folders, validated and preprocessed. Needs Pillow, not torch."""

from __future__ import annotations

import csv
import math
import struct
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from synaptile.conversion.extra import is_module
from synaptile.conversion.graph import ImageSource, SpikingGraph, TokenSource
from synaptile.conversion.trace import image_source
from synaptile.foundation.arguments import expect_path
from synaptile.foundation.errors import GraphError, ImageError, InputError

if TYPE_CHECKING:
    import torch

Network: TypeAlias = "SpikingGraph | ImageSource | torch.nn.Module"
"""What says how image files are made ready: a graph, its image source, or a model of timm."""
SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}
LARGEST_VALUE = 1e3
_UNREADABLE: tuple[type[Exception], ...] = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
)
_UNREADABLE += (TypeError, LookupError, EOFError, MemoryError, OverflowError, struct.error, zlib.error)
"""What Pillow's readers raise for files that are damaged, each in its own way."""
MAX_LABEL = 2**31 - 1
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


def source_of(network: Network, crop: float | None = None) -> ImageSource:
    """The image source of a graph or model, which carries its preprocessing; `crop` replaces its crop fraction.

    Raises GraphError for a graph that takes something else, ModelError for a model without a data configuration, InputError for
    another network or a crop fraction out of range.
    """
    if crop is not None and not 0.1 <= crop <= 1:
        raise InputError(f"crop is {crop}, needs a fraction from 0.1 to 1")
    source = _source_of(network)
    return source if crop is None else replace(source, crop_fraction=crop)


def _source_of(network: Network) -> ImageSource:
    if isinstance(network, ImageSource):
        return network
    if not isinstance(network, SpikingGraph):
        if is_module(network):
            return image_source(network)
        raise InputError(f"a {type(network).__name__} says not how images are made ready: give a SpikingGraph or a timm model")
    source = network.source
    if isinstance(source, TokenSource):
        raise GraphError(f"graph {network.name!r} takes text at {source.name!r}: it shows no images, give it sentences")
    if not isinstance(source, ImageSource):
        raise GraphError(f"graph {network.name!r} takes spike trains at {source.name!r}: it shows no images and has no ANN")
    return source


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
    root = expect_path(folder, "folder of images")
    if not root.is_dir():
        raise ImageError(f"{root}: no such folder of images")
    paths = tuple(sorted(path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()))
    if not paths:
        raise ImageError(f"{root}: no image in the folder; known suffixes: {', '.join(sorted(SUFFIXES))}")
    table = next((t for t in (root / "labels.csv", root.with_name(root.name + ".csv")) if t.is_file()), None)
    if table is not None:
        known = _read_table(table)
        position = {name: i for i, name in enumerate(known)}
        paths = tuple(sorted(paths, key=lambda path: position.get(_composed(path.name), len(position))))
        labels = [known.get(_composed(path.name), -1) for path in paths]
    else:
        classes = {name: i for i, name in enumerate(sorted({p.parent.name for p in paths if p.parent != root}))}
        labels = [_class_index(path, root, classes) for path in paths]
    return ImageFolder(paths, np.array(labels, np.int64))


def load_images(
    images: str | Path | Sequence[str | Path],
    network: Network,
    *,
    crop: float | None = None,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Image files as a network takes them, preprocessed as timm does for evaluation: resize, centre crop, normalise.

    Args:
        images: a folder, read in the order of its table of labels or of its names, or the paths of image files.
        network: the graph or timm model that will read them, which says how they are made ready.
        crop: replaces the network's crop fraction: the shorter side is resized to the network's size over it, before the centre
            is cut out.
        limit: takes the first images only.
        progress: called with (images done, images in all).

    Returns:
        float32, shape (images, 3, H, W).

    Raises:
        ImageError: no image, or an unreadable file. InputError, GraphError, ModelError: a network that takes no images, or a
        crop fraction or limit out of range.
    """
    source = source_of(network, crop)
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}, needs at least 1")
    paths = (open_folder(images).paths if isinstance(images, str | Path) else tuple(images))[:limit]
    if not paths:
        raise ImageError("no path of an image: give at least one")
    pixels = np.empty((len(paths), *source.image_shape), np.float32)
    for i, path in enumerate(paths):
        pixels[i] = _preprocess(Path(path), source)
        if progress is not None:
            progress(i + 1, len(paths))
    return pixels


def batches(
    paths: Sequence[Path], source: ImageSource, size: int, progress: Callable[[int, int], None] | None = None
) -> Iterator[NDArray[np.float32]]:
    """Preprocessed batches of at most `size` images, in order; `progress` is called when a batch has been used."""
    for start in range(0, len(paths), size):
        yield load_images(paths[start : start + size], source)
        if progress is not None:
            progress(min(start + size, len(paths)), len(paths))


def _preprocess(path: Path, source: ImageSource) -> NDArray[np.float32]:
    _, height, width = source.image_shape
    if source.interpolation not in _FILTERS:
        raise ImageError(f"interpolation {source.interpolation!r} is not supported; known: {', '.join(_FILTERS)}")
    if source.crop_mode not in CROP_MODES:
        raise ImageError(f"crop mode {source.crop_mode!r} is not supported; known: {', '.join(CROP_MODES)}")
    if not path.is_file():
        raise ImageError(f"{path}: no such file, or none that can be read as one")
    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(("I", "F")):  # Pillow cuts them off at 255
                raise ImageError(
                    f"{path}: holds pixels of more than 8 bits (mode {opened.mode}): save it with 8 bits per channel"
                )
            image = opened.convert("RGB")
    except _UNREADABLE as error:
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
    try:
        for row in reader:
            where = f"{table}, line {reader.line_num}: "
            if not row["file"]:
                raise ImageError(f"{where}names no file")
            known[_composed(Path(row["file"]).name)] = _label(row["label"], f"{where}label") if row.get("label") else -1
    except csv.Error as error:
        raise ImageError(f"{table}, line {reader.line_num + 1}: {error}") from error
    return known


def _composed(name: str) -> str:
    """Accents as one character with their letter: macOS hands out names with the two apart, spreadsheets write them so."""
    return unicodedata.normalize("NFC", name)


def _class_index(path: Path, root: Path, classes: dict[str, int]) -> int:
    if path.parent == root:
        return -1
    number = path.parent.name if path.parent.name.isdecimal() else ""
    return _label(number, f"{path.parent}: the folder's name") if number else classes[path.parent.name]


def _label(text: str, where: str) -> int:
    """A label. Raises ImageError for what is none, or no class of any network."""
    try:
        label = int(text)
    except ValueError as error:
        raise ImageError(f"{where} {text[:40]!r} is not an integer") from error
    if not -1 <= label <= MAX_LABEL:
        raise ImageError(f"{where} {text[:40]!r} is out of range: needs 0 to {MAX_LABEL:,}, or -1 where it is unknown")
    return label
