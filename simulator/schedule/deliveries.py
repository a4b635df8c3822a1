"""The spikes that messages bring to jobs, summed by job."""

from __future__ import annotations

from typing import Any

from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import uncounted


@uncounted
def deliver_spikes(sent: Any, trees: Any, receivers: Any, shape: Any, reached: Int64) -> None:
    """Add the elements of each message to every job that it brings spikes to; jobs are numbered as the scheduler numbers them.

    shape: steps of an image, rows of a step. What is meant for a step after an image's last reaches no job.
    """
    tree, job, token, elements = sent
    first_flow, flows, spiking = trees
    receiver, stride, token_start, delay, row_of = receivers
    steps, rows = shape
    for message in range(tree.shape[0]):
        for at in range(first_flow[tree[message]], first_flow[tree[message] + 1]):
            flow = flows[at]
            step = job[message] // rows
            if spiking[flow] == 1 and step % steps + delay[flow] < steps:
                row = row_of[receiver[flow] + (token[message] - token_start[flow]) * stride[flow]]
                reached[(step + delay[flow]) * rows + row] += elements[message]
