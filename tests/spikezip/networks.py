"""Small quantised networks for tests: synthetic ViTs after calibration on noise, in float64."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.spikezip import calibrate_spikezip
from synaptile.foundation.options import FinitePresentation
from tests.graphs import vit_graph
from tests.simulator.runs import some_images


@cache
def small_qann(
    depth: int = 2, levels: int = 32, presentation: FinitePresentation = "analog", tokens: int = 5, width: int = 8
) -> SpikingGraph:
    """A ViT of `depth` blocks, two heads, 3 classes."""
    lowered = vit_graph(depth, tokens, width, 2, 2 * width, 3, dtype=np.float64)
    return calibrate_spikezip(lowered, some_images(lowered, 16, seed=1), levels=levels, presentation=presentation)


def images_of(graph: SpikingGraph, count: int, seed: int = 2) -> NDArray[np.float64]:
    """Noise in float64: no value on a tie."""
    return some_images(graph, count, seed).astype(np.float64)


def counts_of(graph: SpikingGraph, spikes: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    """What every neuron's tracer holds at the end, from emitted values of shape (steps, images, *site shape)."""
    return {site.name: np.rint(spikes[site.name] / site.theta1).astype(np.int64).sum(axis=0) for site in graph.sites}
