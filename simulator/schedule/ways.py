"""The ways of messages as they are followed: trees as lists of hops that end in leaves."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from synaptile.foundation.types import Int32, Int64
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.trees import Links, Trees

TREE = np.dtype([(name, "i4") for name in ("hop", "hop_stop", "leaf", "leaf_stop")])
"""A tree: where its hops and its leaves stand."""

HOP = np.dtype([("link", "i4"), ("parent", "i4"), ("before", "i8"), ("latency", "i8")])
"""A link of a tree, and the cycles that a head takes on it; the hop before it in the tree, from 0 up, -1 at the injection link,
and the cycles `before` it, from there to the link."""

LEAF = np.dtype([("link", "i4"), ("parent", "i4"), ("before", "i8"), ("flow", "i4"), ("flow_stop", "i4")])
"""The end of a tree: its ejection link, as a HOP, -1 where no message waits for it, and where the flows behind it stand."""


class Ways(NamedTuple):
    """`trees` as they are numbered in `Trees`, of type TREE, their `hops` and `leaves` one tree after another."""

    trees: Any
    hops: Any
    leaves: Any


def ways_of(links: Links, trees: Trees, source_core: Int32, *, every: bool = False) -> Ways:
    """Hops and leaves of trees, of groups that `source_core` send; `every` link of a tree, or those that a message may wait for.

    Messages never wait for a link that is fed by one other alone: that one has parted them already. It is then no hop, and what a
    head takes on it is part of `before`.
    """
    waits = np.ones(links.kind.size, np.bool_) if every else _fed_by_several(links, trees, source_core)
    (parent, before, *behind), leaf = np.zeros((4, trees.link.size), np.int64), np.zeros((2, trees.leaf_link.size), np.int64)
    _follow(trees, links.latency, waits, (parent, before, *behind), (leaf[0], leaf[1]))
    kept = np.flatnonzero(waits[trees.link])
    link, offset = trees.link[kept], np.append(0, np.cumsum(waits[trees.link]))[trees.offset]
    ends = np.where(waits[trees.leaf_link], trees.leaf_link, -1)
    flow, flow_stop = trees.leaf_flow_offset[:-1], trees.leaf_flow_offset[1:]
    return Ways(
        table_of(TREE, hop=offset[:-1], hop_stop=offset[1:], leaf=trees.leaf_offset[:-1], leaf_stop=trees.leaf_offset[1:]),
        table_of(HOP, link=link, parent=parent[kept], before=before[kept], latency=links.latency[link]),
        table_of(LEAF, link=ends, parent=leaf[0], before=leaf[1], flow=flow, flow_stop=flow_stop),
    )


def table_of(kind: Any, **columns: Any) -> Any:
    """Records of such a kind, one per entry of the columns."""
    table = np.zeros(len(next(iter(columns.values()))), kind)
    for name, column in columns.items():
        table[name] = column
    return table


def _fed_by_several(links: Links, trees: Trees, source_core: Int32) -> Any:
    """Whether messages come to a link from more than one other, shape (links,)."""
    injection = links.mesh + source_core[trees.group].astype(np.int64)
    pairs = []
    for link, parent, offset in (
        (trees.link, trees.parent, trees.offset),
        (trees.leaf_link, trees.leaf_parent, trees.leaf_offset),
    ):
        tree = np.repeat(np.arange(trees.group.size), np.diff(offset))
        feeder = injection[tree]
        feeder[parent >= 0] = trees.link[(trees.offset[tree] + parent)[parent >= 0]]
        pairs.append(np.stack([link, feeder], axis=1))
    feeders = np.bincount(np.unique(np.concatenate(pairs), axis=0)[:, 0], minlength=links.kind.size)
    return feeders > 1


@uncounted
def _follow(trees: Trees, latency: Int64, waits: Any, way: Any, leaf: Any) -> None:
    """Write what hop comes before each link and each leaf of a tree, from 0 up, and how long a head takes from there to it.

    way: (links of trees,) int64, four times: hop, cycles, and both again as they are behind the link; leaf: (leaves,), twice.
    """
    hop, cycles, hop_behind, cycles_behind = way
    for tree in range(trees.hops.size):
        first, hops = trees.offset[tree], 0
        for at in range(first, trees.offset[tree + 1]):
            up = trees.parent[at]
            hop[at] = hop_behind[first + up] if up >= 0 else -1
            cycles[at] = cycles_behind[first + up] if up >= 0 else 0
            if waits[trees.link[at]]:
                hop_behind[at], cycles_behind[at] = hops, 0
                hops += 1
            else:
                hop_behind[at], cycles_behind[at] = hop[at], cycles[at] + latency[trees.link[at]]
        for at in range(trees.leaf_offset[tree], trees.leaf_offset[tree + 1]):
            up = trees.leaf_parent[at]
            leaf[0][at] = hop_behind[first + up] if up >= 0 else -1
            leaf[1][at] = cycles_behind[first + up] if up >= 0 else 0
