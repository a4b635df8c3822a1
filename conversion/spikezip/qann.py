"""The integers that a QANN computes: what every neuron of the settled spiking network must have counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.ann import forward, quantised_levels
from conversion.graph import Neurons, SpikingGraph, STBIFNeurons
from foundation.errors import GraphError


def qann_levels(graph: SpikingGraph, images: NDArray[Any]) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """Logits, shape (images, classes), and per site the quantiser's integers, shape (images, *site shape).

    Computed in the dtype of `images`. Raises GraphError for a graph with other neurons.
    """
    levels: dict[str, NDArray[np.int64]] = {}

    def quantise(site: Neurons, values: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(site, STBIFNeurons):
            raise GraphError(f"site {site.name!r} of kind {site.kind!r} has no quantiser: convert with method 'spikezip'")
        found = quantised_levels(site, values)
        levels[site.name] = found.astype(np.int64)
        return np.asarray(found * values.dtype.type(site.step_size))

    return forward(graph, images, quantise), levels
