"""Streams side by side along an axis."""

from __future__ import annotations

import dataclasses

from synaptile.conversion.graph import Concatenate
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.elementwise import unscaled
from synaptile.conversion.lowering.names import dotted
from synaptile.conversion.lowering.values import Stream


def concatenated(b: Builder, parts: list[Stream], axis: int) -> Stream:
    """One stream of all parts; a pending scale becomes a factor per element."""
    ports, shape = [], []
    for part in parts:
        moved = part.index.movedim(axis, 0)
        shape = list(moved.shape[1:])
        ports.append(b.token_port(unscaled(b, dataclasses.replace(part, index=moved.reshape(len(moved), -1)))))
    tokens = sum(b.nodes[port.node].tokens for port in ports)
    node = Concatenate(b.unique(dotted(b.where, "concatenate")), tuple(ports), (tokens, ports[0].width))
    return Stream(node.name, b.add(node).index.reshape(tokens, *shape).movedim(0, axis))
