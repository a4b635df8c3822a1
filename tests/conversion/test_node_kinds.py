"""Is a kind of node known by its class alone: verified, given its arrays, saved, loaded and shortened without another file?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from synaptile.conversion.graph import NODE_TYPES, Node, Port, SpikingGraph, at_length, load_graph, save_graph
from synaptile.conversion.graph.node import Read, Shape
from synaptile.foundation.errors import GraphError, WeightsError
from tests.conversion.graphs_by_hand import ARRAYS, between
from tests.text.small_encoders import lowered


@dataclass(frozen=True)
class IdentityUnit(Node):
    """Passes its input on, times a gain per channel: what someone who adds a kind of node writes."""

    gain: float

    kind = "identity"

    def array_shapes(self) -> dict[str, Shape]:
        return {"gains": (self.width,)}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        if not self.gain > 0:
            raise GraphError(f"identity unit {self.name!r} has gain {self.gain:g}, needs a positive one")
        return reads[0].shape


IDENTITY = IdentityUnit("same", (Port("norm", 0, 6),), (4, 6), 2.0)
GAINS = {"same.gains": np.ones(6, np.float32)}


def built(node: Node = IDENTITY, arrays: dict[str, np.ndarray] = GAINS) -> SpikingGraph:
    return SpikingGraph.build("net", between(node, "select"), {**ARRAYS, **arrays})


def test_a_new_kind_is_saved_and_loaded(tmp_path: Path) -> None:
    graph = built()
    save_graph(graph, tmp_path / "net.spk")
    again = load_graph(tmp_path / "net.spk")
    assert again.nodes["same"] == IDENTITY and again.digest == graph.digest


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gain": 0.0}, "identity unit 'same' has gain 0"),
        ({"inputs": (Port("norm", 0, 5),)}, r"'same' has shape \(4, 6\), its inputs \[\(4, 5\)\] give \(4, 5\)"),
        ({"inputs": ()}, "'same' reads 0 streams, needs 1"),
    ],
)
def test_a_new_kind_is_verified(changes: dict[str, object], message: str) -> None:
    with pytest.raises(GraphError, match=f"^graph 'net': .*{message}"):
        built(dataclasses.replace(IDENTITY, **changes))  # type: ignore[arg-type]  # wrong on purpose


def test_a_new_kind_says_what_arrays_it_needs() -> None:
    with pytest.raises(WeightsError, match=r"lacks the array 'same\.gains', shape \(6,\)"):
        built(arrays={})


def test_a_new_kind_has_a_length() -> None:
    graph = lowered()
    name = next(iter(graph.consumers("embeddings")))
    reader = graph.nodes[name]
    same = IdentityUnit("same", reader.inputs, reader.shape, 1.0)
    nodes = [
        dataclasses.replace(node, inputs=(Port("same", 0, same.width),)) if node is reader else node
        for node in graph.nodes.values()
    ]
    longer = SpikingGraph.build("text", [*nodes, same], {**graph.arrays, "same.gains": np.ones(same.width, np.float32)})
    assert at_length(longer, 2).nodes["same"] == dataclasses.replace(same, shape=(2, same.width))


def test_a_kind_is_taken_once() -> None:
    with pytest.raises(TypeError, match=r"node kind 'identity' of .*Other is taken by IdentityUnit"):

        class Other(Node):
            kind = "identity"

    assert NODE_TYPES["identity"] is IdentityUnit
