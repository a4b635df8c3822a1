"""The largest of several values as sums and ReLUs: max(x, y) = y + relu(x - y), pair by pair."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.concatenate import concatenated
from synaptile.conversion.lowering.convolution import pair
from synaptile.conversion.lowering.elementwise import constant_factor, lower_add, unscaled
from synaptile.conversion.lowering.functions import lower_expectation
from synaptile.conversion.lowering.values import Padded, Stream

if TYPE_CHECKING:
    import torch


def largest(b: Builder, values: list[Stream]) -> Stream:
    """The largest of streams of one shape, element by element, in a tree of pairs."""
    while len(values) > 1:
        pairs = [_larger(b, *values[i : i + 2]) for i in range(0, len(values) - 1, 2)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]


def largest_along(b: Builder, x: Stream, axes: list[int], *, keepdim: bool) -> Stream:
    """The largest along axes."""
    axes = sorted(axis % x.index.ndim for axis in axes)
    for axis in reversed(axes):
        x = largest(b, [dataclasses.replace(x, index=index) for index in x.index.unbind(axis)])
    if keepdim:
        for axis in axes:
            x = dataclasses.replace(x, index=x.index.unsqueeze(axis))
    return x


def lower_max_pool2d(
    b: Builder, x: Stream | Padded, kernel: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Stream:
    """The largest of each window, rows first. A window that reaches beyond the border takes a row at the border twice."""
    sizes, steps, (high, wide) = pair(kernel), pair(stride or kernel), pair(padding)
    sides = ((high, high), (wide, wide))
    if isinstance(x, Padded):  # by -inf
        top, bottom, left, right = x.sides
        x, sides = x.of, ((high + top, high + bottom), (wide + left, wide + right))
    if ceil_mode or pair(dilation) != (1, 1):
        raise b.fail(f"dilation {dilation}, ceil_mode {ceil_mode}: pooling needs neither")
    for axis in (-2, -1):
        x = _pooled(b, x, axis, sizes[axis], steps[axis], sides[axis])
    return x


def _pooled(b: Builder, x: Stream, axis: int, size: int, step: int, sides: tuple[int, int]) -> Stream:
    import torch

    extent = x.index.shape[axis]
    count = (extent + sum(sides) - size) // step + 1
    taken = [torch.arange(count) * step + offset - sides[0] for offset in range(size)]
    return largest(b, [_rows(b, x, axis, rows, extent) for rows in taken])


def _rows(b: Builder, x: Stream, axis: int, rows: torch.Tensor, extent: int) -> Stream:
    """Rows along an axis, those beyond the border in place of which the first or the last stands."""
    inside = rows[(rows >= 0) & (rows < extent)]
    before, behind = int((rows < 0).sum()), int((rows >= extent).sum())
    parts = [*[inside.new_zeros(1)] * before, inside, *[inside.new_full((1,), extent - 1)] * behind]
    streams = [dataclasses.replace(x, index=x.index.index_select(axis, part)) for part in parts if len(part)]
    return streams[0] if len(streams) == 1 else concatenated(b, streams, axis)


def _larger(b: Builder, x: Stream, y: Stream) -> Stream:
    x, y = unscaled(b, x), unscaled(b, y)
    negative = constant_factor(b, dataclasses.replace(y, scale=-1.0))
    difference = cast(Stream, lower_add(b, x, negative))
    return cast(Stream, lower_add(b, lower_expectation(b, difference, "relu"), y))
