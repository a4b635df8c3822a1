"""Graphs within a NIR graph laid open: their nodes join it under dotted names, their inputs and outputs become edges."""

from __future__ import annotations

from typing import Any

from synaptile.conversion.nir.package import require_nir
from synaptile.foundation.errors import GraphError


def laid_open(graph: Any) -> Any:
    """The same network without a graph in it. Raises GraphError for an inner graph that has not one way in and one out."""
    nodes, edges = dict[str, Any](), list(graph.edges)
    for name, node in graph.nodes.items():
        if type(node).__name__ != "NIRGraph":
            nodes[name] = node
            continue
        inner = laid_open(node)
        ends = {kind: [at for at, one in inner.nodes.items() if type(one).__name__ == kind] for kind in ("Input", "Output")}
        for kind, found in ends.items():
            if len(found) != 1:
                raise GraphError(f"NIR node {name!r} is a graph with {len(found)} nodes {kind}, needs 1 to be read")
        (way_in,), (way_out,) = ends["Input"], ends["Output"]
        nodes |= {f"{name}.{at}": one for at, one in inner.nodes.items() if at not in (way_in, way_out)}
        starts = [f"{name}.{b}" for a, b in inner.edges if a == way_in]
        stops = [f"{name}.{a}" for a, b in inner.edges if b == way_out]
        if (way_in, way_out) in inner.edges:
            raise GraphError(f"NIR node {name!r} is a graph whose Input is its Output: leave it out")
        edges += [(f"{name}.{a}", f"{name}.{b}") for a, b in inner.edges if a != way_in and b != way_out]
        edges = [(stop, b) for a, b in edges if a == name for stop in stops] + [edge for edge in edges if edge[0] != name]
        edges = [(a, start) for a, b in edges if b == name for start in starts] + [edge for edge in edges if edge[1] != name]
    if len(nodes) == len(graph.nodes) and nodes.keys() == graph.nodes.keys():
        return graph
    return require_nir().NIRGraph(nodes=nodes, edges=edges, metadata=graph.metadata, type_check=False)
