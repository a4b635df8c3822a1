"""Step sizes after training: for each tensor the step that loses least, every quantiser seeing what those before it left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import forward
from synaptile.conversion.graph import Neurons, SpikingGraph, STBIFNeurons
from synaptile.conversion.text.tokens import Tokens
from synaptile.foundation.errors import CalibrationError

GRID = 96
SPAN = 64.0
"""The grid runs geometrically from the step that clips nothing down to that over SPAN."""
SAMPLE = 200_000
"""Values of a tensor that the search looks at, taken evenly."""


def measure_steps(graph: SpikingGraph, images: NDArray[Any] | Tokens) -> dict[str, float]:
    """The step of every ST-BIF site, found in one pass over the calibration images, shape (images, channels, H, W), or sentences.

    Raises CalibrationError naming a site without a positive (or, where signed, non-zero) value.
    """
    steps: dict[str, float] = {}

    def quantise(site: Neurons, values: NDArray[Any]) -> NDArray[Any]:
        assert isinstance(site, STBIFNeurons)
        step = best_step(site, values)
        steps[site.name] = step
        real = values.dtype.type
        return np.asarray(np.clip(np.floor(values / real(step) + real(0.5)), site.low, site.high) * real(step))

    forward(graph, images, quantise)
    return steps


def best_step(site: STBIFNeurons, values: NDArray[Any]) -> float:
    """The step of a geometric grid with the least squared error, rounded to float32."""
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // SAMPLE)].astype(np.float64)
    if site.low == 0:
        sample = np.maximum(sample, 0.0)  # the ReLU is not an error of the step
    largest = max(sample.max() / site.high, sample.min() / site.low if site.low else 0.0)
    if not 0 < largest < np.inf:
        raise CalibrationError(
            f"site {site.name!r}: the calibration images give no value to quantise (largest step {largest:g}): use other images"
        )
    grid = np.asarray(largest * SPAN ** (-np.arange(GRID) / (GRID - 1)), np.float32)
    errors = [np.square(sample - step * np.clip(np.floor(sample / step + 0.5), site.low, site.high)).sum() for step in grid]
    return float(grid[int(np.argmin(errors))])
