"""The ANN beside the SNN: the same network run densely, one pass of one image, from the graph's structure alone.

MT neurons vanish (an activation takes the spike's place), EC units evaluate their F once, products and Linears multiply. Two
counts: the dense MACs of all Linears, convolutions and products, which Eq. 30 divides by, and all operations of the pass. A
network that was never an ANN (spike trains in) is held against one dense pass of its layers all the same.
"""

from __future__ import annotations

from synaptile.conversion.graph import (
    Add,
    Convolution2d,
    ECUnit,
    Node,
    PatchEmbedding,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenEmbedding,
    TokenMean,
)
from synaptile.simulator.function_operations import function_operations

RoleOp = tuple[str, str]


def ann_macs(graph: SpikingGraph) -> int:
    """Dense MACs of all Linears and products, one pass of one image; without the patch embedding (paper, Eq. 30)."""
    return sum(graph.ann_macs.values())


def dense_operations(graph: SpikingGraph) -> dict[str, dict[RoleOp, int]]:
    """Every operation of one dense pass of one image: node -> {(role, op): count}, in graph order; idle nodes left out."""
    found = {name: _operations(node) for name, node in graph.nodes.items()}
    return {name: ops for name, ops in found.items() if ops}


def _operations(node: Node) -> dict[RoleOp, int]:
    match node:
        case PatchEmbedding():
            return {("dense rows", "mac"): node.size * node.fan_in, ("bias", "add"): node.size}
        case Convolution2d():
            pooled = node.image[0] * node.pooled[0] * node.pooled[1] * node.pool_kernel[0] * node.pool_kernel[1]
            pool = {} if node.pooling == "none" else {("pooling", "add"): pooled}
            return {("dense rows", "mac"): node.macs, ("bias", "add"): node.size, **pool}
        case Synapse():
            return {("dense rows", "mac"): node.macs, ("bias", "add"): node.size}
        case ProductUnit():
            return {("dense product", "mac"): node.macs}
        case ECUnit():
            return {(node.function, op): count for op, count in function_operations(node).items()}
        case Add() if len(node.inputs) > 1:
            return {("stream add", "add"): node.size * (len(node.inputs) - 1)}
        case TokenMean():
            return {("token mean", "add"): (node.stop - node.start - 1) * node.size, ("token mean", "mul"): node.size}
        case TokenEmbedding():
            return {("embedding", "add"): node.size}
        case ReadOut():
            scaled = {("read-out scale", "mul"): node.size} if node.scale != 1.0 else {}
            unit_length = {("normalise", "mac"): node.size, ("normalise", "rsqrt"): 1, ("normalise", "mul"): node.size}
            return scaled | (unit_length if node.normalised else {})
        case _:
            return {}
