"""Streams of a network of whole numbers listed in another order, so that what a core holds is one range of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from synaptile.conversion.graph import InputCurrent, IntegerConvolution2d, IntegerNeurons, Node, ReadOut, SpikingGraph
from synaptile.conversion.graph.whole import Order, listed
from synaptile.conversion.graph.windows import ways
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Int64

Box = tuple[Int64, Int64, Int64]
"""Cut points of a layer along channels, rows and columns."""


def arranged(graph: SpikingGraph, orders: Mapping[str, Order]) -> SpikingGraph:
    """The graph with the layers named in `orders` listed anew, and what reads them told so: it computes the same.

    Raises InputError where a layer that is read out would be listed otherwise than its classes are.
    """
    before: dict[str, Order] = {}
    after: dict[str, Order] = {}
    nodes: list[Node] = []
    arrays = dict(graph.arrays)
    for node in graph.nodes.values():
        source = node.inputs[0].node if node.inputs else ""
        if isinstance(node, ReadOut) and after.get(source):
            raise InputError(f"layer {source!r} is read out: cut it over its outputs as they are, without rows, columns or order")
        if isinstance(node, InputCurrent | IntegerConvolution2d):
            before[node.name], after[node.name] = node.order, _plain(extents_of(node), orders.get(node.name, node.order))
            new: Node = replace(node, order=after[node.name])
            if isinstance(new, IntegerConvolution2d):
                new = replace(new, image_order=after.get(source, new.image_order))
            nodes.append(new)
            continue
        if isinstance(node, IntegerNeurons):
            feeding = graph.nodes[source]
            assert isinstance(feeding, InputCurrent | IntegerConvolution2d)
            before[node.name], after[node.name] = before[source], after[source]
            threshold = f"{node.name}.threshold"
            if threshold in arrays and before[source] != after[source]:
                usual = np.empty(node.width, arrays[threshold].dtype)
                usual[listed(extents_of(feeding), before[source])] = arrays[threshold]
                arrays[threshold] = usual[listed(extents_of(feeding), after[source])]
        nodes.append(node)
    if before == after:
        return graph
    return SpikingGraph.build(graph.name, nodes, arrays, graph.metadata, structure_only=not arrays)


def order_of(graph: SpikingGraph, name: str, boxes: Mapping[str, Box]) -> Order:
    """An order in which every block of a layer is one range, and what the blocks of its readers need nearly so."""
    levels = [(axis, *cuts[1:-1].tolist()) for axis, cuts in enumerate(boxes[name]) if cuts.size > 2]
    extents = extents_of(graph.nodes[name])
    needed: tuple[set[int], set[int]] = (set(), set())
    for site in graph.consumers(name):
        for reader in graph.consumers(site):
            node = graph.nodes[reader]
            if isinstance(node, IntegerConvolution2d) and reader in boxes:
                for axis in (0, 1):
                    for start, stop in pairwise(boxes[reader][1 + axis].tolist()):
                        reaching = np.flatnonzero(ways(node, axis)[:, start:stop].any(axis=1))
                        needed[axis].update((int(reaching[0]), int(reaching[-1]) + 1) if reaching.size else ())
    fine = [sorted(needed[axis] - {0, extents[1 + axis]}) for axis in (0, 1)]
    return (*levels, *((1 + axis, *cuts) for axis, cuts in enumerate(fine) if cuts))


def extents_of(node: Node) -> tuple[int, int, int]:
    """Channels, rows and columns of a layer of an image."""
    assert isinstance(node, InputCurrent | IntegerConvolution2d)
    return node.image if isinstance(node, InputCurrent) else (node.channels, *node.plane)


def _plain(extents: tuple[int, int, int], order: Order) -> Order:
    """() for an order that changes nothing."""
    return () if np.array_equal(listed(extents, order), np.arange(np.prod(extents))) else order
