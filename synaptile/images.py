"""What the command line accepts as images: a folder, an array file, or the embedded digits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import CurrentSource, SpikeSource, SpikingGraph, ValueSource
from synaptile.conversion.images import check_images, load_images, open_folder, source_of
from synaptile.conversion.spikes import check_currents, check_spikes, check_values
from synaptile.data import embedded_digits, preprocess_digits
from synaptile.foundation.arrays import read_arrays
from synaptile.foundation.errors import ImageError, InputError
from synaptile.foundation.types import Progress

DIGITS = "digits"
"""Names the embedded model and its digits wherever a model or images are asked for."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Preprocessed images, shape (images, channels, H, W), with labels (int64, -1 where unknown) and file names.

    For a graph that takes spikes `images` are spike trains, shape (steps, samples, neurons), with a label per sample.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    files: tuple[str, ...] = ()


def digits(split: Literal["test", "calibration"], limit: int | None = None) -> ImageSet:
    """The embedded digits of one split, preprocessed; at most `limit` of them."""
    chosen = embedded_digits(split)
    return ImageSet(preprocess_digits(chosen.images[:limit]), chosen.labels[:limit].astype(np.int64))


def read_images(
    where: str, graph: SpikingGraph, limit: int | None = None, progress: Progress | None = None, *, crop: float | None = None
) -> ImageSet:
    """Images for a graph from a folder (preprocessed as the model asks), an ``.npz`` file or the embedded ``digits``.

    An ``.npz`` holds ``images``, preprocessed float of shape (images, channels, H, W), and may hold ``labels``. For a graph that
    takes spikes it holds ``spikes``, 0 and 1 in float, shape (steps, samples, neurons); for one that takes currents ``images`` of
    whole numbers, shape (images, neurons) or (images, channels, H, W); nothing else will do. At most `limit`
    images are taken, in order. `crop` replaces the model's crop fraction: the shorter side of a picture is resized to the model's
    size over it, before the centre is cut out. Raises ImageError, InputError.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, needs at least 1")
    if isinstance(graph.source, CurrentSource):
        return _currents(Path(where), graph.source, graph.readout.width, limit, crop)
    if isinstance(graph.source, SpikeSource | ValueSource):
        return _spike_trains(Path(where), graph, graph.source, limit, crop)
    source = source_of(graph, crop)
    path = Path(where)
    if where == DIGITS and not path.exists():
        found = digits("test", limit)
        return ImageSet(check_images(found.images, source.image_shape, "embedded digits"), found.labels)
    if path.suffix == ".npz":
        return _from_file(path, graph, limit)
    folder = open_folder(path)
    check_labels(path, folder.labels, len(folder), graph.readout.width)
    names = tuple(file.relative_to(path).as_posix() for file in folder.paths[:limit])
    return ImageSet(load_images(folder.paths, source, limit=limit, progress=progress), folder.labels[:limit], names)


def _currents(path: Path, source: CurrentSource, classes: int, limit: int | None, crop: float | None) -> ImageSet:
    if crop is not None:
        raise InputError("--crop is for pictures, this network takes currents: leave it out")
    if path.suffix != ".npz":
        raise ImageError(f"{path}: this network takes currents, needs an .npz file with an array 'images' of whole numbers")
    images, labels = _read_arrays(path, "images", 0)
    check_labels(path, labels, len(images), classes)
    return ImageSet(check_currents(images, source, str(path))[:limit], labels[:limit].astype(np.int64))


def _spike_trains(
    path: Path, graph: SpikingGraph, source: SpikeSource | ValueSource, limit: int | None, crop: float | None
) -> ImageSet:
    if crop is not None:
        raise InputError("--crop is for pictures, this network takes spike trains: leave it out")
    if path.suffix != ".npz":
        raise ImageError(f"{path}: this network takes spike trains, needs an .npz file with an array 'spikes'")
    spikes, labels = _read_arrays(path, "spikes", 1)
    if spikes.ndim < 3:
        raise ImageError(f"{path}: spikes have shape {spikes.shape}, needs (steps, samples, neurons)")
    if isinstance(source, ValueSource):
        check_values(spikes, source, len(spikes), str(path))
    else:
        check_spikes(spikes, source, len(spikes), str(path))
    check_labels(path, labels, spikes.shape[1], graph.readout.width)
    return ImageSet(spikes[:, :limit], labels[:limit].astype(np.int64))


def _from_file(path: Path, graph: SpikingGraph, limit: int | None) -> ImageSet:
    images, labels = _read_arrays(path, "images", 0)
    check_images(images, source_of(graph).image_shape, str(path))
    check_labels(path, labels, len(images), graph.readout.width)
    return ImageSet(images[:limit], labels[:limit].astype(np.int64))


def _read_arrays(path: Path, name: str, axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The array `name` of a file, and labels: -1 along `axis` where the file has none."""
    if not path.is_file():
        raise ImageError(f"{path}: no such file of {name}")
    try:
        stored = read_arrays(path, only=(name, "labels"))
        array = stored[name]
        labels = stored.get("labels", np.full(array.shape[axis], -1))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ImageError(f"{path}: needs an .npz file with an array {name!r} (and, where known, 'labels'): {error}") from error
    return array, labels


def check_labels(path: Path, labels: NDArray[Any], count: int, classes: int) -> None:
    """Raises ImageError unless there is a label per image, each a class of the network or -1."""
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise ImageError(f"{path}: labels have shape {labels.shape} and type {labels.dtype}, needs one integer per image")
    if count and not (labels.min() >= -1 and labels.max() < classes):
        wrong = int(labels.min() if labels.min() < -1 else labels.max())
        raise ImageError(
            f"{path}: label {wrong}, the network has {classes} classes: give 0 to {classes - 1}, -1 where one is unknown"
        )
