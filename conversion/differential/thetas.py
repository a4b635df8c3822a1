"""Thresholds of differential coding from calibration samples: a quantile of magnitudes per channel."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.differential.structure import positions_of
from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.text.tokens import Tokens
from synaptile.conversion.thresholds import NO_BATCH
from synaptile.foundation.errors import CalibrationError

QUANTILE = 0.999


def measure_quantiles(
    graph: SpikingGraph, batches: Iterable[NDArray[Any] | Tokens], sites: Collection[str]
) -> dict[str, NDArray[np.float64]]:
    """The k-th smallest magnitude of each channel, k = int(0.999 * values), shape (channels,), averaged over batches.

    Of an attention map one for the site, shape (1,); of an image one per channel of it, repeated over its positions. Raises
    CalibrationError where there is no batch.
    """
    found: dict[str, list[NDArray[Any]]] = {site: [] for site in sites}

    def observe(site: str, values: NDArray[Any]) -> None:
        if site not in found:
            return
        node = graph.nodes[site]
        positions = positions_of(graph, site)
        rows = np.abs(values).reshape(-1, 1 if node.is_map else node.width // positions, positions)
        rows = rows.swapaxes(1, 2).reshape(-1, rows.shape[1])
        rank = max(1, int(QUANTILE * len(rows))) - 1
        found[site].append(np.repeat(np.partition(rows, rank, axis=0)[rank], positions))

    for batch in batches:
        ann_forward(graph, batch, observe)
    if not all(found.values()):
        raise CalibrationError(NO_BATCH)
    return {site: np.mean(quantiles, axis=0, dtype=np.float64) for site, quantiles in found.items()}


def revived(site: str, quantiles: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Quantiles with those of silent channels (zero) replaced by the site's smallest, and how many these were.

    Raises CalibrationError for a site with nothing but zeros, or with values that are not finite.
    """
    if not np.isfinite(quantiles).all():
        raise CalibrationError(f"site {site!r}: quantiles that are not finite: the model or the calibration samples hold NaN")
    silent = quantiles <= 0
    if silent.all():
        raise CalibrationError(
            f"site {site!r}: the {QUANTILE:g}-quantile of every channel is 0 on the calibration samples: use others, or give "
            "thresholds={site: theta}"
        )
    return np.where(silent, quantiles[~silent].min(), quantiles), int(silent.sum())
