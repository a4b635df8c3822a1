"""How much each pair of cores is expected to say to each other: what placement minimises times distance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.types import Int64
from synaptile.mapper.program import FlowTable, PartTable
from synaptile.mapper.regions import elements_per_channel

ASSUMED_DENSITY = 0.47
"""Spikes a neuron a step, assumed while no run is known: networks converted by ECMT fire at nearly every second neuron a step."""


class Traffic(NamedTuple):
    """Undirected traffic between cores, as rows of a sparse symmetric matrix.

    Core c talks to ``neighbour[offset[c]:offset[c+1]]``, `weight` messages a step (expected spikes, or real-valued words).
    """

    offset: Int64
    neighbour: Int64
    weight: NDArray[np.float64]


class Edges(NamedTuple):
    """Traffic in as little memory as it takes, for loops that wait for memory.

    Core c has the edges ``code[offset[c]:offset[c+1]]``, each the neighbour in its lowest `bits` and above them a place in
    `weight`: few weights differ. Order as in `Traffic`.
    """

    offset: Int64
    code: NDArray[np.unsignedinteger]
    weight: NDArray[np.float64]
    bits: int


def edges_of(traffic: Traffic) -> Edges:
    """Traffic packed: 4 bytes per edge where they do, else 8."""
    weight, bits = np.unique(traffic.weight), (traffic.offset.size - 1).bit_length()
    places = np.searchsorted(weight, traffic.weight)
    kind = np.uint32 if bits + weight.size.bit_length() <= 32 else np.uint64
    return Edges(traffic.offset, (places << bits | traffic.neighbour).astype(kind), weight, bits)


def expected_messages(graph: SpikingGraph, parts: PartTable, flows: FlowTable) -> NDArray[np.float64]:
    """Messages a step of each flow, shape (flows,): one a word where real-valued, ASSUMED_DENSITY a neuron where spiking."""
    per_channel = np.array([elements_per_channel(node) for node in graph.nodes.values()])
    tokens = (flows.token_stop - flows.token_start).astype(np.float64)
    elements = tokens * (flows.stop - flows.start) * per_channel[parts.node[flows.source]]
    messages: NDArray[np.float64] = elements * np.where(flows.spiking == 1, ASSUMED_DENSITY, 1.0)
    return messages


SHARED_PATH = 0.4
"""A multicast tree to m cores has about ``m^(1 - SHARED_PATH)`` times the links of a path to one of them (ViT-Ti, ViT-S)."""


def core_traffic(graph: SpikingGraph, parts: PartTable, flows: FlowTable, cores: int, *, shared: bool = False) -> Traffic:
    """Sum flows over pairs of cores. Parts of one core that need the same region are sent it once.

    `shared`: a flow to m cores counts ``m^-SHARED_PATH`` to each, for they share links where routers multicast.
    """
    leaving = np.flatnonzero(flows.group >= 0)
    target = parts.core[flows.target[leaving]].astype(np.int64)
    _, once = np.unique(flows.group[leaving].astype(np.int64) * cores + target, return_index=True)
    target = target[once]
    source = parts.core[flows.source[leaving]].astype(np.int64)[once]
    messages = expected_messages(graph, parts, flows)[leaving][once]
    if shared:
        groups = flows.group[leaving][once]
        messages = messages * np.bincount(groups)[groups] ** -SHARED_PATH
    pair, index = np.unique(np.append(source * cores + target, target * cores + source), return_inverse=True)
    weight = np.bincount(index, np.append(messages, messages), minlength=pair.size)
    offset = np.searchsorted(pair // max(cores, 1), np.arange(cores + 1)).astype(np.int64)
    return Traffic(offset, pair % max(cores, 1), weight.astype(np.float64))
