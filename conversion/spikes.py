"""Spike trains as input: validated, and laid sample by sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import CurrentSource, ImageSource, SpikeSource, SpikingGraph, TokenSource, ValueSource
from synaptile.conversion.graph.whole import WORD_LIMIT, whole_problem
from synaptile.conversion.images import LARGEST_VALUE, check_images, source_of
from synaptile.conversion.text.tokens import Tokens, check_tokens
from synaptile.foundation.errors import ImageError


def check_spikes(spikes: Any, source: SpikeSource, steps: int, where: str = "spikes") -> NDArray[Any]:
    """Validate spike trains and return the first `steps` steps of them, shape (samples, steps, neurons).

    `spikes`: numbers or booleans, all 0 or 1, shape (steps, samples, neurons) or (steps, samples, *extents of the source).
    Raises ImageError.
    """
    array = np.asarray(spikes)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"{where}: dtype {array.dtype}, needs numbers or booleans, 0 and 1")
    laid = _laid(array if array.dtype.kind == "f" else np.minimum(array, 2), source, steps, where)
    if not ((laid == 0) | (laid == 1)).all():
        raise ImageError(
            f"{where}: holds values other than 0 and 1: a neuron spikes once per step or not at all; real values and event "
            "counts are taken by a graph read with input='values' (--input-values)"
        )
    return laid


def check_values(values: Any, source: ValueSource, steps: int, where: str = "values") -> NDArray[Any]:
    """As `check_spikes`, of real values: finite numbers, of at most LARGEST_VALUE. Raises ImageError."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"{where}: dtype {array.dtype}, needs numbers")
    laid = _laid(array, source, steps, where)
    if not np.isfinite(laid).all() or np.abs(laid).max() > LARGEST_VALUE:
        raise ImageError(f"{where}: holds values that are NaN, infinite or beyond {LARGEST_VALUE:g}: scale them and the weights")
    return laid


def _laid(array: NDArray[Any], source: SpikeSource | ValueSource, steps: int, where: str) -> NDArray[Any]:
    """The first steps, sample by sample, as floats."""
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32)
    if array.shape[2:] not in ((source.width,), source.extents) or not array.size:
        needed = " or ".join(f"(steps, samples, {', '.join(map(str, s))})" for s in {(source.width,), source.extents})
        raise ImageError(f"{where}: shape {array.shape}, needs {needed}")
    if len(array) < steps:
        what = "spikes" if isinstance(source, SpikeSource) else "values"
        raise ImageError(f"{where}: {len(array)} steps of {what}, the run has {steps}: ask for at most {len(array)} steps")
    return np.ascontiguousarray(array[:steps].reshape(steps, array.shape[1], source.width).swapaxes(0, 1))


def check_currents(currents: Any, source: CurrentSource, where: str = "currents") -> NDArray[Any]:
    """Validate input currents, whole numbers of shape (samples, neurons) or (samples, *extents of the source).

    Returns them flat, (samples, neurons) int64. Raises ImageError.
    """
    array = np.asarray(currents)
    if array.shape[1:] not in ((source.width,), source.extents) or not array.size:
        needed = " or ".join(f"(samples, {', '.join(map(str, s))})" for s in {(source.width,), source.extents})
        raise ImageError(f"{where}: shape {array.shape}, needs {needed}")
    if array.dtype.kind not in "uif":
        raise ImageError(f"{where}: dtype {array.dtype}, needs whole numbers")
    finite = bool(np.isfinite(array).all())
    if problem := whole_problem(array, WORD_LIMIT) if finite else "holds values that are NaN or infinite":
        raise ImageError(f"{where}: {problem}")
    return np.ascontiguousarray(array.reshape(len(array), -1), np.int64)


def check_samples(samples: Any, graph: SpikingGraph, steps: int, where: str = "images") -> NDArray[Any] | Tokens:
    """Validate samples: images, (images, channels, H, W), spike trains, (samples, steps, neurons), currents, or Tokens."""
    source = graph.source
    if isinstance(source, TokenSource):
        return check_tokens(samples, source, "sentences" if where == "images" else where)
    if isinstance(source, SpikeSource):
        return check_spikes(samples, source, steps, "spikes" if where == "images" else where)
    if isinstance(source, ValueSource):
        return check_values(samples, source, steps, "values" if where == "images" else where)
    if isinstance(source, CurrentSource):
        return check_currents(samples, source, "currents" if where == "images" else where)
    assert isinstance(source, ImageSource)
    return check_images(samples, source_of(graph).image_shape, where)
