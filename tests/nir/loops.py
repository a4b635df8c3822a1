"""Recurrent and delayed networks in NIR's own Python API, and the edges of each that look back by one step."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from tests.nir.networks import current_based, integrate_and_fire, io, leaky, linear

Edges = set[tuple[str, str]]


def plain_linear(rng: np.random.Generator, outputs: int, inputs: int) -> Any:
    return nir.Linear(weight=rng.standard_normal((outputs, inputs)) / np.sqrt(0.4 * inputs))


def graph_of(nodes: dict[str, Any], edges: list[tuple[str, str]]) -> Any:
    return nir.NIRGraph(nodes=nodes, edges=edges, type_check=False)


def one_layer(seed: int = 0, neurons: Any = leaky) -> tuple[Any, Edges]:
    """A layer that reads itself, and one behind it."""
    rng = np.random.default_rng(seed)
    source, sink = io((12,), (5,))
    nodes = {
        "input": source,
        "w_in": linear(rng, 18, 12),
        "hidden": neurons(rng, 18),
        "w_rec": plain_linear(rng, 18, 18),
        "w_out": linear(rng, 5, 18),
        "out": leaky(rng, 5),
        "output": sink,
    }
    edges = [("input", "w_in"), ("w_in", "hidden"), ("hidden", "w_rec"), ("w_rec", "hidden")]
    edges += [("hidden", "w_out"), ("w_out", "out"), ("out", "output")]
    return graph_of(nodes, edges), {("hidden", "w_rec")}


def feedback(delay: int = 0) -> tuple[Any, Edges]:
    """Two layers, the second of which feeds the first, by one step or through a Delay of so many; the first reads itself."""
    rng = np.random.default_rng(4)
    source, sink = io((10,), (14,))
    nodes = {
        "input": source,
        "w1": linear(rng, 16, 10),
        "first": current_based(rng, 16),
        "own": plain_linear(rng, 16, 16),
        "w2": linear(rng, 14, 16),
        "second": leaky(rng, 14),
        "back": plain_linear(rng, 16, 14),
        "output": sink,
    }
    edges = [("input", "w1"), ("w1", "first"), ("first", "own"), ("own", "first"), ("first", "w2"), ("w2", "second")]
    edges += [("back", "first"), ("second", "output")]
    if not delay:
        return graph_of(nodes, [*edges, ("second", "back")]), {("first", "own"), ("second", "back")}
    nodes["wait"] = nir.Delay(delay=np.full(14, delay * 1e-4))
    return graph_of(nodes, [*edges, ("second", "wait"), ("wait", "back")]), {("first", "own")}


def delayed() -> tuple[Any, Edges]:
    """No loop: the input at once and three steps later, spikes two steps later."""
    rng = np.random.default_rng(6)
    source, sink = io((12,), (6,))
    nodes = {
        "input": source,
        "late": nir.Delay(delay=np.full(12, 3e-4)),
        "w": linear(rng, 15, 12),
        "w_late": plain_linear(rng, 15, 12),
        "if": integrate_and_fire(rng, 15),
        "axon": nir.Delay(delay=np.full(15, 2e-4)),
        "w_out": linear(rng, 6, 15),
        "lif": leaky(rng, 6),
        "output": sink,
    }
    edges = [("input", "w"), ("input", "late"), ("late", "w_late"), ("w", "if"), ("w_late", "if")]
    edges += [("if", "axon"), ("axon", "w_out"), ("w_out", "lif"), ("lif", "output")]
    return graph_of(nodes, edges), set()


def convolutional() -> tuple[Any, Edges]:
    """A convolution of its own spikes: currents are added, which takes a core for real values."""
    rng = np.random.default_rng(8)
    source, sink = io((2, 6, 5), (3, 6, 5))
    first = nir.Conv2d((6, 5), rng.standard_normal((3, 2, 3, 3)) / 2, 1, 1, 1, 1, 0.1 * rng.standard_normal(3))
    own = nir.Conv2d((6, 5), rng.standard_normal((3, 3, 3, 3)) / 4, 1, 1, 1, 1, np.zeros(3))
    nodes = {"input": source, "conv": first, "lif": leaky(rng, 3, 6, 5), "own": own, "output": sink}
    edges = [("input", "conv"), ("conv", "lif"), ("lif", "own"), ("own", "lif"), ("lif", "output")]
    return graph_of(nodes, edges), {("lif", "own")}


NETWORKS = {
    "lif": lambda: one_layer(),
    "cuba": lambda: one_layer(1, current_based),
    "if": lambda: one_layer(2, integrate_and_fire),
    "feedback": feedback,
    "feedback by three steps": lambda: feedback(3),
    "delays": delayed,
}
