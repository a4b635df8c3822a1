"""Multicast trees: the union of the paths from a source, see `topology`."""

from __future__ import annotations

import numpy as np

from synaptile.foundation.sums import distinct
from synaptile.mapper.placement import Seats
from synaptile.mapper.program import FlowTable, PartTable, RouteTable
from synaptile.mapper.topology import Topology, distances, trees


def route(parts: PartTable, flows: FlowTable, seats: Seats, topology: Topology) -> RouteTable:
    """Route every group of flows: the union of the paths from its source's tile to the tiles of its target cores."""
    leaving = np.flatnonzero(flows.group >= 0)
    group = flows.group[leaving].astype(np.int64)
    groups = int(group.max()) + 1 if group.size else 0
    source_core = np.zeros(groups, np.int32)
    source_core[group] = parts.core[flows.source[leaving]]
    target = parts.core[flows.target[leaving]].astype(np.int64)
    cores = seats.x.size
    once = distinct(group * cores + target)
    member, target = once // cores, once % cores
    tile = seats.y.astype(np.int64) * topology.width + seats.x
    bounds = np.searchsorted(member, np.arange(groups + 1))
    source = source_core[member]
    away = distances(topology, tile[source], tile[target])
    unicast = np.bincount(member, away, minlength=groups).astype(np.int64)
    links = np.empty((2, int(unicast.sum())), np.int32)
    offset = trees(topology, tile[source_core], bounds, tile[target], links)
    link_from, link_to = links[:, : offset[-1]].copy()
    return RouteTable(source_core, offset, link_from, link_to, np.diff(offset), unicast)
