"""Spikes of a rectangle of a site, from what execution recorded: exact, or not at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synaptile.simulator.activity import SpikeRecord


def spikes_per_token(record: SpikeRecord, tokens: slice, start: int, stop: int) -> NDArray[np.int64] | None:
    """Spikes of channels (or heads) ``start:stop`` of each token, shape (steps, images, tokens), int64.

    None where the record's channel groups do not part at both bounds, so that the count is not known.
    """
    first, last = np.searchsorted(record.bounds, (start, stop))
    inside = last < len(record.bounds)
    if not inside or record.bounds[first] != start or record.bounds[last] != stop:
        return None
    events: NDArray[np.int64] = record.events[:, :, tokens, first:last].sum(axis=3, dtype=np.int64)
    return events
