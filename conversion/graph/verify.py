"""What a SpikingGraph must satisfy, checked once when it is built or loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.leaky import CubaLIFNeurons, IFNeurons, LeakyNeurons, LIFNeurons, MembraneReadOut, SpikeSource
from synaptile.conversion.graph.nodes import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Neurons,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    Shape,
    Source,
    STBIFNeurons,
    Synapse,
    TokenMean,
    TokenSelect,
)
from synaptile.conversion.graph.text import TokenEmbedding, TokenSource, check_text
from synaptile.conversion.graph.windows import Convolution2d
from synaptile.foundation.errors import GraphError, WeightsError

_ARITY: dict[type[Node], int | None] = {
    ImageSource: 0,
    ConstantStream: 0,
    PatchEmbedding: 1,
    ECUnit: 1,
    MTNeurons: 1,
    STBIFNeurons: 1,
    Synapse: 1,
    TokenSelect: 1,
    TokenMean: 1,
    ReadOut: 1,
    ProductUnit: 2,
    SpikeSource: 0,
    IFNeurons: 1,
    LIFNeurons: 1,
    CubaLIFNeurons: 1,
    Convolution2d: 1,
    MembraneReadOut: 1,
    TokenSource: 0,
    TokenEmbedding: 1,
    Add: None,
    Concatenate: None,
}


def verify_structure(graph: str, nodes: Mapping[str, Node]) -> None:
    """Raise GraphError unless edges, arities and shapes are consistent, the graph is acyclic and reads out once."""
    for node in nodes.values():
        if len(node.shape) not in (2, 3) or any(extent < 1 for extent in node.shape):
            raise GraphError(f"graph {graph!r}: node {node.name!r} has shape {node.shape}, needs 2 or 3 positive extents")
    for node in nodes.values():
        _check_ports(graph, node, nodes)
        _check_shape(graph, node, [_port_shape(nodes[port.node], port) for port in node.inputs], nodes)
    edges: nx.DiGraph[str] = nx.DiGraph((port.node, node.name) for node in nodes.values() for port in node.inputs)
    if not nx.is_directed_acyclic_graph(edges):
        raise GraphError(f"graph {graph!r} has a cycle through {nx.find_cycle(edges)[0][0]!r}: recurrence is not supported")
    for kind, what in ((ReadOut, "read-out"), (Source, "image source or spike source")):
        found = [n.name for n in nodes.values() if isinstance(n, kind)]
        if len(found) != 1:
            raise GraphError(f"graph {graph!r} has {len(found)} nodes of type {what}, needs exactly 1")
    if any(isinstance(node, TokenSource) for node in nodes.values()):
        check_text(graph, nodes)
    for node in nodes.values():
        if not isinstance(node, ReadOut) and not (node.name in edges and edges.out_degree(node.name)):
            raise GraphError(f"graph {graph!r}: nothing reads {node.name!r}: remove it or connect it to the read-out")


def verify_arrays(graph: str, nodes: Mapping[str, Node], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Raise WeightsError unless each array that a node needs is there, of its shape, floating and finite, and no other."""
    expected: dict[str, Shape] = {}
    for node in nodes.values():
        for field, shape in array_shapes(node).items():
            expected[f"{node.name}.{field}"] = shape
    for name, shape in expected.items():
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
    if surplus := sorted(set(arrays) - set(expected)):
        raise WeightsError(f"graph {graph!r} carries arrays that no node reads: {', '.join(surplus[:5])}")


def array_shapes(node: Node) -> dict[str, Shape]:
    """Names and shapes of the arrays that a node needs."""
    match node:
        case PatchEmbedding() | Synapse():
            return {"weight": (node.width, node.fan_in), "bias": (node.width,)}
        case TokenEmbedding():
            return {"word": (node.vocabulary, node.width), "position": node.shape}
        case Convolution2d():
            weight = (node.channels, node.image[0] // max(node.groups, 1), *node.kernel)
            return {"weight": weight, "bias": (node.channels,)}
        case LeakyNeurons() | MembraneReadOut():
            return dict.fromkeys(node.arrays, (node.width,))
        case ConstantStream():
            return {"value": node.shape}
        case ECUnit(function="layer_norm"):
            return {"weight": (node.width,), "bias": (node.width,)}
        case ECUnit(function="softmax", biased=True):
            return {"bias": node.shape}
        case _:
            return {}


def _check_ports(graph: str, node: Node, nodes: Mapping[str, Node]) -> None:
    arity = _ARITY.get(type(node))
    if type(node) not in _ARITY:
        raise GraphError(f"graph {graph!r}: node {node.name!r} has the unknown type {type(node).__name__}")
    if len(node.inputs) != arity if arity is not None else not node.inputs:
        raise GraphError(f"graph {graph!r}: node {node.name!r} reads {len(node.inputs)} streams, needs {arity or 'at least 1'}")
    for port in node.inputs:
        if port.node not in nodes:
            raise GraphError(f"graph {graph!r}: node {node.name!r} reads {port.node!r}, which does not exist")
        width = nodes[port.node].width
        if isinstance(nodes[port.node], Neurons) and port.width != width:
            raise GraphError(
                f"graph {graph!r}: node {node.name!r} reads a part of neuron site {port.node!r}: spikes are read whole"
            )
        if not 0 <= port.start < port.stop <= width:
            raise GraphError(
                f"graph {graph!r}: node {node.name!r} reads channels {port.start}:{port.stop} of {port.node!r}, which has {width}"
            )
        if isinstance(node, Concatenate | TokenSelect | TokenMean | ReadOut) and nodes[port.node].is_map:
            raise GraphError(f"graph {graph!r}: node {node.name!r} reads the attention map {port.node!r}, needs a token stream")


def _port_shape(node: Node, port: Port) -> Shape:
    return (port.width, *node.shape[1:]) if node.is_map else (node.shape[0], port.width)


def _check_shape(graph: str, node: Node, inputs: list[Shape], nodes: Mapping[str, Node]) -> None:
    """Compare a node's shape with what its inputs and parameters give."""
    match node:
        case ImageSource():
            given: Shape = (1, math.prod(node.image_shape))
            if (node.presentation == "rate") != (node.rate_steps > 0):
                raise GraphError(
                    f"graph {graph!r}: image source {node.name!r} has input {node.presentation!r} over {node.rate_steps} steps: "
                    "'rate' needs rate_steps of at least 1, the others 0"
                )
        case TokenSource():
            given = (node.tokens, 1)
            if (node.presentation == "rate") != (node.rate_steps > 0) or node.vocabulary < 1:
                raise GraphError(
                    f"graph {graph!r}: token source {node.name!r} has a vocabulary of {node.vocabulary} and input "
                    f"{node.presentation!r} over {node.rate_steps} steps: needs a word, 'rate' needs steps, the others 0"
                )
        case TokenEmbedding():
            given = (inputs[0][0], node.width)
            source = nodes[node.inputs[0].node]
            if not isinstance(source, TokenSource) or source.vocabulary != node.vocabulary:
                raise GraphError(
                    f"graph {graph!r}: token embedding {node.name!r} holds {node.vocabulary:,} words, it must read a token "
                    f"source of as many, reads {source.name!r}"
                )
        case SpikeSource():
            given = (1, math.prod(node.extents))
        case ConstantStream():
            given = node.shape
        case Convolution2d():
            given = _convolved(graph, node, inputs[0], nodes)
        case LIFNeurons() | CubaLIFNeurons() | MembraneReadOut():
            given = inputs[0]
            if not 0 < node.dt < math.inf:
                raise GraphError(f"graph {graph!r}: {node.name!r} has dt {node.dt:g}, needs a positive and finite step")
        case PatchEmbedding():
            given = (_patches(node, nodes), node.width)
        case Synapse():
            given = (inputs[0][0], node.width)
            if len(inputs[0]) != 2 or inputs[0][1] != node.fan_in:
                raise GraphError(
                    f"graph {graph!r}: synapse {node.name!r} has fan-in {node.fan_in}, its input has shape {inputs[0]}"
                )
            if node.spiking is not isinstance(nodes[node.inputs[0].node], Neurons):
                raise GraphError(
                    f"graph {graph!r}: synapse {node.name!r} is {'spiking' if node.spiking else 'real-valued'}, "
                    f"its input {node.inputs[0].node!r} is not"
                )
        case ProductUnit():
            given = _product_shape(graph, node, inputs, nodes)
        case Concatenate():
            given = (sum(shape[0] for shape in inputs), inputs[0][1])
            if any(shape[1] != inputs[0][1] for shape in inputs):
                raise GraphError(f"graph {graph!r}: {node.name!r} concatenates streams of different widths: {inputs}")
        case ReadOut():
            given = (1, inputs[0][1])
        case TokenSelect() | TokenMean():
            if not 0 <= node.start < node.stop <= inputs[0][0]:
                raise GraphError(f"graph {graph!r}: {node.name!r} takes tokens {node.start}:{node.stop} of {inputs[0][0]}")
            given = (node.stop - node.start if isinstance(node, TokenSelect) else 1, inputs[0][1])
        case MTNeurons():
            given = inputs[0]
            if not (0 < node.theta1 < math.inf and 0 < node.theta2 < math.inf) or not 1 <= node.n <= 16:
                raise GraphError(
                    f"graph {graph!r}: MT site {node.name!r} has theta1 {node.theta1}, theta2 {node.theta2}, n {node.n}: "
                    "thresholds must be positive and finite, n from 1 to 16"
                )
        case STBIFNeurons():
            given = inputs[0]
            if not 0 < node.step_size < math.inf or not node.low <= 0 < node.high:
                raise GraphError(
                    f"graph {graph!r}: ST-BIF site {node.name!r} has step size {node.step_size:g}, "
                    f"levels {node.low}..{node.high}: the step must be positive and finite, the levels hold 0 and 1"
                )
        case _:
            given = inputs[0]
    if (any(shape != inputs[0] for shape in inputs) and isinstance(node, Add)) or given != node.shape:
        raise GraphError(f"graph {graph!r}: node {node.name!r} has shape {node.shape}, its inputs {inputs} give {given}")


def _patches(node: PatchEmbedding, nodes: Mapping[str, Node]) -> int:
    source = nodes[node.inputs[0].node]
    if not isinstance(source, ImageSource):
        raise GraphError(f"patch embedding {node.name!r} must read the image source, reads {source.name!r}")
    if source.image_shape[0] != node.image_channels or min(*node.kernel, *node.stride) < 1 or min(node.padding) < 0:
        raise GraphError(
            f"patch embedding {node.name!r} has kernel {node.kernel}, stride {node.stride}, padding {node.padding} on "
            f"{node.image_channels} channels of {source.image_shape[0]}: read all channels, kernel and stride positive"
        )
    extents = zip(source.image_shape[1:], node.kernel, node.stride, node.padding, strict=True)
    return math.prod((size + 2 * pad - kernel) // stride + 1 for size, kernel, stride, pad in extents)


def _convolved(graph: str, node: Convolution2d, given: Shape, nodes: Mapping[str, Node]) -> Shape:
    """Shape that a convolution's windows give."""
    where = f"graph {graph!r}: convolution {node.name!r}"
    if not isinstance(nodes[node.inputs[0].node], Neurons):
        raise GraphError(f"{where} reads {node.inputs[0].node!r}, which does not spike: put neurons in front")
    if given != (1, math.prod(node.image)):
        raise GraphError(f"{where} reads an image of {node.image}, its input has shape {given}")
    windows = (*node.kernel, *node.stride, *node.dilation, *node.pool_kernel, *node.pool_stride, node.groups)
    if min(windows) < 1 or min(*node.padding, *node.pool_padding) < 0:
        raise GraphError(
            f"{where} has kernel {node.kernel}, stride {node.stride}, padding {node.padding}, dilation {node.dilation}, "
            f"groups {node.groups}, pooling {node.pool_kernel}: all but padding must be at least 1"
        )
    if min(*node.pooled, *node.plane) < 1:
        raise GraphError(f"{where}: an image of {node.image} is smaller than its windows {node.pool_kernel} and {node.kernel}")
    plane = node.plane[0] * node.plane[1]
    if node.image[0] % node.groups or node.width % (plane * node.groups):
        raise GraphError(f"{where} has {node.groups} groups, which do not divide {node.image[0]} channels in, {node.width} out")
    if node.flat and (node.kernel != node.pooled or plane != 1):
        raise GraphError(f"{where} is flat, its kernel {node.kernel} is not the whole pooled image {node.pooled}")
    return (1, node.width)


def _product_shape(graph: str, node: ProductUnit, inputs: list[Shape], nodes: Mapping[str, Node]) -> Shape:
    a, b = inputs
    for port in node.inputs:
        if not isinstance(nodes[port.node], Neurons):
            raise GraphError(f"graph {graph!r}: product {node.name!r} reads {port.node!r}: both operands must be neurons")
    channels = node.heads * node.head_width
    if node.form == "qk":
        expected: list[Shape] = [(node.tokens, channels), (node.keys, channels)]
        given: Shape = (node.heads, node.tokens, node.keys)
    else:
        expected = [(node.heads, node.tokens, node.keys), (node.keys, channels)]
        given = (node.tokens, channels)
    if [a, b] != expected:
        raise GraphError(
            f"graph {graph!r}: product {node.name!r} reads shapes {a} and {b}, needs {expected[0]} and {expected[1]}"
        )
    return given
