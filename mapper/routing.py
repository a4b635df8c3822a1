"""Multicast trees in XY order: along the row first, then along the column."""

from __future__ import annotations

import numpy as np
from numba import njit

from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.placement import Seats
from synaptile.mapper.program import FlowTable, PartTable, RouteTable


def route(parts: PartTable, flows: FlowTable, seats: Seats, board_width: int, board_height: int) -> RouteTable:
    """Route every group of flows: the union of the XY paths from its source's tile to the tiles of its target cores."""
    leaving = np.flatnonzero(flows.group >= 0)
    group = flows.group[leaving].astype(np.int64)
    groups = int(group.max()) + 1 if group.size else 0
    source_core = np.zeros(groups, np.int32)
    source_core[group] = parts.core[flows.source[leaving]]
    target = parts.core[flows.target[leaving]].astype(np.int64)
    cores = seats.x.size
    once = np.unique(group * cores + target)
    member, target = once // cores, once % cores
    tile = seats.y.astype(np.int64) * board_width + seats.x
    bounds = np.searchsorted(member, np.arange(groups + 1))
    source = source_core[member]
    away = np.abs(seats.x[source] - seats.x[target]) + np.abs(seats.y[source] - seats.y[target])
    unicast = np.bincount(member, away, minlength=groups).astype(np.int64)
    links = np.empty((2, int(unicast.sum())), np.int32)
    offset = _trees(tile[source_core], bounds, tile[target], board_width, board_height, links)
    link_from, link_to = links[:, : offset[-1]].copy()
    return RouteTable(source_core, offset, link_from, link_to, np.diff(offset), unicast)


@njit(cache=True)
def _trees(source: Int64, bounds: Int64, targets: Int64, width: int, height: int, links: Int32) -> Int64:
    """Write the links of each tree, parents before children, and return the offsets of trees, shape (groups + 1,).

    Shapes: source (groups,), bounds (groups + 1,), targets (deliveries,), links (2, enough): tiles that a link leaves, enters.
    XY paths of one source form a tree: two of them that meet have come the same way. So a link is known by where it ends.
    """
    offset = np.zeros(source.size + 1, np.int64)
    reached = np.full(width * height, -1, np.int64)
    count = 0
    for group in range(source.size):
        reached[source[group]] = group
        for delivery in range(bounds[group], bounds[group + 1]):
            goal_x, goal_y = targets[delivery] % width, targets[delivery] // width
            x, y = source[group] % width, source[group] // width
            while x != goal_x or y != goal_y:
                here = y * width + x
                if x != goal_x:
                    x += 1 if goal_x > x else -1
                else:
                    y += 1 if goal_y > y else -1
                there = y * width + x
                if reached[there] != group:
                    reached[there] = group
                    links[0, count] = here
                    links[1, count] = there
                    count += 1
        offset[group + 1] = count
    return offset
