"""The smallest graphs that show a rule: image, patch embedding, neurons, Linear, read-out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from synaptile.conversion.graph import (
    ECUnit,
    ImageSource,
    MTNeurons,
    Node,
    PatchEmbedding,
    Port,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenSelect,
)

NODES: dict[str, Node] = {
    node.name: node
    for node in (
        ImageSource("image", (), (1, 48), (3, 4, 4)),
        PatchEmbedding("patch", (Port("image", 0, 48),), (4, 6), (2, 2), (2, 2)),
        ECUnit("norm", (Port("patch", 0, 6),), (4, 6), "layer_norm", eps=1e-6),
        TokenSelect("select", (Port("norm", 0, 6),), (1, 6), 0, 1),
        MTNeurons("head.in", (Port("select", 0, 6),), (1, 6), 0.1, 0.2, 8),
        Synapse("head", (Port("head.in", 0, 6),), (1, 3), 6),
        ReadOut("readout", (Port("head", 0, 3),), (1, 3)),
    )
}

_RNG = np.random.default_rng(0)
ARRAYS: dict[str, np.ndarray] = {
    "patch.weight": _RNG.standard_normal((6, 12)).astype(np.float32),
    "patch.bias": _RNG.standard_normal(6).astype(np.float32),
    "norm.weight": np.ones(6, np.float32),
    "norm.bias": np.zeros(6, np.float32),
    "head.weight": _RNG.standard_normal((3, 6)).astype(np.float32),
    "head.bias": _RNG.standard_normal(3).astype(np.float32),
}


def build(nodes: Iterable[Node] = tuple(NODES.values()), arrays: Mapping[str, Any] = ARRAYS, **options: Any) -> SpikingGraph:
    """The graph of `nodes`, named "net"."""
    return SpikingGraph.build("net", nodes, arrays, {"model": "by hand"}, **options)


def changed(name: str, **fields: Any) -> list[Node]:
    """The nodes with some fields of one changed."""
    return [dataclasses.replace(node, **fields) if node.name == name else node for node in NODES.values()]


def between(node: Node, reader: str) -> list[Node]:
    """The nodes with `node` in front of the input of `reader`."""
    port = Port(node.name, 0, node.width)
    return [*(dataclasses.replace(each, inputs=(port,)) if each.name == reader else each for each in NODES.values()), node]
