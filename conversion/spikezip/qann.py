"""The integers that a QANN computes: what every neuron of the settled spiking network must have counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from synaptile.conversion.ann import forward, quantised_levels
from synaptile.conversion.graph import Neurons, SpikingGraph, STBIFNeurons, at_length
from synaptile.conversion.text.tokens import Tokens, check_tokens, text_source
from synaptile.foundation.errors import GraphError
from synaptile.foundation.types import Int64


def qann_levels(
    graph: SpikingGraph, images: NDArray[Any] | Tokens, *, dtype: DTypeLike | None = None
) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """Logits, shape (images, classes), and per site the quantiser's integers, shape (images, *site shape).

    Computed in the dtype of `images`, of `Tokens` in `dtype` (the graph's own by default); padded tokens hold 0. Raises
    GraphError for a graph with other neurons.
    """
    if isinstance(images, Tokens):
        return _of_sentences(graph, check_tokens(images, text_source(graph)), dtype)
    levels: dict[str, NDArray[np.int64]] = {}

    def quantise(site: Neurons, values: NDArray[Any]) -> NDArray[Any]:
        if not isinstance(site, STBIFNeurons):
            raise GraphError(f"site {site.name!r} of kind {site.kind!r} has no quantiser: convert with method 'spikezip'")
        found = quantised_levels(site, values)
        levels[site.name] = found.astype(np.int64)
        return np.asarray(found * values.dtype.type(site.step_size))

    return forward(graph, images, quantise), levels


def _of_sentences(
    graph: SpikingGraph, tokens: Tokens, dtype: DTypeLike | None
) -> tuple[NDArray[Any], dict[str, NDArray[np.int64]]]:
    """One length after the other: within one, values have the shape of their site."""
    levels = {site.name: np.zeros((len(tokens), *site.shape), np.int64) for site in graph.sites}
    logits = np.zeros((len(tokens), graph.readout.width), graph.dtype if dtype is None else dtype)
    for chosen, ids in tokens.by_length():
        sub = at_length(graph, ids.shape[1])

        def quantise(site: Neurons, values: NDArray[Any], chosen: Int64 = chosen, sub: SpikingGraph = sub) -> NDArray[Any]:
            if not isinstance(site, STBIFNeurons):
                raise GraphError(f"site {site.name!r} of kind {site.kind!r} has no quantiser: convert with method 'spikezip'")
            found = quantised_levels(site, values)
            shape = (len(chosen), *sub.nodes[site.name].shape)
            held = levels[site.name]
            held[np.ix_(chosen, *(np.arange(extent) for extent in shape[1:]))] = found.reshape(shape)
            return np.asarray(found * values.dtype.type(site.step_size))

        logits[chosen] = forward(sub, Tokens(ids, np.ones_like(ids)), quantise, dtype=dtype)
    return logits, levels
