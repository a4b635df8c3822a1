"""When a run came to rest: the first step at which nothing moved anywhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.simulator.activity import SpikeRecord


def settled_steps(graph: SpikingGraph, spikes: Mapping[str, SpikeRecord]) -> NDArray[np.int64] | None:
    """The step at which each image settled, shape (images,), int64; 0 where it moved to the end of the run.

    None where the image is shown at every step or a membrane grows by itself: such a run never rests. Once pixels and constants
    are in, a step without a spike anywhere changes no sum, so no unit emits anything then or later.
    """
    last = graph.settles_after
    if last is None:
        return None
    moving: NDArray[np.bool_] = np.any([record.events.any(axis=(2, 3)) for record in spikes.values()], axis=0)
    moving[:last] = True
    steps = len(moving)
    latest = steps - np.argmax(moving[::-1], axis=0)
    return np.where(latest < steps, latest + 1, 0).astype(np.int64)
