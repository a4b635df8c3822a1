"""Executed operations image by image, from a run that recorded them summed over its images."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.errors import ConservationError
from synaptile.foundation.types import Int64
from synaptile.simulator.actions.events import SpikeCounts, issued_by_events
from synaptile.simulator.actions.part import parts_of
from synaptile.simulator.activity import OPS, Activity


def executed_by_image(activity: Activity) -> Int64:
    """Operations issued at each step for each image, shape (len(OPS), steps, images).

    What spikes cause follows exactly from the recorded events; all else is the same for every image. Raises ConservationError
    where the two do not make up what was issued.
    """
    by_event = np.zeros((len(OPS), activity.steps, activity.images), np.int64)
    counts = SpikeCounts(activity, activity.images)
    for part in parts_of(activity.program):
        for action, count in issued_by_events(activity.program, part, counts):
            by_event[OPS.index(action.op)] += count.T
    issued = np.zeros((len(OPS), activity.steps), np.int64)
    np.add.at(issued, activity.operations.op, activity.operations.count)
    alike, rest = np.divmod(issued - by_event.sum(axis=2), activity.images)
    if (alike < 0).any() or rest.any():
        op, step = np.argwhere((alike < 0) | (rest != 0))[0]
        raise ConservationError(
            f"{OPS[op]} at step {step + 1}: {issued[op, step]:,} issued for {activity.images} images, of which events explain "
            f"{by_event[op, step].sum():,}: the others do not divide evenly over the images"
        )
    per_image: Int64 = by_event + alike[:, :, None]
    return per_image
