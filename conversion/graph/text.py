"""Nodes of text encoders, and the graph of a sentence of a given length.

A graph is made for sentences of up to `tokens` tokens. A sentence runs at its own length: what pads it in a batch never enters
the network, so it sends no spike, takes no part in a softmax, a LayerNorm or a mean, and costs nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from synaptile.conversion.graph.nodes import (
    LATER,
    ConstantStream,
    ECUnit,
    Node,
    PresentedSource,
    ProductUnit,
    TokenMean,
    TokenSelect,
)
from synaptile.foundation.errors import GraphError

if TYPE_CHECKING:
    from synaptile.conversion.graph.graph import SpikingGraph


@dataclass(frozen=True)
class TokenSource(PresentedSource):
    """Token numbers of a sentence, 0 to `vocabulary` - 1, from the host. `shape` is ``(tokens, 1)``: the longest sentence.

    `presentation` and `rate_steps` say, as of `ImageSource`, how the embedding is shown: at every step, at t = 1, or a
    `rate_steps`-th of it for as many steps.
    """

    vocabulary: int
    presentation: Literal["constant", "analog", "rate"] = field(default="constant", metadata=LATER)
    rate_steps: int = field(default=0, metadata=LATER)

    kind = "token_source"


@dataclass(frozen=True)
class TokenEmbedding(Node):
    """Front end of text: a token's word embedding plus that of its position, looked up and added once a sentence.

    Rows of words come from outside the chip, one a token; positions are held on it. Arrays: ``word`` (vocabulary, channels) and
    ``position`` (tokens, channels).
    """

    vocabulary: int

    kind = "token_embedding"
    arrays = ("word", "position")


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
    nodes: list[Node] = []
    growing: set[str] = set()
    for node in graph.nodes.values():
        if isinstance(node, TokenSource) or (growing.intersection(p.node for p in node.inputs) and not _pools(node)):
            growing.add(node.name)
            node = dataclasses.replace(node, shape=_shape_at(node, length))
            if isinstance(node, ProductUnit):
                node = dataclasses.replace(node, keys=length)
        elif isinstance(node, TokenMean):
            node = dataclasses.replace(node, stop=length)
        nodes.append(node)
    arrays = dict(graph.arrays)
    for node in nodes:
        if isinstance(node, TokenEmbedding) and arrays:
            arrays[f"{node.name}.position"] = arrays[f"{node.name}.position"][:length]
    return dataclasses.replace(
        graph, nodes=MappingProxyType({node.name: node for node in nodes}), arrays=MappingProxyType(arrays)
    )


def check_text(graph: str, nodes: Mapping[str, Node]) -> None:
    """Raise GraphError unless every node of a graph of text has a meaning at every length."""
    for node in nodes.values():
        problem = ""
        match node:
            case TokenMean() if (node.start, node.stop) != (0, nodes[node.inputs[0].node].tokens):
                problem = f"takes the mean of tokens {node.start}:{node.stop}: a mean must cover the whole sentence"
            case TokenSelect() if (node.start, node.stop) != (0, 1):
                problem = f"selects tokens {node.start}:{node.stop}: every sentence has a first token, and perhaps no other"
            case ECUnit(biased=True):
                problem = "adds a bias to a softmax, whose extent would depend on the sentence"
            case ConstantStream():
                problem = "is a constant stream: positions belong into the embedding"
        if problem:
            raise GraphError(f"graph {graph!r} takes text: node {node.name!r} {problem}")


def _pools(node: Node) -> bool:
    return isinstance(node, TokenMean | TokenSelect)


def _shape_at(node: Node, length: int) -> tuple[int, ...]:
    return (node.shape[0], length, length) if node.is_map else (length, node.shape[1])
