"""A NIR graph as a whole: types that are read, one way in and out, no recurrence; its nodes in the order of reading."""

from __future__ import annotations

from typing import Any

import networkx as nx

from synaptile.foundation.errors import GraphError

KNOWN = (
    "Input",
    "Output",
    "Affine",
    "Linear",
    "Conv2d",
    "IF",
    "LIF",
    "CubaLIF",
    "LI",
    "Flatten",
    "SumPool2d",
    "AvgPool2d",
)
"""Types of NIR nodes that are read."""


def ordered(graph: Any) -> list[str]:
    """Names of all nodes, sources first, after the checks that need the graph as a whole."""
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind == "NIRGraph":
            raise GraphError(
                f"NIR node {name!r} is a graph within the graph (recurrent layers come so): not supported, flatten it"
            )
        if kind not in KNOWN:
            raise GraphError(f"NIR node {name!r} has the unsupported type {kind}; supported: {', '.join(KNOWN)}")
    for kind in ("Input", "Output"):
        found = [name for name, node in graph.nodes.items() if type(node).__name__ == kind]
        if len(found) != 1:
            raise GraphError(f"a NIR graph needs 1 node {kind}, this one has {len(found)}: {', '.join(found)}")
    edges: nx.DiGraph[str] = nx.DiGraph()
    edges.add_nodes_from(graph.nodes)
    for a, b in graph.edges:
        for end in (a, b):
            if end not in graph.nodes:
                raise GraphError(f"a NIR edge joins {a!r} to {b!r}: there is no node {end!r}")
        if edges.has_edge(a, b):
            raise GraphError(f"a NIR edge joins {a!r} to {b!r} twice")
        edges.add_edge(a, b)
    if not nx.is_directed_acyclic_graph(edges):
        cycle = " -> ".join(a for a, _ in nx.find_cycle(edges))
        raise GraphError(f"NIR graph has a cycle through {cycle}: recurrence is not supported")
    position = {name: i for i, name in enumerate(graph.nodes)}
    return list(nx.lexicographical_topological_sort(edges, key=position.__getitem__))
