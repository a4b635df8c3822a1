"""What a method of conversion is, and the calibration samples that it is given."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph, TokenSource
from synaptile.conversion.images import check_images, source_of
from synaptile.conversion.text.tokens import Tokens, check_tokens
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Progress

Samples: TypeAlias = NDArray[Any] | Tokens
"""Preprocessed images, shape (images, channels, H, W), or sentences."""
Batches: TypeAlias = Samples | Iterable[Samples]


@dataclass(frozen=True)
class Method(ABC):
    """How a lowered graph becomes a spiking network; a subclass holds the method's own choices and checks them."""

    name: ClassVar[str]
    uncalibrated: ClassVar[str]
    """What to say where it is given no calibration samples and needs some."""

    @property
    def needs_samples(self) -> bool:
        """Whether the method cannot do without calibration samples."""
        return True

    @abstractmethod
    def apply(
        self, lowered: SpikingGraph, calibration: Batches | None, *, batch_size: int = 8, progress: Progress | None = None
    ) -> SpikingGraph:
        """The spiking network of a lowered graph.

        `calibration` is images, shape (images, channels, H, W), or `Tokens`, cut into batches of `batch_size`, or an iterable of
        batches. `progress` is called with (samples done, samples in all) where their number is known.
        Raises CalibrationError, ImageError, InputError, ModelError.
        """


def check_calibration(samples: Samples, graph: SpikingGraph, where: str) -> Samples:
    """Validated calibration samples, images in the graph's floating type. Raises ImageError, InputError."""
    if isinstance(graph.source, TokenSource):
        return check_tokens(samples, graph.source, where)
    return check_images(samples, source_of(graph).image_shape, where).astype(graph.dtype, copy=False)


def checked_batches(calibration: Batches, graph: SpikingGraph, size: int, progress: Progress | None) -> Iterator[Samples]:
    """Calibration samples batch by batch, validated. Raises ImageError, InputError."""
    if size < 1:
        raise InputError(f"batch_size is {size}, needs at least 1")
    if isinstance(calibration, np.ndarray | Tokens):
        samples = whole_set(calibration, graph)
        for start in range(0, len(samples), size):
            yield samples[start : start + size]
            if progress is not None:
                progress(min(start + size, len(samples)), len(samples))
    else:
        for number, batch in enumerate(calibration):
            yield check_calibration(batch, graph, f"calibration batch {number}")


def whole_set(calibration: Samples, graph: SpikingGraph) -> Samples:
    """A calibration set that was given at once, validated. Raises ImageError, InputError."""
    what = "calibration images" if isinstance(calibration, np.ndarray) else "calibration sentences"
    return check_calibration(calibration, graph, what)


class Counted:
    """An iterable of batches that counts the samples it handed out."""

    def __init__(self, batches: Iterable[Samples]) -> None:
        self.batches = batches
        self.samples = 0

    def __iter__(self) -> Iterator[Samples]:
        for batch in self.batches:
            self.samples += len(batch)
            yield batch
