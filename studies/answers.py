"""What the original network answers, and how near the spiking network's answers come to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.graph import CurrentSource, DiscreteNeurons, SpikeSource, SpikingGraph, ValueSource
from synaptile.conversion.text.tokens import Tokens

ANN_BATCH = 8
"""Images that pass through the original network together: larger batches leave the caches."""


def ann_logits(
    graph: SpikingGraph, images: NDArray[Any] | Tokens, progress: Callable[[int, int], None] | None = None
) -> NDArray[np.floating]:
    """Answers of the original network, shape (images, classes); of no classes where it takes spikes or was trained as spiking."""
    if isinstance(graph.source, SpikeSource | ValueSource) and not isinstance(images, Tokens):
        return np.zeros((images.shape[1], 0))
    if isinstance(graph.source, CurrentSource) or graph.of_type(DiscreteNeurons):
        return np.zeros((len(images), 0))
    rows = []
    for start in range(0, len(images), ANN_BATCH):
        batch = images[start : start + ANN_BATCH]
        rows.append(ann_forward(graph, batch if isinstance(batch, Tokens) else batch.astype(graph.dtype, copy=False)))
        if progress is not None:
            progress(min(start + ANN_BATCH, len(images)), len(images))
    return np.concatenate(rows)


def original_answers(graph: SpikingGraph, images: NDArray[Any]) -> NDArray[np.floating]:
    """`ann_logits`, the same whatever number of threads there is."""
    with threadpool_limits(1, user_api="blas"):
        return ann_logits(graph, images)


def correlations(logits: NDArray[Any], answers: NDArray[Any]) -> NDArray[np.float64]:
    """Pearson correlation of each image's logits with the original network's, shape (steps, images).

    Constant logits (a network that did not spike) correlate with nothing: 0.
    """
    ours = logits.astype(np.float64) - logits.mean(axis=2, keepdims=True, dtype=np.float64)
    theirs = answers.astype(np.float64) - answers.mean(axis=1, keepdims=True, dtype=np.float64)
    product = (ours * theirs).sum(axis=2)
    size = np.sqrt((ours**2).sum(axis=2) * (theirs**2).sum(axis=1))
    correlation: NDArray[np.float64] = np.divide(product, size, out=np.zeros_like(product), where=size > 0)
    return correlation
