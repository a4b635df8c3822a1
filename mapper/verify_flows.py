"""Every part is sent all that it needs, once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.conversion.graph import Neurons, SpikingGraph
from synaptile.foundation.errors import ConservationError
from synaptile.foundation.sums import distinct
from synaptile.foundation.types import Int32, Int64
from synaptile.mapper.program import STORED, WITHIN, FlowTable, PartTable
from synaptile.mapper.regions import Regions, reads, required

PARTIAL_SUMS = -1


def verify_flows(graph: SpikingGraph, node_names: Sequence[str], parts: PartTable, flows: FlowTable, phase: Int32) -> None:
    """Flows cover each part's needs exactly once, start where the data are, and spike where neurons send.

    Parts of one node do not overlap (see `verify_parts`); so flows from different parts to one do not either, and what is
    left to check is that each flow lies inside its source and its target's need, that none comes twice, and that areas add up.
    """
    _verify_group(parts, flows, phase)
    position = {name: index for index, name in enumerate(node_names)}
    region = Regions(*(column.astype(np.int64) for column in (flows.token_start, flows.token_stop, flows.start, flows.stop)))
    held = Regions(
        *(c[flows.source].astype(np.int64) for c in (parts.token_start, parts.token_stop, parts.out_start, parts.out_stop))
    )
    if (outside := _outside(region, held)).size:
        raise ConservationError(f"flow {outside[0]} sends what its source, part {flows.source[outside[0]]}, does not hold")
    target_node, source_node = parts.node[flows.target], parts.node[flows.source]
    partial = flows.input == PARTIAL_SUMS
    _verify_partial_sums(parts, flows, region, held, partial)
    seen = partial.copy()
    order = np.argsort(target_node, kind="stable")
    bounds = np.searchsorted(target_node[order], np.arange(len(node_names) + 1))
    part_order = np.argsort(parts.node, kind="stable")
    part_bounds = np.searchsorted(parts.node[part_order], np.arange(len(node_names) + 1))
    for index, name in enumerate(node_names):
        node = graph.nodes[name]
        chosen = part_order[part_bounds[index] : part_bounds[index + 1]]
        arriving = order[bounds[index] : bounds[index + 1]]
        for number in reads(graph, node) if chosen.size else ():
            mine = arriving[flows.input[arriving] == number]
            seen[mine] = True
            source = node.inputs[number].node
            if (source_node[mine] != position[source]).any():
                raise ConservationError(f"input {number} of {name!r} is sent by another node than {source!r}")
            if (flows.spiking[mine] != isinstance(graph.nodes[source], Neurons)).any():
                raise ConservationError(f"a flow from {source!r} to {name!r} is marked as of the wrong kind")
            if isinstance(node, Neurons) and (flows.group[mine] >= 0).any():
                raise ConservationError(f"neurons of {name!r} sit on another core than what feeds them")
            _verify_need(name, number, parts, flows, region, mine, chosen, required(graph, node, number, parts, chosen))
    if not seen.all():
        raise ConservationError(f"flow {int(np.flatnonzero(~seen)[0])} goes to an input that its target does not have")


def _verify_group(parts: PartTable, flows: FlowTable, phase: Int32) -> None:
    source, target = parts.core[flows.source], parts.core[flows.target]
    backward = np.flatnonzero(phase[source] > phase[target])
    if backward.size:
        raise ConservationError(f"flow {backward[0]} goes back in time, from phase {phase[source][backward[0]]}")
    expected = np.select([source == target, phase[source] < phase[target]], [WITHIN, STORED], np.maximum(flows.group, 0))
    if (flows.group != expected).any():
        flow = int(np.flatnonzero(flows.group != expected)[0])
        raise ConservationError(
            f"flow {flow} has group {flows.group[flow]}: one exactly where it leaves its core, {STORED} from phase to phase"
        )


def _verify_partial_sums(parts: PartTable, flows: FlowTable, region: Regions, held: Regions, partial: np.ndarray) -> None:
    owned = np.flatnonzero(parts.owner != np.arange(parts.owner.size))
    if not np.array_equal(np.sort(flows.source[partial]), owned):
        raise ConservationError("partial sums are not sent exactly once by each part that has another owner")
    if (flows.target[partial] != parts.owner[flows.source[partial]]).any() or (region.area != held.area)[partial].any():
        raise ConservationError("partial sums do not reach their owner whole")
    if (parts.owner[flows.source[~partial]] != flows.source[~partial]).any():
        raise ConservationError("a part that only sums partially sends to others than its owner")


def _verify_need(
    name: str, number: int, parts: PartTable, flows: FlowTable, region: Regions, mine: Int64, chosen: Int64, needed: Regions
) -> None:
    row = np.full(parts.node.size, -1)
    row[chosen] = np.arange(chosen.size)
    target = row[flows.target[mine]]
    arriving = Regions(*(column[mine] for column in region))
    if (outside := _outside(arriving, Regions(*(column[target] for column in needed)))).size:
        flow = mine[outside[0]]
        raise ConservationError(f"flow {flow} sends part {flows.target[flow]} of {name!r} what it does not need")
    pairs = flows.source[mine].astype(np.int64) * parts.node.size + flows.target[mine]
    if distinct(pairs).size != pairs.size:
        raise ConservationError(f"a part sends to input {number} of a part of {name!r} twice")
    sent = np.zeros(chosen.size, np.int64)
    np.add.at(sent, target, arriving.area)
    if (sent != needed.area).any():
        short = int(np.flatnonzero(sent != needed.area)[0])
        raise ConservationError(
            f"part {chosen[short]} of {name!r} is sent {sent[short]} elements of its input {number}, needs {needed.area[short]}"
        )


def _outside(inner: Regions, outer: Regions) -> Int64:
    """Rows where `inner` is empty or reaches beyond `outer`."""
    bad = (inner.token_start < outer.token_start) | (inner.token_stop > outer.token_stop) | (inner.area == 0)
    return np.flatnonzero(bad | (inner.start < outer.start) | (inner.stop > outer.stop))
