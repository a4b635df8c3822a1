"""Streams side by side along an axis, and ranges of one that are written over."""

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


def lower_copy(_b: Builder, x: Stream, source: Stream, _non_blocking: bool = False) -> Stream:
    """What is written over a tensor."""
    return dataclasses.replace(source, index=source.index.expand(x.index.shape))


def lower_slice_scatter(
    b: Builder, x: Stream, part: Stream, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Stream:
    """A tensor of which a range is another's."""
    extent = x.index.shape[dim]
    first, stop, _ = slice(start, end).indices(extent)
    if step != 1:
        raise b.fail(f"every {step}th element is written over: write over a range")
    sides = [dataclasses.replace(x, index=x.index.narrow(dim, at, n)) for at, n in ((0, first), (stop, extent - stop))]
    parts = [one for one in (sides[0], part, sides[1]) if one.index.shape[dim]]
    return part if len(parts) == 1 else concatenated(b, [b.rows_of_map(one) for one in parts], dim % x.index.ndim)
