"""The front door of the stage: a PyTorch model and calibration images to a SpikingGraph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from conversion.ann import ann_forward
from conversion.graph import SpikingGraph
from conversion.images import check_images, open_folder, source_of
from conversion.thresholds import apply_preset, is_eva, measure_thresholds, preset_thresholds, with_thresholds
from foundation.errors import CalibrationError, ImageError, InputError, ModelError

if TYPE_CHECKING:
    import torch

Calibration = str | Path | NDArray[Any] | Iterable[NDArray[Any]]
Progress = Callable[[int, int], None]


def convert(
    model: torch.nn.Module,
    calibration: Calibration | None = None,
    *,
    method: str = "ecmt",
    preset: str = "paper",
    n: int | None = None,
    p: float = 0.99,
    thresholds: Mapping[str, tuple[float, float, int]] | None = None,
    batch_size: int = 8,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Convert a timm model into a spiking network (ECMT).

    Args:
        model: a PyTorch model with one image input, as timm builds them; its parameters' dtype is the graph's.
        calibration: a folder of images (timm's own evaluation transform), preprocessed images of shape (images, channels, H, W),
            or an iterable of such batches. May be None where `thresholds` covers every site.
        method: ``"ecmt"``.
        preset: ``"paper"`` or ``"released"`` (what the published code does; see the design notes on counting).
        n: thresholds a sign; None takes the paper's 8, and 6 for EVA.
        p: quantile of Algorithm 1.
        thresholds: ``{site: (theta1, theta2, n)}`` that replace measured and preset ones.
        batch_size: images a batch, where `calibration` is a folder or one array; quantiles are averaged over batches.
        progress: called with (images done, images in all).

    Raises:
        ModelError, UnsupportedOperator: the model cannot be traced or lowered, or the lowered graph disagrees with it.
        WeightsError: parameters that are not finite. CalibrationError, ImageError: calibration that cannot be used.

    Source: the ECMT paper, Algorithm 1 and Table 1.
    """
    from conversion.lowering import lower
    from conversion.trace import trace_model

    if method != "ecmt":
        raise InputError(f"method {method!r} does not exist; methods are ecmt")
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, needs at least 1")
    lowered = lower(trace_model(model))
    graph = apply_preset(lowered, preset)
    chosen = (6 if is_eva(graph) else 8) if n is None else n
    injected = dict(thresholds or {})
    base: dict[str, tuple[float, float]] = {}
    images = 0
    if calibration is not None:
        counted = _Counted(_batches(calibration, graph, model, batch_size, progress))
        base = measure_thresholds(graph, counted, p)
        images = counted.images
    elif any(site.name not in injected for site in graph.sites):
        raise CalibrationError("no calibration images, and injected thresholds do not cover every site: give one or the other")
    fixed = preset_thresholds(graph, preset)
    complete = {site: (*theta, chosen) for site, theta in {**base, **fixed}.items()} | injected
    graph = with_thresholds(graph, complete)
    check_against_model(graph, model)
    facts = {
        **graph.metadata,
        "method": method,
        "preset": preset,
        "n": chosen,
        "p": p,
        "calibration_images": images,
        "injected_thresholds": len(injected),
        "versions": {package: version(package) for package in ("torch", "timm", "numpy")},
    }
    return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def check_against_model(graph: SpikingGraph, model: torch.nn.Module) -> float:
    """Compare the graph's dense ANN with the model itself on one pseudo-random image; return the largest difference.

    The difference is relative to the largest logit; ModelError where it exceeds 1e-3 (float32) or 1e-9 (float64).
    """
    import torch

    dtype = graph_dtype(graph)
    image = np.random.default_rng(0).standard_normal((1, *source_of(graph).image_shape)).astype(dtype)
    with torch.no_grad():
        expected = model.eval()(torch.from_numpy(image)).numpy()
    found = ann_forward(graph, image)
    difference = float(np.abs(found - expected).max() / max(float(np.abs(expected).max()), 1e-12))
    limit = 1e-9 if dtype == np.float64 else 1e-3
    if not difference <= limit:
        raise ModelError(f"model {graph.name}: the lowered graph differs from the model by {difference:.2g}, limit {limit:g}")
    return difference


def graph_dtype(graph: SpikingGraph) -> np.dtype[Any]:
    """float64 where any array of the graph is, else float32."""
    return np.dtype(np.result_type(np.float32, *(array.dtype for array in graph.arrays.values())))


class _Counted:
    """An iterable of batches that counts the images it handed out."""

    def __init__(self, batches: Iterable[NDArray[Any]]) -> None:
        self.batches = batches
        self.images = 0

    def __iter__(self) -> Iterator[NDArray[Any]]:
        for batch in self.batches:
            self.images += len(batch)
            yield batch


def _batches(
    calibration: Calibration, graph: SpikingGraph, model: torch.nn.Module, size: int, progress: Progress | None
) -> Iterator[NDArray[Any]]:
    shape, dtype = source_of(graph).image_shape, graph_dtype(graph)
    if isinstance(calibration, str | Path):
        folder = open_folder(calibration)
        done = 0
        for start in range(0, len(folder), size):
            batch = _timm_batch(folder.paths[start : start + size], model)
            done += len(batch)
            yield check_images(batch, shape, str(calibration)).astype(dtype, copy=False)
            if progress is not None:
                progress(done, len(folder))
    elif isinstance(calibration, np.ndarray):
        images = check_images(calibration, shape, "calibration images").astype(dtype, copy=False)
        for start in range(0, len(images), size):
            yield images[start : start + size]
            if progress is not None:
                progress(min(start + size, len(images)), len(images))
    else:
        for number, batch in enumerate(calibration):
            yield check_images(batch, shape, f"calibration batch {number}").astype(dtype, copy=False)


def _timm_batch(paths: tuple[Path, ...], model: torch.nn.Module) -> NDArray[np.float32]:
    """Image files through timm's own evaluation transform of the model."""
    import torch
    from PIL import Image, UnidentifiedImageError
    from timm.data import create_transform, resolve_data_config

    from conversion.trace import preprocessing_of

    config = resolve_data_config({}, model=model) | {"input_size": preprocessing_of(model).image_shape}
    transform = create_transform(**config, is_training=False)
    rows = []
    for path in paths:
        try:
            with Image.open(path) as image:
                rows.append(transform(image.convert("RGB")))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise ImageError(f"{path}: not a readable image: {error}") from error
    return np.asarray(torch.stack(rows).numpy(), np.float32)
