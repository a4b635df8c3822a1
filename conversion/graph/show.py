"""A SpikingGraph as a notebook shows it, and as a table of nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synaptile.conversion.graph.graph import SpikingGraph, layer_of
from synaptile.conversion.graph.node import Neurons, Node
from synaptile.foundation.html import card, facts, folded, grid
from synaptile.foundation.tables import arrow, choose

if TYPE_CHECKING:
    import pyarrow as pa


def graph_html(graph: SpikingGraph) -> str:
    """What kinds of nodes it has, its neurons, weights and MACs; every node behind a click."""
    macs = graph.ann_macs
    kinds: dict[str, list[Node]] = {}
    for node in graph.nodes.values():
        kinds.setdefault(node.kind, []).append(node)
    weights = sum(array.size for array in graph.arrays.values())
    lines = [
        ("source", f"{graph.source.kind}, {' x '.join(str(extent) for extent in graph.source.shape)}"),
        ("neurons", f"{sum(site.size for site in graph.sites):,} at {len(graph.sites):,} sites"),
        ("weights and constants", f"{weights:,}" if graph.arrays else "structure only, no arrays"),
        ("MACs of the ANN", f"{sum(macs.values()):,} in one pass of one sample"),
        *(
            (name, str(graph.metadata[name]))
            for name in ("model", "method", "preset", "folded_pooling")
            if name in graph.metadata
        ),
        ("digest", graph.digest),
    ]
    rows = [
        (kind, f"{len(nodes):,}", f"{sum(node.size for node in nodes):,}", f"{sum(macs.get(node.name, 0) for node in nodes):,}")
        for kind, nodes in kinds.items()
    ]
    nodes = [
        (n.name, n.kind, ", ".join(port.node for port in n.inputs), " x ".join(str(extent) for extent in n.shape))
        for n in graph.nodes.values()
    ]
    return card(
        f"{graph.name}: spiking graph of {len(graph.nodes):,} nodes",
        facts(lines),
        grid(("kind", "nodes", "elements a step", "MACs of the ANN"), rows),
        folded("nodes", grid(("node", "kind", "reads", "shape"), nodes, left=3, most=400)),
    )


def graph_arrow(graph: SpikingGraph, table: str | None = None) -> pa.Table:
    """Table `nodes`; `neurons` and `ann_macs` are 0 where a node has none."""
    choose(table, ("nodes",), "a spiking graph")
    nodes, macs = list(graph.nodes.values()), graph.ann_macs
    columns = {
        "node": [node.name for node in nodes],
        "kind": [node.kind for node in nodes],
        "layer": [layer_of(node.name) for node in nodes],
        "shape": [list(node.shape) for node in nodes],
        "inputs": [[port.node for port in node.inputs] for node in nodes],
        "neurons": [node.size if isinstance(node, Neurons) else 0 for node in nodes],
        "ann_macs": [macs.get(node.name, 0) for node in nodes],
    }
    return arrow(columns, {"graph": graph.name, "digest": graph.digest})
