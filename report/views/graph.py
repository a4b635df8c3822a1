"""A SpikingGraph: kinds of nodes, neurons, weights, MACs; every node behind a click."""

from __future__ import annotations

from synaptile.conversion.graph import Node, SpikingGraph
from synaptile.report.views.document import Document, Sheet

MOST_NODES = 400


def graph_document(graph: SpikingGraph) -> Document:
    """What kinds of nodes it has, its neurons, weights and MACs; every node."""
    weights = sum(array.size for array in graph.arrays.values())
    facts = [
        ("source", f"{graph.source.kind}, {_shape(graph.source)}"),
        ("neurons", f"{sum(site.size for site in graph.sites):,} at {len(graph.sites):,} sites"),
        ("weights and constants", f"{weights:,}" if graph.arrays else "structure only, no arrays"),
        ("MACs of the ANN", f"{sum(graph.ann_macs.values()):,} in one pass of one sample"),
    ]
    stated = ("model", "method", "preset", "folded_pooling")
    facts += [(name, str(graph.metadata[name])) for name in stated if name in graph.metadata]
    return Document(
        f"{graph.name}: spiking graph of {len(graph.nodes):,} nodes",
        (_kinds(graph), _nodes(graph).first(MOST_NODES)),
        facts=(*facts, ("digest", graph.digest)),
    )


def _kinds(graph: SpikingGraph) -> Sheet:
    kinds: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        kinds.setdefault(node.kind, []).append(node)
    macs = graph.ann_macs
    rows = (
        (kind, f"{len(nodes):,}", f"{sum(node.size for node in nodes):,}", f"{sum(macs.get(node.name, 0) for node in nodes):,}")
        for kind, nodes in kinds.items()
    )
    return Sheet("", ("kind", "nodes", "elements per step", "MACs of the ANN"), tuple(rows))


def _nodes(graph: SpikingGraph) -> Sheet:
    nodes = graph.nodes.values()
    rows = tuple((node.name, node.kind, ", ".join(port.node for port in node.inputs), _shape(node)) for node in nodes)
    return Sheet("nodes", ("node", "kind", "reads", "shape"), rows, left=3, folded=True)


def _shape(node: Node) -> str:
    return " x ".join(str(extent) for extent in node.shape)
