"""What the command line accepts as images: a folder, an array file, or the embedded digits."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from conversion.graph import ImageSource, SpikingGraph
from conversion.images import check_images, load_images, open_folder, source_of
from foundation.errors import ImageError, InputError
from synaptile.data import embedded_digits, preprocess_digits

DIGITS = "digits"
"""Names the embedded model and its digits wherever a model or images are asked for."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Preprocessed images, shape (images, channels, H, W), with labels (int64, -1 where unknown) and file names."""

    images: NDArray[Any]
    labels: NDArray[np.int64]
    files: tuple[str, ...] = ()


def digits(split: Literal["test", "calibration"], limit: int | None = None) -> ImageSet:
    """The embedded digits of one split, preprocessed; at most `limit` of them."""
    chosen = embedded_digits(split)
    return ImageSet(preprocess_digits(chosen.images[:limit]), chosen.labels[:limit].astype(np.int64))


def picture_source(graph: SpikingGraph, crop: float | None) -> ImageSource:
    """How pictures are made ready for a graph; `crop` replaces the model's crop fraction. Raises InputError."""
    if crop is not None and not 0.1 <= crop <= 1:
        raise InputError(f"--crop is {crop}, needs a fraction from 0.1 to 1")
    source = source_of(graph)
    return source if crop is None else replace(source, crop_fraction=crop)


def read_images(
    where: str, graph: SpikingGraph, limit: int | None = None, progress: Progress | None = None, *, crop: float | None = None
) -> ImageSet:
    """Images for a graph from a folder (preprocessed as the model asks), an ``.npz`` file or the embedded ``digits``.

    An ``.npz`` holds ``images``, preprocessed float of shape (images, channels, H, W), and may hold ``labels``. At most `limit`
    images are taken, in order. `crop` replaces the model's crop fraction: the shorter side of a picture is resized to the model's
    size over it, before the centre is cut out. Raises ImageError, InputError.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, needs at least 1")
    source = picture_source(graph, crop)
    path = Path(where)
    if where == DIGITS and not path.exists():
        found = digits("test", limit)
        return ImageSet(check_images(found.images, source_of(graph).image_shape, "embedded digits"), found.labels)
    if path.suffix == ".npz":
        return _from_file(path, graph, limit)
    folder = open_folder(path)
    count = len(folder) if limit is None else min(limit, len(folder))
    rows = []
    for i in range(count):
        rows.append(load_images(folder.paths[i : i + 1], source))
        if progress is not None:
            progress(i + 1, count)
    names = tuple(file.relative_to(path).as_posix() for file in folder.paths[:count])
    return ImageSet(np.concatenate(rows), folder.labels[:count], names)


def _from_file(path: Path, graph: SpikingGraph, limit: int | None) -> ImageSet:
    if not path.is_file():
        raise ImageError(f"{path}: no such file of images")
    try:
        with np.load(path, allow_pickle=False) as stored:
            images = stored["images"]
            labels = stored["labels"] if "labels" in stored.files else np.full(len(images), -1)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ImageError(f"{path}: needs an .npz file with an array 'images' (and, where known, 'labels'): {error}") from error
    check_images(images, source_of(graph).image_shape, str(path))
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ImageError(f"{path}: labels have shape {labels.shape} and type {labels.dtype}, needs one integer an image")
    return ImageSet(images[:limit], labels[:limit].astype(np.int64))
