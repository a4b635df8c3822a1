"""An encoder's configuration and weights to a SpikingGraph of ECMT structure, every MT threshold still at 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    Add,
    ECUnit,
    MTNeurons,
    Node,
    Port,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenEmbedding,
    TokenMean,
    TokenSelect,
    TokenSource,
)
from synaptile.conversion.text.config import EncoderConfig
from synaptile.conversion.text.families import relative_buckets
from synaptile.conversion.text.weights import Arrays
from synaptile.foundation.errors import InputError


def lower_encoder(config: EncoderConfig, weights: Arrays, tokens: int, metadata: dict[str, Any] | None = None) -> SpikingGraph:
    """The graph for sentences of up to `tokens` tokens.

    Query, key and value are one Linear of three times the width, so that their neurons fire once for all three. The embedding of
    token type 0 (of ERNIE's task 0 too) is folded into the positions: sentences come alone, not in pairs. Layers that share
    tensors get a copy each. Raises InputError for more tokens than positions.
    """
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not 1 <= tokens <= config.longest:
        raise InputError(f"tokens is {tokens!r}, model {config.name} has positions for sentences of 1 to {config.longest} tokens")
    b = _Builder(config, weights, tokens)
    stream = b.embeddings()
    for layer in range(config.layers):
        stream = b.layer(layer, stream)
    width = config.width
    if config.pooling == "mean":
        b.add(TokenMean("pooling", (Port(stream, 0, width),), (1, width), 0, tokens))
    else:
        b.add(TokenSelect("pooling", (Port(stream, 0, width),), (1, width), 0, 1))
    b.add(ReadOut("readout", (Port("pooling", 0, width),), (1, width), normalised=config.normalised))
    facts = {"model": config.name, "model_type": config.model_type, **(metadata or {})}
    return SpikingGraph.build(config.name, b.nodes, b.arrays, facts)


class _Builder:
    """Nodes and arrays under construction; every method returns the name of the stream that it ends in."""

    def __init__(self, config: EncoderConfig, weights: Arrays, tokens: int) -> None:
        self.config, self.weights, self.tokens = config, weights, tokens
        self.nodes: list[Node] = []
        self.arrays: dict[str, NDArray[Any]] = {}
        self.relative: NDArray[Any] | None = None  # bias of scores by distance, (heads, tokens, keys)
        if config.family.relative:
            table = weights["encoder.relative_attention_bias.weight"]
            self.relative = table[relative_buckets(tokens)].transpose(2, 0, 1)

    def add(self, node: Node, **arrays: NDArray[Any]) -> str:
        """Add a node with its arrays."""
        self.nodes.append(node)
        self.arrays |= {f"{node.name}.{field}": np.ascontiguousarray(array) for field, array in arrays.items()}
        return node.name

    def embeddings(self) -> str:
        """Token source, lookup, LayerNorm and, where embeddings are narrower than layers, the Linear that widens them."""
        config, shape = self.config, (self.tokens, self.config.embedding or self.config.width)
        self.add(TokenSource("tokens", (), (self.tokens, 1), config.vocabulary))
        word, position = (self.weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position"))
        position = position[config.first_position : config.first_position + self.tokens]
        for name in ("token_type", "task_type"):
            if (table := self.weights.get(f"embeddings.{name}_embeddings.weight")) is not None:
                position = position + table[0]
        embedding = TokenEmbedding("embeddings", (Port("tokens", 0, 1),), shape, config.vocabulary)
        self.add(embedding, word=word, position=position)
        stream = self.layer_norm("embeddings.LayerNorm", "embeddings.LayerNorm", "embeddings")
        return stream if config.embedding is None else self.linear("embeddings.project", stream, ["embeddings_project"])

    def layer(self, number: int, stream: str) -> str:
        """Attention and feed-forward, each with its residual and the LayerNorm behind it."""
        config, ours, theirs = self.config, f"layer.{number}", f"encoder.layer.{number}"
        hidden = config.hidden
        attention = self.attention(number, stream)
        dense = self.linear(f"{ours}.attention.output.dense", attention, [f"{theirs}.attention.output.dense"])
        added = self.residual(f"{ours}.attention.output.add", dense, stream)
        stream = self.layer_norm(f"{ours}.attention.output.LayerNorm", f"{theirs}.attention.output.LayerNorm", added)
        inner = self.linear(f"{ours}.intermediate.dense", stream, [f"{theirs}.intermediate.dense"])
        unit = ECUnit(f"{ours}.intermediate.act", (Port(inner, 0, hidden),), (self.tokens, hidden), config.activation)
        outer = self.linear(f"{ours}.output.dense", self.add(unit), [f"{theirs}.output.dense"])
        added = self.residual(f"{ours}.output.add", outer, stream)
        return self.layer_norm(f"{ours}.output.LayerNorm", f"{theirs}.output.LayerNorm", added)

    def attention(self, number: int, stream: str) -> str:
        """Softmax(Q K^T / sqrt(d)) V, before its output Linear."""
        config, name = self.config, f"layer.{number}.attention.self"
        width, heads, tokens = config.width, config.heads, self.tokens
        depth, shape, maps = width // heads, (tokens, width), (heads, tokens, tokens)
        theirs = f"encoder.{name}"
        qkv = self.linear(f"{name}.qkv", stream, [f"{theirs}.{part}" for part in ("query", "key", "value")])
        q, k, v = (self.site(f"{name}.{part}", Port(qkv, i * width, (i + 1) * width), shape) for i, part in enumerate("qkv"))
        qk = self.add(ProductUnit(f"{name}.qk", (q, k), maps, "qk", heads, tokens, depth))
        unit = ECUnit(
            f"{name}.softmax", (Port(qk, 0, heads),), maps, "softmax", input_scale=depth**-0.5, biased=self.relative is not None
        )
        softmax = self.add(unit, **({} if self.relative is None else {"bias": self.relative}))
        shares = self.site(f"{name}.softmax.out", Port(softmax, 0, heads), maps)
        return self.add(ProductUnit(f"{name}.sv", (shares, v), shape, "sv", heads, tokens, depth))

    def linear(self, name: str, stream: str, theirs: list[str]) -> str:
        """MT neurons in front of one synapse of the given Linears, outputs side by side."""
        weight, bias = (np.concatenate([self.weights[f"{one}.{field}"] for one in theirs]) for field in ("weight", "bias"))
        site = self.site(f"{name}.in", Port(stream, 0, weight.shape[1]), (self.tokens, weight.shape[1]))
        return self.add(Synapse(name, (site,), (self.tokens, len(weight)), weight.shape[1]), weight=weight, bias=bias)

    def site(self, name: str, port: Port, shape: tuple[int, ...]) -> Port:
        """MT neurons, thresholds 1 until calibration."""
        self.add(MTNeurons(name, (port,), shape, 1.0, 1.0, 8))
        return Port(name, 0, port.width)

    def residual(self, name: str, first: str, second: str) -> str:
        """Sum of two streams of the model's width."""
        width = self.config.width
        return self.add(Add(name, (Port(first, 0, width), Port(second, 0, width)), (self.tokens, width)))

    def layer_norm(self, name: str, theirs: str, stream: str) -> str:
        """LayerNorm over a token's channels."""
        weight, bias = (self.weights[f"{theirs}.{field}"] for field in ("weight", "bias"))
        node = ECUnit(name, (Port(stream, 0, len(weight)),), (self.tokens, len(weight)), "layer_norm", self.config.eps)
        return self.add(node, weight=weight, bias=bias)
