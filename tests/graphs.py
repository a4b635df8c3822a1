"""A synthetic vision transformer as a SpikingGraph: the canonical shape with random weights, built without torch."""

from __future__ import annotations

from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    ImageSource,
    MTNeurons,
    Node,
    PatchEmbedding,
    Port,
    ProductUnit,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenSelect,
)

PATCH = 4
"""Pixels a side of a patch."""


def vit_graph(
    depth: int,
    tokens: int,
    width: int,
    heads: int,
    hidden: int,
    classes: int,
    n: int = 8,
    seed: int = 0,
    dtype: DTypeLike = np.float32,
    name: str = "synthetic-vit",
    *,
    patch: int = PATCH,
    dense_head: bool = False,
    select_first: bool = False,
) -> SpikingGraph:
    """Build a ViT of `tokens` tokens, the class token among them, with weights of variance 1/fan-in and plausible thresholds.

    `tokens - 1` patches are laid out on the squarest grid that holds them exactly. `dense_head` leaves out the neurons in
    front of the head (preset "released"); `select_first` takes the class token before the final LayerNorm, not after it.
    """
    builder = _Builder(np.random.default_rng(seed), np.dtype(dtype), n)
    stream = _front_end(builder, tokens, width, patch)
    for block in range(depth):
        stream = _block(builder, f"blocks.{block}", stream, (tokens, width, heads, hidden))
    if select_first:
        stream = builder.add(TokenSelect("select", (Port(stream, 0, width),), (1, width), 0, 1))
        stream = builder.layer_norm("norm", stream, 1, width)
    else:
        stream = builder.layer_norm("norm", stream, tokens, width)
        stream = builder.add(TokenSelect("select", (Port(stream, 0, width),), (1, width), 0, 1))
    if not dense_head:
        stream = builder.neurons("head.in", Port(stream, 0, width), (1, width))
    stream = builder.synapse("head", stream, 1, width, classes, spiking=not dense_head)
    builder.add(ReadOut("readout", (Port(stream, 0, classes),), (1, classes)))
    return SpikingGraph.build(name, builder.nodes, builder.arrays, {"seed": seed, "preset": "synthetic"})


class _Builder:
    """Nodes and arrays of a graph under construction."""

    def __init__(self, rng: np.random.Generator, dtype: np.dtype[Any], n: int) -> None:
        self.rng = rng
        self.dtype = dtype
        self.n = n
        self.nodes: list[Node] = []
        self.arrays: dict[str, NDArray[Any]] = {}

    def add(self, node: Node, **arrays: NDArray[Any]) -> str:
        self.nodes.append(node)
        self.arrays |= {f"{node.name}.{field}": array.astype(self.dtype) for field, array in arrays.items()}
        return node.name

    def neurons(self, name: str, port: Port, shape: tuple[int, ...], theta: float | None = None) -> str:
        """MT neurons whose thresholds reach from small to large values of a stream of unit variance."""
        theta1 = theta or float(self.rng.uniform(0.9, 1.1)) * 4.0 / 2**self.n
        theta2 = theta or float(self.rng.uniform(0.9, 1.1)) * 4.0 / 2**self.n
        return self.add(MTNeurons(name, (port,), shape, theta1, theta2, self.n))

    def synapse(self, name: str, source: str, tokens: int, fan_in: int, channels: int, *, spiking: bool = True) -> str:
        node = Synapse(name, (Port(source, 0, fan_in),), (tokens, channels), fan_in, spiking)
        weight = self.rng.standard_normal((channels, fan_in)) / np.sqrt(fan_in)
        return self.add(node, weight=weight, bias=0.05 * self.rng.standard_normal(channels))

    def layer_norm(self, name: str, source: str, tokens: int, width: int) -> str:
        node = ECUnit(name, (Port(source, 0, width),), (tokens, width), "layer_norm", eps=1e-6)
        weight = 1.0 + 0.1 * self.rng.standard_normal(width)
        return self.add(node, weight=weight, bias=0.05 * self.rng.standard_normal(width))


def _front_end(builder: _Builder, tokens: int, width: int, patch: int) -> str:
    """Source, patch embedding, class token and position embedding."""
    patches = tokens - 1
    rows = next(rows for rows in range(isqrt(patches), 0, -1) if patches % rows == 0)
    image = (3, rows * patch, patches // rows * patch)
    pixels = int(np.prod(image))
    source = builder.add(ImageSource("image", (), (1, pixels), image))
    embedding = PatchEmbedding("patch_embed", (Port(source, 0, pixels),), (patches, width), (patch, patch), (patch, patch))
    weight = builder.rng.standard_normal((width, embedding.fan_in)) / np.sqrt(embedding.fan_in)
    builder.add(embedding, weight=weight, bias=0.05 * builder.rng.standard_normal(width))
    builder.add(ConstantStream("cls_token", (), (1, width)), value=builder.rng.standard_normal((1, width)))
    joined = Concatenate("concatenate", (Port("cls_token", 0, width), Port("patch_embed", 0, width)), (tokens, width))
    builder.add(joined)
    builder.add(ConstantStream("pos_embed", (), (tokens, width)), value=0.2 * builder.rng.standard_normal((tokens, width)))
    return builder.add(Add("add_pos", (Port("concatenate", 0, width), Port("pos_embed", 0, width)), (tokens, width)))


def _block(builder: _Builder, name: str, stream: str, extents: tuple[int, int, int, int]) -> str:
    tokens, width, _, hidden = extents
    attention = _attention(builder, name, stream, extents)
    residual = builder.add(Add(f"{name}.add1", (Port(stream, 0, width), Port(attention, 0, width)), (tokens, width)))
    normed = builder.layer_norm(f"{name}.norm2", residual, tokens, width)
    fc1_in = builder.neurons(f"{name}.mlp.fc1.in", Port(normed, 0, width), (tokens, width))
    fc1 = builder.synapse(f"{name}.mlp.fc1", fc1_in, tokens, width, hidden)
    act = builder.add(ECUnit(f"{name}.mlp.act", (Port(fc1, 0, hidden),), (tokens, hidden), "gelu"))
    fc2_in = builder.neurons(f"{name}.mlp.fc2.in", Port(act, 0, hidden), (tokens, hidden))
    fc2 = builder.synapse(f"{name}.mlp.fc2", fc2_in, tokens, hidden, width)
    return builder.add(Add(f"{name}.add2", (Port(residual, 0, width), Port(fc2, 0, width)), (tokens, width)))


def _attention(builder: _Builder, name: str, stream: str, extents: tuple[int, int, int, int]) -> str:
    tokens, width, heads, _ = extents
    head_width = width // heads
    token_shape, map_shape = (tokens, width), (heads, tokens, tokens)
    normed = builder.layer_norm(f"{name}.norm1", stream, tokens, width)
    qkv_in = builder.neurons(f"{name}.attn.qkv.in", Port(normed, 0, width), token_shape)
    qkv = builder.synapse(f"{name}.attn.qkv", qkv_in, tokens, width, 3 * width)
    q, k, v = (
        builder.neurons(f"{name}.attn.{part}", Port(qkv, i * width, (i + 1) * width), token_shape) for i, part in enumerate("qkv")
    )
    operands = (Port(q, 0, width), Port(k, 0, width))
    qk = builder.add(ProductUnit(f"{name}.attn.qk", operands, map_shape, "qk", heads, tokens, head_width))
    softmax = ECUnit(f"{name}.attn.softmax", (Port(qk, 0, heads),), map_shape, "softmax", input_scale=head_width**-0.5)
    builder.add(softmax)
    weights = builder.neurons(f"{name}.attn.softmax.out", Port(softmax.name, 0, heads), map_shape, theta=1.0 / 2**builder.n)
    operands = (Port(weights, 0, heads), Port(v, 0, width))
    sv = builder.add(ProductUnit(f"{name}.attn.sv", operands, token_shape, "sv", heads, tokens, head_width))
    proj_in = builder.neurons(f"{name}.attn.proj.in", Port(sv, 0, width), token_shape)
    return builder.synapse(f"{name}.attn.proj", proj_in, tokens, width, width)
