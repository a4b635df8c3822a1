"""Reservation of links: virtual cut-through, in the order in which messages are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.trees import Links, Trees


class LinkState(NamedTuple):
    """Links during a schedule. Columns have shape (links,).

    `free` is the first cycle that is not reserved; `flits`, `busy` and `peak` collect what a `LinkTable` reports. `heads` is
    scratch as long as the longest tree, and one more.
    """

    links: Links
    free: Int64
    flits: Int64
    busy: Int64
    peak: Int64
    heads: Int64


def idle_links(links: Links, trees: Trees) -> LinkState:
    """Links that have carried nothing yet."""
    free, flits, busy, peak = np.zeros((4, links.kind.size), np.int64)
    return LinkState(links, free, flits, busy, peak, np.zeros(int(trees.hops.max(initial=0)) + 1, np.int64))


@uncounted(error_model="numpy")
def reserve(state: LinkState, link: int, arrival: int, flits: int, busy: int) -> int:
    """Give a message whose head arrives at `arrival` the link for `busy` cycles; returns the first of them.

    The queue is what the link can carry between arrival and start, and the message itself: no more can stand before it.
    """
    start: int = max(arrival, state.free[link])
    state.free[link] = start + busy
    state.flits[link] += flits
    state.busy[link] += busy
    queue = flits
    if start > arrival:
        queue += int(np.ceil((start - arrival) * state.links.flits_per_cycle))
    if queue > state.peak[link]:
        state.peak[link] = queue
    return start


@uncounted(error_model="numpy")
def send(state: LinkState, trees: Trees, tree: int, core: int, load: Any) -> int:
    """Send a message of a core over the links of its tree, up to its leaves; returns the cycle in which its first flit leaves.

    load: now, flits, busy cycles of a link. ``heads[i]`` is set to when the head arrives behind link i of the tree, and
    ``heads[-1]`` to when it arrives at the source's router.
    """
    now, flits, busy = load
    heads, latency, injection = state.heads, state.links.latency, state.links.mesh + core
    injected = reserve(state, injection, now, flits, busy)
    heads[-1] = injected + latency[injection]
    first = trees.offset[tree]
    for at in range(first, trees.offset[tree + 1]):
        link = trees.link[at]
        heads[at - first] = reserve(state, link, heads[trees.parent[at]], flits, busy) + latency[link]
    return injected


@uncounted(error_model="numpy")
def deliver(state: LinkState, trees: Trees, leaf: int, flits: int, busy: int) -> int:
    """Cycle from which the core behind a leaf holds the whole message that was last sent."""
    return reserve(state, trees.leaf_link[leaf], state.heads[trees.leaf_parent[leaf]], flits, busy) + busy
