"""Complete a lowered graph by SpikeZIP-TF: quantiser sites and step sizes from calibration images. Needs no torch."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.calibrate import Batches, Progress, Samples, check_calibration
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.spikezip.steps import measure_steps
from synaptile.conversion.spikezip.structure import quantised_structure, with_steps
from synaptile.conversion.text.tokens import Tokens, together
from synaptile.foundation.errors import CalibrationError


def calibrate_spikezip(
    lowered: SpikingGraph,
    calibration: Batches,
    *,
    levels: int = 32,
    presentation: str = "analog",
    keep_activations: bool = False,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Give a lowered graph SpikeZIP's structure and post-training step sizes.

    `calibration` is preprocessed images, shape (images, channels, H, W), `Tokens`, or batches of them; they pass through
    together (a quantiser is fitted to what those before it left), so some 32 to 128 are meant. `keep_activations` leaves a GELU
    in place where the paper puts a ReLU. Raises CalibrationError, ImageError,
    InputError, ModelError.
    """
    graph = quantised_structure(lowered, levels, presentation, keep_activations=keep_activations)
    images = _together(graph, calibration)
    steps = measure_steps(graph, images)
    if progress is not None:
        progress(len(images), len(images))
    graph = with_steps(graph, steps)
    facts = {**graph.metadata, "calibration_images": len(images)}
    return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def _together(graph: SpikingGraph, calibration: Batches) -> Samples:
    if isinstance(calibration, np.ndarray | Tokens):
        what = "calibration images" if isinstance(calibration, np.ndarray) else "calibration sentences"
        return check_calibration(calibration, graph, what)
    batches = [check_calibration(batch, graph, f"calibration batch {number}") for number, batch in enumerate(calibration)]
    if not batches:
        raise CalibrationError("the calibration set holds no batch: give at least one image or sentence")
    sentences = [batch for batch in batches if isinstance(batch, Tokens)]
    return together(sentences) if sentences else np.concatenate([b for b in batches if isinstance(b, np.ndarray)])
