"""Reservation of links: virtual cut-through, in the order in which messages are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.simulator.compiled import uncounted

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]


class LinkState(NamedTuple):
    """Links during a schedule. Columns have shape (links,).

    `latency` is how long a head takes over the link; `free` the first cycle that is not reserved; `flits`, `busy` and `peak`
    collect what a `LinkTable` reports. `rate` has shape (1,), float64: flits a cycle.
    """

    latency: Int64
    free: Int64
    flits: Int64
    busy: Int64
    peak: Int64
    rate: NDArray[np.float64]


class TreeTable(NamedTuple):
    """Arrays of `schedule.trees.Trees` that the kernel reads, and `heads`, scratch as long as the longest tree."""

    offset: Int64
    link: Int32
    parent: Int32
    leaf_offset: Int64
    leaf_link: Int32
    leaf_parent: Int32
    leaf_flow_offset: Int64
    flow: Int32
    heads: Int64


@uncounted
def reserve(links: LinkState, link: int, arrival: int, flits: int, busy: int) -> int:
    """Give a message whose head arrives at `arrival` the link for `busy` cycles; returns the first of them.

    The queue is what the link can carry between arrival and start, and the message itself: no more can stand before it.
    """
    start: int = max(arrival, links.free[link])
    links.free[link] = start + busy
    links.flits[link] += flits
    links.busy[link] += busy
    queue = flits
    if start > arrival:
        queue += int(np.ceil((start - arrival) * links.rate[0]))
    if queue > links.peak[link]:
        links.peak[link] = queue
    return start


@uncounted
def send(links: LinkState, trees: TreeTable, tree: int, injection: int, load: Any) -> int:
    """Send a message over the links of its tree, up to its leaves; returns the cycle in which its first flit leaves the core.

    load: now, flits, busy cycles of a link. ``trees.heads[i]`` is set to when the head arrives behind link i of the tree, and
    ``trees.heads[-1]`` to when it arrives at the source's router.
    """
    now, flits, busy = load
    injected = reserve(links, injection, now, flits, busy)
    heads = trees.heads
    heads[-1] = injected + links.latency[injection]
    first = trees.offset[tree]
    for at in range(first, trees.offset[tree + 1]):
        link = trees.link[at]
        heads[at - first] = reserve(links, link, heads[trees.parent[at]], flits, busy) + links.latency[link]
    return injected


@uncounted
def deliver(links: LinkState, trees: TreeTable, leaf: int, flits: int, busy: int) -> int:
    """Cycle from which the core behind a leaf holds the whole message that was last sent."""
    return reserve(links, trees.leaf_link[leaf], trees.heads[trees.leaf_parent[leaf]], flits, busy) + busy
