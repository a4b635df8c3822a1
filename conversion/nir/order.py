"""A NIR graph as a whole: types that are read, one way in and out, no loop within a step; its nodes in the order of reading."""

from __future__ import annotations

from collections.abc import Container
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
    "Delay",
    "Flatten",
    "SumPool2d",
    "AvgPool2d",
)
"""Types of NIR nodes that are read."""


def check_whole(graph: Any) -> None:
    """Raise GraphError for types, ends and edges that cannot be read."""
    for name, node in graph.nodes.items():
        kind = type(node).__name__
        if kind not in KNOWN:
            raise GraphError(f"NIR node {name!r} has the unsupported type {kind}; supported: {', '.join(KNOWN)}")
    for kind in ("Input", "Output"):
        found = [name for name, node in graph.nodes.items() if type(node).__name__ == kind]
        if len(found) != 1:
            raise GraphError(f"a NIR graph needs 1 node {kind}, this one has {len(found)}: {', '.join(found)}")
    seen: set[tuple[str, str]] = set()
    for a, b in graph.edges:
        for end in (a, b):
            if end not in graph.nodes:
                raise GraphError(f"a NIR edge joins {a!r} to {b!r}: there is no node {end!r}")
        if (a, b) in seen:
            raise GraphError(f"a NIR edge joins {a!r} to {b!r} twice")
        seen.add((a, b))


def ordered(graph: Any, back: Container[tuple[str, str]]) -> list[str]:
    """Names of all nodes, sources first; edges `back` in time do not count. Raises GraphError for a loop without neurons."""
    edges: nx.DiGraph[str] = nx.DiGraph()
    edges.add_nodes_from(graph.nodes)
    edges.add_edges_from((a, b) for a, b in graph.edges if (a, b) not in back)
    if not nx.is_directed_acyclic_graph(edges):
        cycle = " -> ".join(a for a, _ in nx.find_cycle(edges))
        raise GraphError(f"NIR graph has a cycle through {cycle} that no neurons behind the Input close: put some on it")
    position = {name: i for i, name in enumerate(graph.nodes)}
    return list(nx.lexicographical_topological_sort(edges, key=position.__getitem__))
