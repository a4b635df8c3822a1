"""Complete a lowered graph by SpikeZIP-TF: quantiser sites and step sizes from calibration images. Needs no torch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.calibrate import Batches, Progress, graph_dtype
from conversion.graph import SpikingGraph
from conversion.images import check_images, source_of
from conversion.spikezip.steps import measure_steps
from conversion.spikezip.structure import quantised_structure, with_steps
from foundation.errors import CalibrationError


def calibrate_spikezip(
    lowered: SpikingGraph,
    calibration: Batches,
    *,
    levels: int = 32,
    presentation: str = "analog",
    progress: Progress | None = None,
) -> SpikingGraph:
    """Give a lowered graph SpikeZIP's structure and post-training step sizes.

    `calibration` is preprocessed images, shape (images, channels, H, W), or batches of them; they pass through together (a
    quantiser is fitted to what those before it left), so some 32 to 128 are meant. Raises CalibrationError, ImageError,
    InputError, ModelError.
    """
    graph = quantised_structure(lowered, levels, presentation)
    images = _together(graph, calibration)
    steps = measure_steps(graph, images)
    if progress is not None:
        progress(len(images), len(images))
    graph = with_steps(graph, steps)
    facts = {**graph.metadata, "calibration_images": len(images)}
    return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def _together(graph: SpikingGraph, calibration: Batches) -> NDArray[Any]:
    shape, dtype = source_of(graph).image_shape, graph_dtype(graph)
    if isinstance(calibration, np.ndarray):
        return check_images(calibration, shape, "calibration images").astype(dtype, copy=False)
    batches = [
        check_images(batch, shape, f"calibration batch {number}").astype(dtype, copy=False)
        for number, batch in enumerate(calibration)
    ]
    if not batches:
        raise CalibrationError("the calibration set holds no batch: give at least one image")
    return np.concatenate(batches)
