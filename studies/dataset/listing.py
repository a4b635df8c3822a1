"""Which images a dataset run covers, in what order, and how a batch of them is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ImageSource, SpikingGraph
from synaptile.conversion.images import load_images, open_folder
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import ImageError, InputError
from synaptile.images import DIGITS, check_labels, read_images


@dataclass(frozen=True, eq=False)
class Listing:
    """The images of a run: file names relative to the folder `where` (empty for an array file or ``digits``) and labels.

    `where` is a full path, or ``digits``. `labels` is int64, shape (images,), -1 where unknown. `digest` identifies names,
    sizes in bytes and labels of files, or pixels and labels of arrays.
    """

    where: str
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    digest: str

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of one batch that could be read.

    `images` is preprocessed, shape (read, channels, H, W), `index` int64, shape (read,), where each stands in the listing;
    `skipped` holds (index, why) of the others.
    """

    images: NDArray[Any]
    index: NDArray[np.int64]
    skipped: tuple[tuple[int, str], ...] = ()


def is_folder(where: str) -> bool:
    """Whether `where` names a folder of files, not the embedded digits or an array file."""
    return Path(where).suffix != ".npz" and (where != DIGITS or Path(where).exists())


def list_images(where: str, graph: SpikingGraph, limit: int | None = None) -> Listing:
    """List the images of a folder (its files are not opened), an ``.npz`` file or ``digits``; at most `limit` of them.

    Raises ImageError where there is none, InputError for a limit below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, needs at least 1")
    path = Path(where)
    if not is_folder(where):
        arrays = read_images(where, graph, limit)
        digest = digest_of({}, {"images": arrays.images, "labels": arrays.labels})
        return Listing(str(path.resolve()) if path.suffix == ".npz" else where, (), arrays.labels, digest)
    folder = open_folder(path)
    check_labels(path, folder.labels, len(folder), graph.readout.width)
    paths, labels = folder.paths[:limit], folder.labels[:limit]
    names = tuple(file.relative_to(path).as_posix() for file in paths)
    sizes = [file.stat().st_size for file in paths]
    digest = digest_of([list(names), sizes], {"labels": labels})
    return Listing(str(path.resolve()), names, labels, digest)


def read_files(folder: str, names: tuple[str, ...], start: int, source: ImageSource) -> Batch:
    """Read image files that stand from `start` in a listing; one that cannot be read is skipped and said so."""
    rows, index, skipped = [], [], []
    for position, name in enumerate(names, start):
        try:
            rows.append(load_images((Path(folder) / name,), source))
            index.append(position)
        except ImageError as error:
            skipped.append((position, str(error)))
    images = np.concatenate(rows) if rows else np.zeros((0, *source.image_shape), np.float32)
    return Batch(images, np.array(index, np.int64), tuple(skipped))
