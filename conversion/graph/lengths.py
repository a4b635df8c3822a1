"""The graph of a sentence of a given length.

A graph is made for sentences of up to `tokens` tokens. A sentence runs at its own length: what pads it in a batch never enters
the network, so it sends no spike, takes no part in a softmax, a LayerNorm or a mean, and costs nothing.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

from synaptile.conversion.graph.front import TokenSource
from synaptile.conversion.graph.graph import SpikingGraph
from synaptile.conversion.graph.node import Node
from synaptile.foundation.errors import GraphError


def takes_text(graph: SpikingGraph) -> bool:
    """Whether samples are sentences."""
    return isinstance(graph.source, TokenSource)


def at_length(graph: SpikingGraph, length: int) -> SpikingGraph:
    """The graph for sentences of exactly `length` tokens: the same nodes and weights on fewer tokens.

    Raises GraphError for a graph of anything but text, or a length that it was not made for.
    """
    source = graph.source
    if not isinstance(source, TokenSource):
        raise GraphError(f"graph {graph.name!r} takes no text: only graphs of text have a length")
    if not 1 <= length <= source.tokens:
        raise GraphError(f"length is {length}, graph {graph.name!r} was made for sentences of 1 to {source.tokens} tokens")
    if length == source.tokens:
        return graph
    nodes: dict[str, Node] = {}
    arrays = dict(graph.arrays)
    for name, whole in graph.nodes.items():
        shorter = whole is source or any(nodes[port.node].shape != graph.nodes[port.node].shape for port in whole.inputs)
        node = nodes[name] = whole.at_length(length) if shorter else whole
        for field, shape in node.array_shapes().items() if arrays else ():
            array = arrays[f"{name}.{field}"]
            if array.shape != shape:
                arrays[f"{name}.{field}"] = array[tuple(slice(extent) for extent in shape)]
    return dataclasses.replace(graph, nodes=MappingProxyType(nodes), arrays=MappingProxyType(arrays))
