"""Reservation of links: virtual cut-through, in the order in which messages are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.trees import Links, Trees


class LinkState(NamedTuple):
    """Links during a schedule. Columns have shape (links,).

    `free` is the first cycle that is not reserved, `peak` the longest queue of a `LinkTable`. `heads` is scratch as long as the
    longest tree, and one more.
    """

    links: Links
    free: Int64
    peak: Int64
    heads: Int64


def idle_links(links: Links, trees: Trees) -> LinkState:
    """Links that have carried nothing yet."""
    free, peak = np.zeros((2, links.kind.size), np.int64)
    return LinkState(links, free, peak, np.zeros(int(trees.hops.max(initial=0)) + 1, np.int64))


@uncounted(error_model="numpy", forceinline=True)
def reserve(state: LinkState, link: int, arrival: int, flits: int, busy: int) -> int:
    """Give a message whose head arrives at `arrival` the link for `busy` cycles; returns the first of them.

    The queue is what the link can carry between arrival and start, and the message itself: no more can stand before it.
    """
    start: int = max(arrival, state.free[link])
    state.free[link] = start + busy
    queue = flits + int(np.ceil((start - arrival) * state.links.flits_per_cycle))
    state.peak[link] = max(state.peak[link], queue)
    return start


@uncounted(error_model="numpy", forceinline=True)
def send(state: LinkState, trees: Trees, tree: int, core: int, load: Any) -> int:
    """Send a message of a core over the links of its tree, up to its leaves; returns the cycle in which its first flit leaves.

    load: now, flits, busy cycles of a link. ``heads[0]`` is set to when the head arrives at the source's router, and
    ``heads[1 + i]`` to when it is behind link i of the tree.
    """
    now, flits, busy = load
    heads, latency, injection = state.heads, state.links.latency, state.links.mesh + core
    injected = reserve(state, injection, now, flits, busy)
    head = injected + latency[injection]
    heads[0] = head
    first = trees.offset[tree]
    for at in range(first, trees.offset[tree + 1]):
        link, parent = trees.link[at], trees.parent[at]
        if parent != at - first - 1:  # a branch: most links follow the one before
            head = heads[parent + 1]
        head = reserve(state, link, head, flits, busy) + latency[link]
        heads[at - first + 1] = head
    return injected


@uncounted(error_model="numpy", forceinline=True)
def deliver(state: LinkState, trees: Trees, leaf: int, flits: int, busy: int) -> int:
    """Cycle from which the core behind a leaf holds the whole message that was last sent."""
    return reserve(state, trees.leaf_link[leaf], state.heads[trees.leaf_parent[leaf] + 1], flits, busy) + busy


def carried(links: Links, trees: Trees, tree: Any, core: Int32, sent: Any) -> Int64:
    """What every link carries in all, shape (links,): `sent` of each message over its tree from its core."""
    total, of_tree = np.zeros(links.kind.size, np.int64), np.zeros(trees.hops.size, np.int64)
    np.add.at(of_tree, tree, sent)
    np.add.at(total, links.mesh + core, sent)
    np.add.at(total, trees.link, np.repeat(of_tree, np.diff(trees.offset)))
    np.add.at(total, trees.leaf_link, np.repeat(of_tree, np.diff(trees.leaf_offset)))
    return total
