"""What is kept of one batch: answers and counts image by image, small enough to keep for a whole data set."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.foundation.archive import consistent, read_archive, write_archive
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.types import Int64
from synaptile.simulator.activity import OPS

FORMAT = "synaptile-batch"
VERSION = 1


@dataclass(frozen=True, eq=False)
class BatchRecord:
    """One batch of a dataset run, by step (not cumulative) and image.

    `index` int64, shape (images,), says where the images stand in the listing. `predicted` int64, (steps, images), and
    `ann_predicted`, (images,), are the top-1 classes of the spiking and of the original network; `correlation` float64,
    (steps, images), is that of their logits. `eq30` and `released`, (steps, images), are ACs; `executed`, (len(OPS), steps,
    images), operations. `skipped` holds (index in the listing, why) of files that could not be read.
    """

    index: Int64
    predicted: Int64
    ann_predicted: Int64
    correlation: NDArray[np.float64]
    eq30: Int64
    released: Int64
    executed: Int64
    skipped: tuple[tuple[int, str], ...]
    number_format: str


@with_config(ConfigDict(extra="forbid", strict=True))
class _Header(TypedDict):
    number: int
    settings: str
    skipped: list[Annotated[list[Any], Field(min_length=2, max_length=2)]]
    number_format: str


_ARRAYS = tuple(field.name for field in fields(BatchRecord) if field.name not in ("skipped", "number_format"))


def batch_file(directory: Path, number: int) -> Path:
    """Where batch `number` is kept."""
    return directory / "batches" / f"{number:06d}.npz"


def save_record(record: BatchRecord, directory: Path, number: int, settings_digest: str) -> None:
    """Write a batch atomically: it is on disk whole, or not at all."""
    header = {
        "number": number,
        "settings": settings_digest,
        "skipped": [list(entry) for entry in record.skipped],
        "number_format": record.number_format,
    }
    arrays = {name: getattr(record, name) for name in _ARRAYS}
    write_archive(batch_file(directory, number), FORMAT, VERSION, header, arrays)


def load_record(directory: Path, number: int, settings_digest: str) -> BatchRecord:
    """Read a batch. Raises FileFormatError where it is damaged, or of another batch or other settings."""
    file = batch_file(directory, number)
    remedy = "delete it and run again; only its images are redone"
    try:
        header, arrays = read_archive(file, FORMAT, VERSION, _Header)
        if (header["number"], header["settings"]) != (number, settings_digest):
            raise FileFormatError(f"{file}: holds batch {header['number']} of other settings, needs batch {number}")
        with consistent(file):
            skipped = tuple((int(index), str(why)) for index, why in header["skipped"])
            record = BatchRecord(
                **{name: arrays[name] for name in _ARRAYS}, skipped=skipped, number_format=header["number_format"]
            )
            shape = (len(record.predicted), len(record.index))
            for name in _ARRAYS[1:]:
                needed = (len(OPS), *shape) if name == "executed" else shape[1:] if name == "ann_predicted" else shape
                if arrays[name].shape != needed:
                    raise ValueError(f"{name} has shape {arrays[name].shape}, needs {needed}")
    except FileFormatError as error:
        raise FileFormatError(f"{error}: {remedy}") from error
    return record
