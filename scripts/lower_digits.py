"""Trace the embedded model once, so that the demo needs no torch: writes synaptile/data/digits.spk, thresholds still open."""

from __future__ import annotations

from synaptile.conversion.convert import lower_model
from synaptile.conversion.graph import save_graph
from synaptile.data import DIGITS_GRAPH, digits_model

if __name__ == "__main__":
    graph = lower_model(digits_model())
    save_graph(graph, DIGITS_GRAPH)
    print(f"{DIGITS_GRAPH.name}: {len(graph.nodes)} nodes, digest {graph.digest}")
