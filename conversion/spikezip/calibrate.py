"""SpikeZIP-TF: a lowered graph takes quantiser sites, and step sizes from calibration samples. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.method import Batches, Method, Samples, check_calibration, whole_set
from synaptile.conversion.spikezip.levels import check_levels
from synaptile.conversion.spikezip.steps import measure_steps
from synaptile.conversion.spikezip.structure import check_presentation, quantised_structure, with_steps
from synaptile.conversion.text.tokens import Tokens, together
from synaptile.conversion.thresholds import NO_BATCH
from synaptile.foundation.arguments import expect
from synaptile.foundation.errors import CalibrationError, InputError
from synaptile.foundation.options import FinitePresentation
from synaptile.foundation.types import Progress


@dataclass(frozen=True)
class SpikeZIP(Method):
    """SpikeZIP-TF after training (You et al., ICML 2024): quantisers at every site, and a spiking network that settles on them.

    `levels` per quantiser are a power of two (the paper uses 32). `presentation` is ``"analog"``, the image at the first step, or
    ``"rate"``, a `levels`-th of it for as many steps. `keep_activations` leaves GELU in place, where the method puts the ReLU
    that a model then has to be trained for. Raises InputError for other values.
    """

    levels: int = 32
    presentation: FinitePresentation = "analog"
    keep_activations: bool = False

    name = "spikezip"
    uncalibrated = "SpikeZIP takes its step sizes from calibration images or sentences: give some"

    def __post_init__(self) -> None:
        check_levels(self.levels)
        check_presentation(self.presentation)
        if not isinstance(self.keep_activations, bool):
            raise InputError(f"keep_activations is {self.keep_activations!r}, needs True or False")

    def apply(
        self, lowered: SpikingGraph, calibration: Batches | None, *, batch_size: int = 8, progress: Progress | None = None
    ) -> SpikingGraph:
        """The graph with SpikeZIP's structure and post-training step sizes; see `Method.apply`.

        Samples pass through together (a quantiser is fitted to what those before it left), so some 32 to 128 are meant, and
        `batch_size` changes nothing.
        """
        expect(lowered, SpikingGraph, "lowered", "give a lowered SpikingGraph")
        if calibration is None:
            raise CalibrationError(self.uncalibrated)
        graph = quantised_structure(lowered, self.levels, self.presentation, keep_activations=self.keep_activations)
        samples = _together(graph, calibration)
        graph = with_steps(graph, measure_steps(graph, samples))
        if progress is not None:
            progress(len(samples), len(samples))
        facts = {**graph.metadata, "calibration_images": len(samples)}
        return SpikingGraph.build(graph.name, graph.nodes.values(), graph.arrays, facts)


def calibrate_spikezip(
    lowered: SpikingGraph,
    calibration: Batches,
    *,
    levels: int = 32,
    presentation: FinitePresentation = "analog",
    keep_activations: bool = False,
    progress: Progress | None = None,
) -> SpikingGraph:
    """Give a lowered graph SpikeZIP's structure and step sizes: ``SpikeZIP(levels, presentation, ...).apply(...)``.

    Raises CalibrationError, ImageError, InputError, ModelError.
    """
    return SpikeZIP(levels, presentation, keep_activations).apply(lowered, calibration, progress=progress)


def _together(graph: SpikingGraph, calibration: Batches) -> Samples:
    if isinstance(calibration, np.ndarray | Tokens):
        return whole_set(calibration, graph)
    batches = [check_calibration(batch, graph, f"calibration batch {number}") for number, batch in enumerate(calibration)]
    if not batches:
        raise CalibrationError(NO_BATCH)
    sentences = [batch for batch in batches if isinstance(batch, Tokens)]
    return together(sentences) if sentences else np.concatenate([b for b in batches if isinstance(b, np.ndarray)])
