"""Which rectangle of its input each part needs: the rules that flows are built from, and checked against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import (
    Concatenate,
    Convolution2d,
    ECUnit,
    Mask,
    MaxPool2d,
    Node,
    ProductUnit,
    Rearrange,
    Reduce,
    Source,
    SpikeAttention,
    SpikingGraph,
    Synapse,
    TokenMean,
    TokenSelect,
)
from synaptile.foundation.types import Int64
from synaptile.mapper.program import PartTable


class Regions(NamedTuple):
    """Rectangles of one stream: tokens ``token_start:token_stop``, channels (or heads) ``start:stop``. Shape (parts,) each."""

    token_start: Int64
    token_stop: Int64
    start: Int64
    stop: Int64

    @property
    def area(self) -> Int64:
        """Tokens times channels (or heads), 0 where a rectangle is empty."""
        area: Int64 = np.maximum(self.token_stop - self.token_start, 0) * np.maximum(self.stop - self.start, 0)
        return area


def reads(graph: SpikingGraph, node: Node) -> tuple[int, ...]:
    """Inputs of a node that other parts send: all but images and spike trains, which come from off the chip."""
    return tuple(i for i, port in enumerate(node.inputs) if not isinstance(graph.nodes[port.node], Source))


def elements_per_channel(node: Node) -> int:
    """Elements that one (token, channel) of a region of this node's stream stands for: the keys of an attention map, else 1."""
    return node.shape[2] if node.is_map else 1


def required(graph: SpikingGraph, node: Node, index: int, parts: PartTable, chosen: Int64) -> Regions:
    """What each chosen part of `node` needs of its input `index`, in coordinates of the stream that this input reads.

    A rectangle may be empty (a part of a concatenation that takes nothing of this input).
    """
    port = node.inputs[index]
    token_start, token_stop = parts.token_start[chosen].astype(np.int64), parts.token_stop[chosen].astype(np.int64)
    start, stop = parts.out_start[chosen].astype(np.int64), parts.out_stop[chosen].astype(np.int64)
    whole = np.zeros_like(token_start)
    match node:
        case Synapse():
            before = node.first_row(index)
            rows = (parts.in_start[chosen].astype(np.int64), parts.in_stop[chosen].astype(np.int64))
            start, stop = (np.clip(row - before, 0, port.width) for row in rows)
        case Convolution2d():
            spans = [node.part_span(int(a), int(b)) for a, b in zip(start, stop, strict=True)]
            start, stop = np.array(spans, np.int64).reshape(-1, 2).T
        case MaxPool2d():
            spans = [_pooled_span(node, int(a), int(b)) for a, b in zip(start, stop, strict=True)]
            start, stop = np.array(spans, np.int64).reshape(-1, 2).T
        case Reduce():  # a part that sums over depth holds whole heads
            times = node.elements // node.fewer
            start, stop = start * times, stop * times
        case Mask() if index == 1:
            times = node.elements // node.fewer
            start, stop = start // times, -(-stop // times)
        case SpikeAttention():  # every operand: the same heads
            pass
        case ECUnit() if node.whole_rows:
            start, stop = whole, whole + port.width
        case ProductUnit():
            width = node.head_width
            if node.form == "qk":
                start, stop = start * width, stop * width
            elif index == 0:
                start, stop = start // width, -(-stop // width)
            if index == 1:
                token_start, token_stop = whole, whole + node.keys
        case Rearrange():
            boxes = [_box(node, port.width, *box) for box in zip(token_start, token_stop, start, stop, strict=True)]
            token_start, token_stop, start, stop = np.array(boxes, np.int64).reshape(-1, 4).T
        case Concatenate():
            offset = sum(graph.nodes[before.node].tokens for before in node.inputs[:index])
            extent = graph.nodes[port.node].tokens
            token_start, token_stop = np.clip(token_start - offset, 0, extent), np.clip(token_stop - offset, 0, extent)
        case TokenSelect():
            token_start, token_stop = token_start + node.start, token_stop + node.start
        case TokenMean():
            token_start, token_stop = whole + node.start, whole + node.stop
        case _:
            pass
    return Regions(token_start, token_stop, start + port.start, stop + port.start)


def _pooled_span(node: MaxPool2d, start: int, stop: int) -> tuple[int, int]:
    """First and last (exclusive) element that windows ``start:stop`` see: rows of one channel, or whole channels."""
    (_, height, width), (rows, columns) = node.image, node.plane
    first, last = start // (rows * columns), (stop - 1) // (rows * columns)
    if first != last:
        return first * height * width, (last + 1) * height * width
    top, bottom = (place % (rows * columns) // columns for place in (start, stop - 1))
    low = max(top * node.stride[0] - node.padding[0], 0)
    high = min(bottom * node.stride[0] - node.padding[0] + node.kernel[0], height)
    return (first * height + low) * width, (first * height + high) * width


def _box(node: Rearrange, width: int, *part: int) -> tuple[int, int, int, int]:
    """The smallest rectangle of what is read that holds a part's elements: tokens, then channels."""
    token_start, token_stop, start, stop = part
    if token_start >= token_stop or start >= stop:
        return 0, 0, 0, 0
    token, channel = np.divmod(node.places[token_start:token_stop, start:stop], width)
    return int(token.min()), int(token.max()) + 1, int(channel.min()), int(channel.max()) + 1
