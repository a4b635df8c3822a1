"""Every tree is a tree of links that reaches all its targets."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import njit

from synaptile.foundation.errors import ConservationError
from synaptile.foundation.sums import distinct
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import FlowTable, PartTable, RouteTable
from synaptile.mapper.topology import Topology, distances, is_link


class _Status(IntEnum):
    """What `_walk` finds wrong with a tree."""

    SOUND = 0
    NOT_A_LINK = 1
    UNCONNECTED = 2
    UNREACHED = 3


def verify_routes(parts: PartTable, flows: FlowTable, routes: RouteTable, x: Int64, y: Int64, topology: Topology) -> None:
    """Check trees against flows. `x` and `y` place the cores, shape (cores,)."""
    groups = routes.source_core.size
    leaving = np.flatnonzero(flows.group >= 0)
    group = flows.group[leaving].astype(np.int64)
    if not np.array_equal(distinct(group), np.arange(groups)):
        raise ConservationError(f"flows use {distinct(group).size} multicast trees, {groups} are routed")
    if (parts.core[flows.source[leaving]] != routes.source_core[group]).any():
        raise ConservationError("a multicast tree starts at another core than a flow that it carries")
    if routes.offset.size != groups + 1 or not np.array_equal(np.diff(routes.offset), routes.hops):
        raise ConservationError("hops of a multicast tree are not the number of its links")
    order = np.argsort(group, kind="stable")
    target = parts.core[flows.target[leaving]][order]
    tile = y * topology.width + x
    bounds = np.searchsorted(group[order], np.arange(groups + 1))
    status, where = _walk(
        tile[routes.source_core], bounds, tile[target], routes.offset, routes.link_from, routes.link_to, topology
    )
    if status != _Status.SOUND:
        defect = {
            _Status.NOT_A_LINK: "takes a step that is no link of the network",
            _Status.UNCONNECTED: "is not a tree: a link starts at a tile not yet reached, or ends at one reached before",
            _Status.UNREACHED: "misses the tile of a target",
        }
        raise ConservationError(f"multicast tree {where} {defect[_Status(status)]}")
    cores = x.size
    once = distinct(group * cores + parts.core[flows.target[leaving]])
    member, reached = once // cores, once % cores
    source = routes.source_core[member]
    away = distances(topology, tile[source], tile[reached])
    if not np.array_equal(np.bincount(member, away, minlength=groups).astype(np.int64), routes.unicast_hops):
        raise ConservationError("unicast_hops of a multicast tree are not the distances to its targets")


@njit(cache=True, nogil=True)
def _walk(
    source: Int64, bounds: Int64, targets: Int64, offset: Int64, link_from: Int32, link_to: Int32, topology: Topology
) -> tuple[int, int]:
    """Status and number of the first tree that is unsound, else (SOUND, -1)."""
    reached = np.full(topology.parent.size, -1, np.int64)
    for group in range(source.size):
        reached[source[group]] = group
        for link in range(offset[group], offset[group + 1]):
            here, there = link_from[link], link_to[link]
            if min(here, there) < 0 or max(here, there) >= topology.parent.size:
                return 1, group
            if not is_link(topology, here, there):
                return 1, group
            if reached[here] != group or reached[there] == group:
                return 2, group
            reached[there] = group
        for delivery in range(bounds[group], bounds[group + 1]):
            if reached[targets[delivery]] != group:
                return 3, group
    return 0, -1
