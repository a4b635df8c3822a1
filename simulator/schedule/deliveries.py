"""The spikes that messages bring to jobs, summed by job."""

from __future__ import annotations

from typing import Any

from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import uncounted


@uncounted
def deliver_spikes(sent: Any, trees: Any, receivers: Any, rows: int, reached: Int64) -> None:
    """Add the elements of each message to every job that it brings spikes to; jobs are numbered as the scheduler numbers them."""
    tree, job, token, elements = sent
    first_flow, flows, spiking = trees
    receiver, stride, token_start, row_of = receivers
    for message in range(tree.shape[0]):
        for at in range(first_flow[tree[message]], first_flow[tree[message] + 1]):
            flow = flows[at]
            if spiking[flow] == 1:
                row = row_of[receiver[flow] + (token[message] - token_start[flow]) * stride[flow]]
                reached[job[message] - job[message] % rows + row] += elements[message]
