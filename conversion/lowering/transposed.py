"""Convolutions that enlarge, and patches that overlap: cut out of an image, and added up again."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import ImageSource
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.convolution import Windows, convolved, lower_conv2d, pair, pixels
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


def lower_conv_transpose2d(
    b: Builder,
    x: Stream,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = (1, 1),
    padding: Any = (0, 0),
    more: Any = (0, 0),
    groups: int = 1,
    dilation: Any = (1, 1),
) -> Stream:
    """A convolution of the small image with a kernel for each place of an output in its stride, put side by side."""
    import torch

    if pair(dilation) != (1, 1):
        raise b.fail(f"dilation {dilation}: a transposed convolution needs 1")
    (sh, sw), (top, left), (high, wide) = pair(stride), pair(padding), pair(more)
    inputs, outputs, kh, kw = weight.shape
    mh, mw = -(-(kh + high) // sh), -(-(kw + wide) // sw)
    filled = torch.nn.functional.pad(weight, (0, mw * sw - kw, 0, mh * sh - kh))
    taps = filled.reshape(groups, inputs // groups, outputs, mh, sh, mw, sw).flip(3, 5)
    kernels = taps.permute(0, 2, 4, 6, 1, 3, 5).reshape(-1, inputs // groups, mh, mw)
    biases = None if bias is None else bias.repeat_interleave(sh * sw)
    found = lower_conv2d(b, x, kernels, biases, (1, 1), (mh - 1, mw - 1), (1, 1), groups)
    planes = found.index.reshape(len(found.index), groups * outputs, sh, sw, *found.index.shape[-2:])
    index = planes.permute(0, 1, 4, 2, 5, 3).flatten(4, 5).flatten(2, 3)
    height, width = ((n - 1) * s - 2 * p + k + m for n, s, p, k, m in zip(
        x.index.shape[-2:], (sh, sw), (top, left), (kh, kw), (high, wide), strict=True
    ))  # fmt: skip
    part = index[..., top : top + height, left : left + width]
    whole = b.cut(dataclasses.replace(found, index=index), part)
    if whole is None:
        return dataclasses.replace(found, index=part)
    return dataclasses.replace(whole, index=whole.index[..., top : top + height, left : left + width])


def lower_unfold(b: Builder, x: Stream, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Stream:
    """Patches as columns (1, channels * kernel, patches): another order, or where they reach beyond the border a convolution."""
    import torch

    if not any(padding):
        cut = torch.nn.functional.unfold(x.index.double(), kernel, dilation, padding, stride)  # float64 holds an index exactly
        return dataclasses.replace(x, index=cut.long())
    if isinstance(b.nodes[x.node], ImageSource):
        x = pixels(b, x)
    channels = x.index.shape[1]
    weight = _one_pixel_each(kernel, b.dtype).repeat(channels, 1, 1, 1)
    sizes = Windows(pair(kernel), pair(stride), pair(padding), (0, 0), pair(dilation), channels)
    found = convolved(b, x, weight, torch.zeros(len(weight), dtype=b.dtype), sizes, b.where or "patches")
    return dataclasses.replace(found, index=found.index.flatten(2))


def lower_fold(b: Builder, x: Stream, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Stream:
    """Columns of patches added up where they overlap."""
    (kh, kw), (high, wide), (sh, sw), (top, left) = pair(kernel), pair(size), pair(stride), pair(padding)
    planes = ((high + 2 * top - kh) // sh + 1, (wide + 2 * left - kw) // sw + 1)
    more = ((high + 2 * top - kh) % sh, (wide + 2 * left - kw) % sw)
    channels = x.index.shape[1] // math.prod((kh, kw))
    image = dataclasses.replace(x, index=x.index.unflatten(2, planes))
    weight = _one_pixel_each(kernel, b.dtype).repeat(channels, 1, 1, 1)
    return lower_conv_transpose2d(b, image, weight, None, stride, padding, more, channels, dilation)


def _one_pixel_each(kernel: Any, dtype: torch.dtype) -> torch.Tensor:
    """A kernel for each pixel of a window, (pixels, 1, kh, kw)."""
    import torch

    return torch.eye(math.prod(pair(kernel)), dtype=dtype).reshape(-1, 1, *pair(kernel))
