"""Complete a lowered graph: preset, thresholds from calibration images, provenance. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph, TokenSource
from synaptile.conversion.images import check_images, source_of
from synaptile.conversion.text.tokens import Tokens, check_tokens
from synaptile.conversion.thresholds import apply_preset, is_eva, measure_thresholds, preset_thresholds, with_thresholds
from synaptile.foundation.errors import CalibrationError, InputError

Samples = NDArray[Any] | Tokens
Batches = Samples | Iterable[Samples]
Progress = Callable[[int, int], None]


def calibrate(
    lowered: SpikingGraph,
    calibration: Batches | None = None,
    *,
    preset: str = "paper",
    n: int | None = None,
    p: float = 0.99,
    thresholds: Mapping[str, tuple[float, float, int]] | None = None,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Give a lowered graph a preset's structure and its thresholds (paper, Algorithm 1).

    `calibration` is preprocessed images, shape (images, channels, H, W), or `Tokens`, cut into batches of `batch_size`, or an
    iterable of batches; the other arguments are those of `convert`. Raises CalibrationError, ImageError, InputError.
    """
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, needs at least 1")
    graph = apply_preset(lowered, preset)
    chosen = (6 if is_eva(graph) else 8) if n is None else n
    injected = dict(thresholds or {})
    fixed = preset_thresholds(graph, preset)
    base: dict[str, tuple[float, float]] = {}
    images = 0
    if calibration is not None:
        counted = _Counted(_checked(calibration, graph, batch_size, progress))
        base = measure_thresholds(graph, counted, p, known={*injected, *fixed})
        images = counted.images
    elif any(site.name not in {*injected, *fixed} for site in graph.sites):
        raise CalibrationError("no calibration images, and injected thresholds do not cover every site: give one or the other")
    complete = {site: (*theta, chosen) for site, theta in {**base, **fixed}.items()} | injected
    graph = with_thresholds(graph, complete)
    facts = {
        **graph.metadata,
        "method": "ecmt",
        "preset": preset,
        "n": chosen,
        "p": p,
        "calibration_images": images,
        "injected_thresholds": len(injected),
    }
    return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def graph_dtype(graph: SpikingGraph) -> np.dtype[Any]:
    """float64 where any array of the graph is, else float32."""
    return graph.dtype


class _Counted:
    """An iterable of batches that counts the images it handed out."""

    def __init__(self, batches: Iterable[Samples]) -> None:
        self.batches = batches
        self.images = 0

    def __iter__(self) -> Iterator[Samples]:
        for batch in self.batches:
            self.images += len(batch)
            yield batch


def check_calibration(samples: Samples, graph: SpikingGraph, where: str) -> Samples:
    """Validated calibration samples, images in the graph's floating type. Raises ImageError, InputError."""
    if isinstance(graph.source, TokenSource):
        return check_tokens(samples, graph.source, where)
    return check_images(samples, source_of(graph).image_shape, where).astype(graph_dtype(graph), copy=False)


def _checked(calibration: Batches, graph: SpikingGraph, size: int, progress: Progress | None) -> Iterator[Samples]:
    if isinstance(calibration, np.ndarray | Tokens):
        what = "calibration images" if isinstance(calibration, np.ndarray) else "calibration sentences"
        images = check_calibration(calibration, graph, what)
        for start in range(0, len(images), size):
            yield images[start : start + size]
            if progress is not None:
                progress(min(start + size, len(images)), len(images))
    else:
        for number, batch in enumerate(calibration):
            yield check_calibration(batch, graph, f"calibration batch {number}")
