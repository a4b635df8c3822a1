"""What a read-out depends on, of nodes that a conversion has collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from synaptile.conversion.graph.node import Node


def without_dead_nodes(
    nodes: Mapping[str, Node], arrays: Mapping[str, NDArray[Any]], root: str
) -> tuple[list[Node], dict[str, NDArray[Any]]]:
    """Nodes that the node `root` depends on, itself included, in their order, and their arrays."""
    alive: set[str] = set()
    pending = [root]
    while pending:
        name = pending.pop()
        if name not in alive:
            alive.add(name)
            pending.extend(port.node for port in nodes[name].inputs)
    kept = {key: array for key, array in arrays.items() if key.rpartition(".")[0] in alive}
    return [node for name, node in nodes.items() if name in alive], kept
