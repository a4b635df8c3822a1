"""What a SpikingGraph must satisfy, checked once when it is built or loaded. What a kind of node must, its class says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.front import TokenSource
from synaptile.conversion.graph.leaky import LeakyNeurons, SpikeSource
from synaptile.conversion.graph.node import NODE_TYPES, BinaryNeurons, Neurons, Node, Port, Read, Source
from synaptile.conversion.graph.order import edges_of
from synaptile.conversion.graph.streams import Add, ReadOut
from synaptile.conversion.graph.units import Synapse
from synaptile.conversion.graph.whole import IntegerConvolution2d, IntegerNeurons
from synaptile.conversion.graph.windows import Convolution2d
from synaptile.foundation.errors import GraphError, WeightsError

_IN_LOOPS = (Synapse, Convolution2d, Add, LeakyNeurons)
_IN_WHOLE_NUMBERS = (IntegerNeurons, IntegerConvolution2d, SpikeSource)


MOST_DELAY = 4096
"""Steps that a port may look back."""


def verify_structure(graph: str, nodes: Mapping[str, Node]) -> None:
    """Raise GraphError unless edges, arities and shapes are consistent, no loop stays within a step and one node reads out."""
    for node in nodes.values():
        if len(node.shape) not in (2, 3) or any(extent < 1 for extent in node.shape):
            raise GraphError(f"graph {graph!r}: node {node.name!r} has shape {node.shape}, needs 2 or 3 positive extents")
    for node in nodes.values():
        try:
            _check_node(node, nodes)
        except GraphError as error:
            raise GraphError(f"graph {graph!r}: {error}") from None
    edges, within = edges_of(nodes.values(), back=True), edges_of(nodes.values(), back=False)
    if not nx.is_directed_acyclic_graph(within):
        raise GraphError(
            f"graph {graph!r} has a cycle through {nx.find_cycle(within)[0][0]!r} within a step: give a port on it a delay"
        )
    for stage in nx.strongly_connected_components(edges):
        for name in sorted(stage) if len(stage) > 1 else ():
            if not isinstance(nodes[name], _IN_LOOPS):
                raise GraphError(
                    f"graph {graph!r}: node {name!r} ({nodes[name].kind}) lies in a loop: loops are of synapses, "
                    "convolutions, sums and neurons with one threshold"
                )
    for kind, what in ((ReadOut, "read-out"), (Source, "image source or spike source")):
        count = sum(isinstance(node, kind) for node in nodes.values())
        if count != 1:
            raise GraphError(f"graph {graph!r} has {count} nodes of type {what}, needs exactly 1")
    if any(isinstance(node, IntegerNeurons) for node in nodes.values()):
        for node in nodes.values():
            if isinstance(node, Neurons | Convolution2d | Synapse) and not isinstance(node, _IN_WHOLE_NUMBERS):
                raise GraphError(
                    f"graph {graph!r} has integer neurons: {node.name!r} ({node.kind}) does not work in whole numbers"
                )
    if any(isinstance(node, TokenSource) for node in nodes.values()):
        for node in nodes.values():
            if problem := node.length_problem(_reads(node, nodes)):
                raise GraphError(f"graph {graph!r} takes text: node {node.name!r} {problem}")
    for node in nodes.values():
        if not isinstance(node, ReadOut) and not edges.out_degree(node.name):
            raise GraphError(f"graph {graph!r}: nothing reads {node.name!r}: remove it or connect it to the read-out")


def verify_arrays(graph: str, nodes: Mapping[str, Node], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise WeightsError unless each array that a node needs is there, of its shape, floating and finite, and no other."""
    expected = {
        f"{node.name}.{field}": (node, field, shape) for node in nodes.values() for field, shape in node.array_shapes().items()
    }
    for name, (node, field, shape) in expected.items():
        if name not in arrays:
            raise WeightsError(f"graph {graph!r} lacks the array {name!r}, shape {shape}")
        array = arrays[name]
        if array.shape != shape:
            raise WeightsError(f"array {name!r} of graph {graph!r} has shape {array.shape}, needs {shape}")
        if array.dtype not in (np.float32, np.float64):
            raise WeightsError(f"array {name!r} of graph {graph!r} is {array.dtype}, needs float32 or float64")
        if not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            raise WeightsError(
                f"array {name!r} of graph {graph!r} holds {bad} values that are NaN or infinite: repair the weights"
            )
        if problem := node.array_problem(field, array):
            raise WeightsError(f"array {name!r} of graph {graph!r} {problem}")
    if surplus := sorted(set(arrays) - set(expected)):
        raise WeightsError(f"graph {graph!r} carries arrays that no node reads: {', '.join(surplus[:5])}")


def _check_node(node: Node, nodes: Mapping[str, Node]) -> None:
    """Raise GraphError unless a node is of a known kind, its ports exist and its shape is what they give."""
    if NODE_TYPES.get(node.kind) is not type(node):
        raise GraphError(f"node {node.name!r} has the unknown type {type(node).__name__}")
    if len(node.inputs) != node.arity if node.arity is not None else not node.inputs:
        raise GraphError(f"node {node.name!r} reads {len(node.inputs)} streams, needs {node.arity or 'at least 1'}")
    for port in node.inputs:
        _check_port(node, port, nodes)
    reads = _reads(node, nodes)
    expected = node.output_shape(reads)
    if expected != node.shape:
        raise GraphError(
            f"node {node.name!r} has shape {node.shape}, its inputs {[read.shape for read in reads]} give {expected}"
        )


def _check_port(node: Node, port: Port, nodes: Mapping[str, Node]) -> None:
    source = nodes.get(port.node)
    if source is None:
        raise GraphError(f"node {node.name!r} reads {port.node!r}, which does not exist")
    if isinstance(source, Neurons) and port.width != source.width:
        raise GraphError(f"node {node.name!r} reads a part of neuron site {port.node!r}: spikes are read whole")
    if not 0 <= port.start < port.stop <= source.width:
        raise GraphError(f"node {node.name!r} reads channels {port.start}:{port.stop} of {port.node!r}, which has {source.width}")
    if port.delay:
        if not 0 < port.delay <= MOST_DELAY:
            raise GraphError(f"node {node.name!r} reads {port.node!r} {port.delay} steps ago, needs 0 to {MOST_DELAY}")
        back = isinstance(node, Synapse | Convolution2d) and not isinstance(node, IntegerConvolution2d)
        if not back or not isinstance(source, BinaryNeurons) or isinstance(source, IntegerNeurons):
            raise GraphError(
                f"node {node.name!r} ({node.kind}) reads {port.node!r} ({source.kind}) {port.delay} steps ago: only synapses "
                "look back, at neurons with one threshold and real-valued membranes"
            )
    if source.is_map and not node.reads_maps:
        raise GraphError(f"node {node.name!r} reads the attention map {port.node!r}, needs a token stream")


def _reads(node: Node, nodes: Mapping[str, Node]) -> list[Read]:
    reads = []
    for port in node.inputs:
        source = nodes[port.node]
        reads.append(Read(source, (port.width, *source.shape[1:]) if source.is_map else (source.shape[0], port.width)))
    return reads
