"""The order of nodes: topological, where ports that look back do not count, each loop through them without a gap."""

from __future__ import annotations

from collections.abc import Iterable

import networkx as nx

from synaptile.conversion.graph.node import Node

Stage = tuple[str, ...]
"""Nodes that run together: one, or those of a loop in the order of a step."""


def edges_of(nodes: Iterable[Node], *, back: bool) -> nx.DiGraph[str]:
    """Who reads whom; with `back` through ports that look back too."""
    listed = list(nodes)
    digraph: nx.DiGraph[str] = nx.DiGraph()
    digraph.add_nodes_from(node.name for node in listed)
    digraph.add_edges_from((port.node, node.name) for node in listed for port in node.inputs if back or not port.delay)
    return digraph


def stages_of(nodes: Iterable[Node]) -> tuple[Stage, ...]:
    """Stages in a topological order that keeps the order given wherever the edges allow."""
    listed = list(nodes)
    position = {node.name: place for place, node in enumerate(listed)}
    within, across = edges_of(listed, back=False), edges_of(listed, back=True)
    loops = [sorted(loop, key=position.__getitem__) for loop in nx.strongly_connected_components(across)]
    first = {name: loop[0] for loop in loops for name in loop}
    merged: nx.DiGraph[str] = nx.DiGraph()
    merged.add_nodes_from(loop[0] for loop in loops)
    merged.add_edges_from((first[a], first[b]) for a, b in across.edges if first[a] != first[b])
    inside = {loop[0]: loop for loop in loops}
    stages: list[Stage] = []
    for start in nx.lexicographical_topological_sort(merged, key=position.__getitem__):
        step = nx.lexicographical_topological_sort(within.subgraph(inside[start]), key=position.__getitem__)
        stages.append(tuple(step))
    return tuple(stages)
