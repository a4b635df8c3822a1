"""A run on disk: the activity, what it was asked (labels, file names) and what the original network answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict  # pydantic asks for it below Python 3.12

from synaptile.foundation.archive import consistent, read_archive, write_archive
from synaptile.foundation.errors import FileFormatError
from synaptile.foundation.files import write_json
from synaptile.simulator import Activity
from synaptile.simulator.storage import load_activity, save_activity

FORMAT = "synaptile-inputs"
VERSION = 1


@with_config(ConfigDict(extra="forbid", strict=True))
class _Header(TypedDict):
    files: list[str]


@dataclass(frozen=True, eq=False)
class Run:
    """An executed network and its context.

    `labels` is int64, shape (images,), -1 where unknown; `ann_logits` float, shape (images, classes), the original network's
    answers to the same images, of no classes where there is none; `files` names the images where they came from files,
    or holds the sentences.
    """

    activity: Activity
    labels: NDArray[np.int64]
    ann_logits: NDArray[np.floating]
    files: tuple[str, ...] = field(default=())

    @property
    def known_labels(self) -> NDArray[np.int64] | None:
        """The labels, None unless every image has one."""
        return self.labels if len(self.labels) and bool((self.labels >= 0).all()) else None

    @property
    def ann_accuracy(self) -> float | None:
        """Top-1 accuracy of the original network, 0..1, None where labels are unknown."""
        labels = self.known_labels
        return (
            None if labels is None or not self.ann_logits.shape[1] else float((self.ann_logits.argmax(axis=1) == labels).mean())
        )


def save_run(run: Run, directory: str | Path) -> None:
    """Write ``inputs.npz``, ``provenance.json``, ``program.map`` and ``activity.npz`` into `directory`, the activity last."""
    folder = Path(directory)
    arrays = {"labels": run.labels, "ann_logits": run.ann_logits}
    write_archive(folder / "inputs.npz", FORMAT, VERSION, {"files": list(run.files)}, arrays)
    write_json(folder / "provenance.json", dict(run.activity.provenance))
    save_activity(run.activity, folder)


def load_run(directory: str | Path) -> Run:
    """Read a run. Raises FileFormatError where a file is missing, cut short, altered, newer or of another run."""
    folder = Path(directory)
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: no such run directory; `synaptile run` writes one")
    activity = load_activity(folder)
    file = folder / "inputs.npz"
    header, arrays = read_archive(file, FORMAT, VERSION, _Header)
    with consistent(file):
        run = Run(activity, arrays["labels"], arrays["ann_logits"], tuple(header["files"]))
        for what, array, axes, kinds in (("labels", run.labels, 1, "i"), ("ann_logits", run.ann_logits, 2, "f")):
            if array.ndim != axes or array.dtype.kind not in kinds:
                raise ValueError(f"{what} are {array.dtype} of shape {array.shape}")
    described = {len(run.labels), len(run.ann_logits), len(run.files) or activity.images}
    if described != {activity.images}:
        counts = " and ".join(map(str, sorted(described)))
        raise FileFormatError(f"{file}: describes {counts} images, the activity has {activity.images}: run again")
    return run
