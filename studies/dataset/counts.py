"""Executed operations image by image, from a run that recorded them summed over its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, ProductUnit, STBIFNeurons, Synapse
from synaptile.foundation.errors import ConservationError
from synaptile.simulator.activity import OPS, Activity

Int64 = NDArray[np.int64]


def executed_by_image(activity: Activity) -> Int64:
    """Operations issued at each step for each image, shape (len(OPS), steps, images).

    What depends on spikes (synapse rows, both passes of products, operand sums, soft resets) follows exactly from the recorded
    events; all else is the same for every image. Raises ConservationError where the two do not make up what was issued.
    """
    by_event = _from_events(activity)
    issued = np.zeros((len(OPS), activity.steps), np.int64)
    np.add.at(issued, activity.operations.op, activity.operations.count)
    alike, rest = np.divmod(issued - by_event.sum(axis=2), activity.images)
    if (alike < 0).any() or rest.any():
        op, step = np.argwhere((alike < 0) | (rest != 0))[0]
        raise ConservationError(
            f"{OPS[op]} at step {step + 1}: {issued[op, step]:,} issued for {activity.images} images, of which events explain "
            f"{by_event[op, step].sum():,}: the others do not divide evenly over the images"
        )
    each: Int64 = by_event + alike[:, :, None]
    return each


def _from_events(activity: Activity) -> Int64:
    program = activity.program
    found = np.zeros((len(OPS), activity.steps, activity.images), np.int64)
    acs, adds = found[OPS.index("ac")], found[OPS.index("add")]
    spikes = {site: record.events.sum(axis=(2, 3), dtype=np.int64) for site, record in activity.spikes.items()}
    for node in program.graph.nodes.values():
        match node:
            case Neurons():
                adds += spikes[node.name] * (2 if isinstance(node, STBIFNeurons) else 1)  # soft reset, tracer
            case Synapse(spiking=True):
                acs += spikes[node.inputs[0].node] * node.width
            case ProductUnit():
                a, b = (port.node for port in node.inputs)
                acs += spikes[a] * (node.keys if node.form == "qk" else node.head_width)
                acs[1:] += spikes[b][1:] * node.tokens
                adds += spikes[a] + _operand_sums(activity, node)
    return found


def _operand_sums(activity: Activity, node: ProductUnit) -> Int64:
    """Additions into a product's running sum of its second operand, which every part that holds the head keeps for itself."""
    record, parts = activity.spikes[node.inputs[1].node], activity.program.parts
    width = node.head_width if node.form == "sv" else 1
    holders = np.zeros(node.heads, np.int64)
    for part in activity.program.parts_of(node.name):
        holders[int(parts.out_start[part]) // width : int(parts.out_stop[part]) // width] += 1
    head = record.bounds[:-1] // node.head_width
    events = record.events.sum(axis=2, dtype=np.int64)
    total: Int64 = (events * holders[head]).sum(axis=2)
    return total
