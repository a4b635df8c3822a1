"""Reservation of links: virtual cut-through, in the order in which messages are sent."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.natural import natural
from synaptile.simulator.schedule.trees import CORE_LINK_CYCLES, Links, Trees

LINK = np.dtype([("free", "i8"), ("peak", "i8")])
"""A link: the first cycle that is not reserved, and the longest queue before it."""


class LinkState(NamedTuple):
    """Links during a schedule: `links` (links,) of type LINK. `heads` is scratch as long as the longest tree, and one more.

    `injection` is the number of the first core's injection link.
    """

    links: Any
    heads: Int64
    injection: int
    flits_per_cycle: float


def idle_links(links: Links, trees: Trees) -> LinkState:
    """Links that have carried nothing yet."""
    heads = np.zeros(int(trees.hops.max(initial=0)) + 1, np.int64)
    return LinkState(np.zeros(links.kind.size, LINK), heads, links.mesh, links.flits_per_cycle)


@uncounted(error_model="numpy", forceinline=True)
def reserve(state: LinkState, link: int, arrival: int, flits: int, busy: int) -> int:
    """Give a message whose head arrives at `arrival` the link for `busy` cycles; returns the first of them.

    The queue is what the link can carry between arrival and start, and the message itself: no more can stand before it.
    """
    record = state.links[natural(link)]
    start: int = max(arrival, record["free"])
    record["free"] = start + busy
    queue = flits + int(np.ceil((start - arrival) * state.flits_per_cycle))
    record["peak"] = max(record["peak"], queue)
    return start


@uncounted(error_model="numpy", forceinline=True)
def send(state: LinkState, hops: Any, tree: Any, core: int, load: Any) -> int:
    """Send a message of a core over the hops of a tree, up to its leaves; returns the cycle in which its first flit leaves.

    hops: those of all trees; tree: a record with `hop` and `hop_stop`, as of `Ways`; load: now, flits, busy cycles of a link.
    ``heads[0]`` is set to when the head arrives at the source's router, ``heads[1 + i]`` to when it is behind hop i of the tree.
    """
    now, flits, busy = load
    heads = state.heads
    injected = reserve(state, state.injection + core, now, flits, busy)
    heads[0] = injected + CORE_LINK_CYCLES
    first = tree["hop"]
    for at in range(first, tree["hop_stop"]):
        hop = hops[natural(at)]
        head = heads[natural(hop["parent"] + 1)] + hop["before"]
        heads[natural(at - first + 1)] = reserve(state, hop["link"], head, flits, busy) + hop["latency"]
    return injected


@uncounted(error_model="numpy", forceinline=True)
def deliver(state: LinkState, leaf: Any, flits: int, busy: int) -> int:
    """Cycle from which the core behind a leaf holds the whole message that was last sent."""
    head: int = state.heads[natural(leaf["parent"] + 1)] + leaf["before"]
    return (head if leaf["link"] < 0 else reserve(state, leaf["link"], head, flits, busy)) + busy


def carried(links: Links, trees: Trees, tree: Any, core: Int32, sent: Any, by: np.ufunc = np.add) -> Int64:
    """What every link carries in all, shape (links,): `sent` of each message over its tree from its core.

    by: how the messages of a link are taken together, by addition, or by maximum for the largest.
    """
    total, of_tree = np.zeros(links.kind.size, np.int64), np.zeros(trees.hops.size, np.int64)
    by.at(of_tree, tree, sent)
    by.at(total, links.mesh + core, sent)
    by.at(total, trees.link, np.repeat(of_tree, np.diff(trees.offset)))
    by.at(total, trees.leaf_link, np.repeat(of_tree, np.diff(trees.leaf_offset)))
    return total
