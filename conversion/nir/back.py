"""Which edges of a NIR graph look back in time: NIR has no steps, so a loop does not say where its step lies.

In a loop spikes are read one step after they were sent, unless a Delay on it says how many. The edge is the one that leaves the
neurons from which the walk from the Input, in the order of edges, comes back to neurons that it has come through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import networkx as nx
import numpy as np

from synaptile.foundation.errors import GraphError

Edge: TypeAlias = tuple[str, str]

NEURONS = ("IF", "LIF", "CubaLIF")
"""Types of NIR nodes that spike."""


def delay_of(name: str, node: Any, dt: float) -> int:
    """Steps of a Delay, alike for all its neurons. Raises GraphError for part steps and for delays of single neurons."""
    values = np.unique(np.asarray(node.delay, np.float64))
    if values.size != 1:
        span = f"{values.min():g} to {values.max():g}"
        raise GraphError(f"NIR node {name!r} (Delay) has delays from {span}: give neurons of one delay a node of their own")
    steps = float(values[0]) / dt
    if not 0 <= steps < 2**31 or abs(steps - round(steps)) > 1e-3:
        raise GraphError(f"NIR node {name!r} (Delay): {values[0]:g} is {steps:g} steps of dt {dt:g}: give whole steps, or a dt")
    return round(steps)


def edges_back(graph: Any, dt: float) -> Mapping[Edge, int]:
    """Edges on loops that leave neurons and are read later: by how many steps, 0 where the Delay that they lead to says it."""
    edges: nx.DiGraph[str] = nx.DiGraph()
    edges.add_nodes_from(graph.nodes)
    edges.add_edges_from(graph.edges)
    kinds = {name: type(node).__name__ for name, node in graph.nodes.items()}
    found: dict[Edge, int] = {}
    for loop in list(nx.strongly_connected_components(edges)):
        for a, b in [edge for edge in graph.edges if set(edge) <= loop and edge[0] != edge[1]]:
            if kinds[a] in NEURONS and kinds[b] == "Delay" and delay_of(b, graph.nodes[b], dt):
                found[a, b] = 0
    edges.remove_edges_from(found)
    if nx.is_directed_acyclic_graph(edges):
        return found
    return found | _back_by_one(edges, kinds)


def _back_by_one(edges: nx.DiGraph[str], kinds: Mapping[str, str]) -> dict[Edge, int]:
    """Edges that close loops of what is left, by one step each."""
    layers: nx.DiGraph[str] = nx.DiGraph()
    firsts: dict[Edge, set[str]] = {}
    for source in edges.nodes:
        if kinds[source] not in (*NEURONS, "Input"):
            continue
        layers.add_node(source)
        for first in edges.successors(source):
            for neurons in _reached(edges, kinds, first):
                layers.add_edge(source, neurons)
                firsts.setdefault((source, neurons), set()).add(first)
    entry = next(name for name, kind in kinds.items() if kind == "Input")
    path: list[str] = []
    found: dict[Edge, int] = {}
    for a, b, label in nx.dfs_labeled_edges(layers, source=entry):
        if label == "forward":
            path.append(b)
        elif label == "reverse":
            path.pop()
        elif b in path:
            found |= {(a, first): 1 for first in firsts[a, b]}
    for a, first in found:
        ahead = [neurons for neurons in _reached(edges, kinds, first) if neurons != a and not nx.has_path(layers, neurons, a)]
        if ahead:
            raise GraphError(
                f"NIR node {first!r} carries the spikes of {a!r} back in a loop, and on to {ahead[0]!r}: give each a node"
            )
    return found


def _reached(edges: nx.DiGraph[str], kinds: Mapping[str, str], first: str) -> list[str]:
    """Neurons that a node leads to without neurons in between."""
    found, pending, seen = list[str](), [first], set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if kinds[name] in NEURONS:
            found.append(name)
        else:
            pending.extend(edges.successors(name))
    return found


def neurons_shape(graph: Any, name: str) -> tuple[int, ...]:
    """Shape of neurons before what they read is known: by their parameters, else by a matrix that reads or feeds them.

    Raises GraphError where nothing tells.
    """
    given = np.shape(graph.nodes[name].v_threshold)
    if int(np.prod(given)) > 1:
        return tuple(given)
    for axis, others in ((1, [b for a, b in graph.edges if a == name]), (0, [a for a, b in graph.edges if b == name])):
        for other in others:
            if type(graph.nodes[other]).__name__ in ("Linear", "Affine"):
                return (int(np.shape(graph.nodes[other].weight)[axis]),)
    raise GraphError(f"NIR node {name!r} lies in a loop and nothing tells its shape: give v_threshold a value per neuron")
