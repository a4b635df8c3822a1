"""Convolutions, pools and other sizes of images: (1, channels, height, width) of the image itself or of a stream.

A stream's convolution is what costs least that computes it: a Linear per position where the kernel is one pixel, a Linear on
patches where windows lie side by side, else a `Convolution2d` on planes. Average pools are convolutions of constant weights.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from synaptile.conversion.graph import Convolution2d, ImageSource, PatchEmbedding
from synaptile.conversion.graph.windows import Pair
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.forms import scaled, settled
from synaptile.conversion.lowering.functions import lower_mean
from synaptile.conversion.lowering.linear import add_site, lower_linear, owner
from synaptile.conversion.lowering.values import Form, Padded, Stream

if TYPE_CHECKING:
    import torch


class Windows(NamedTuple):
    """Sizes of a convolution; `surplus`: what is padded below and right beyond `padding`."""

    kernel: Pair
    stride: Pair
    padding: Pair
    surplus: Pair
    dilation: Pair
    groups: int

    @property
    def unpadded(self) -> bool:
        """Whether nothing is padded."""
        return self.padding == self.surplus == (0, 0)


def lower_conv2d(
    b: Builder,
    x: Stream | Padded,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = (1, 1),
    padding: Any = (0, 0),
    dilation: Any = (1, 1),
    groups: int = 1,
) -> Stream:
    """A convolution of the image, or of a stream behind neurons. A pending scale moves into the weights."""
    import torch

    if isinstance(weight, Stream) or isinstance(bias, Stream):
        raise b.fail("a convolution needs constant weights")
    kernel, dilated = (int(weight.shape[2]), int(weight.shape[3])), pair(dilation)
    x, before, surplus = _padding(b, x, padding, kernel, dilated)
    sizes = Windows(kernel, pair(stride), before, surplus, dilated, groups)
    bias = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias
    if x.index.ndim != 4:
        raise b.fail(f"convolves a tensor of shape {tuple(x.index.shape)}: only (batch, channels, height, width) is supported")
    if isinstance(source := b.nodes[x.node], ImageSource):
        if torch.equal(x.index.reshape(-1), torch.arange(source.size)):
            return _of_image(b, x, weight, bias, sizes)
        x = pixels(b, x)
    name = owner(b) or b.where or "convolution"
    plain = sizes.unpadded and sizes.dilation == (1, 1) and groups == 1
    if plain and (rows := _side_by_side(x.index, kernel, sizes.stride)) is not None:
        stream = lower_linear(b, dataclasses.replace(x, index=rows), weight.flatten(1), bias)
        return dataclasses.replace(stream, index=stream.index.permute(0, 3, 1, 2))
    windows = len(x.index)  # side by side as groups of channels, each with the same weights
    wide = dataclasses.replace(x, index=x.index.flatten(0, 1)[None])
    sizes = sizes._replace(groups=windows * groups)
    found = convolved(b, wide, weight.repeat(windows, 1, 1, 1), bias.repeat(windows), sizes, name)
    return dataclasses.replace(found, index=found.index.unflatten(1, (windows, -1))[0])


def convolved(b: Builder, x: Stream, weight: torch.Tensor, bias: torch.Tensor, sizes: Windows, name: str) -> Stream:
    """Site ``<name>.in`` and convolution ``<name>`` on planes."""
    import torch

    channels, height, width = (int(extent) for extent in x.index.shape[1:])
    name = b.unique(name)
    port = b.token_port(dataclasses.replace(x, index=x.index.reshape(1, -1)))
    site = add_site(b, f"{name}.in", port)
    node = Convolution2d(
        name,
        (site,),
        (1, 1),
        (channels, height, width),
        sizes.kernel,
        sizes.stride,
        sizes.padding,
        sizes.dilation,
        sizes.groups,
        surplus=sizes.surplus,
    )
    plane = node.plane
    if min(plane) < 1:
        raise b.fail(f"an image of {height} x {width} is smaller than the kernel {sizes.kernel}: take larger images")
    node = dataclasses.replace(node, shape=(1, len(weight) * plane[0] * plane[1]))
    b.add(node, weight=weight * x.scale if x.scale != 1.0 else weight, bias=bias)
    return Stream(name, torch.arange(node.size).reshape(1, len(weight), *plane))


def _side_by_side(index: torch.Tensor, kernel: Pair, stride: Pair) -> torch.Tensor | None:
    """Windows that cover images without overlap as rows, (batch, H, W, channels * kh * kw); None where they do not."""
    (kh, kw), (batch, channels, height, width) = kernel, tuple(index.shape)
    if kernel != stride or height % kh or width % kw:
        return None
    split = index.reshape(batch, channels, height // kh, kh, width // kw, kw)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(batch, height // kh, width // kw, -1)


def _of_image(b: Builder, x: Stream, weight: torch.Tensor, bias: torch.Tensor, sizes: Windows) -> Stream:
    """The dense front end on pixels."""
    source = b.nodes[b.plain(x).node]
    assert isinstance(source, ImageSource)
    if sizes.groups != 1 or sizes.dilation != (1, 1):
        raise b.fail(f"groups {sizes.groups}, dilation {sizes.dilation}: the first convolution on pixels needs 1 and 1")
    name = b.unique(b.where or "patch_embedding")
    node = PatchEmbedding(
        name, (b.whole(x.node),), (1, len(weight)), sizes.kernel, sizes.stride, sizes.padding, source.image_shape[0]
    )
    node = dataclasses.replace(node, surplus=sizes.surplus)
    rows, columns = node.plane_of(source.image_shape[1:])
    stream = b.add(dataclasses.replace(node, shape=(rows * columns, len(weight))), weight=weight.flatten(1), bias=bias)
    return Stream(name, stream.index.t().reshape(1, len(weight), rows, columns))


def pixels(b: Builder, x: Stream) -> Stream:
    """Pixels as a stream of their own, a token each, for what is no first convolution or Linear."""
    import torch

    source = b.nodes[x.node]
    assert isinstance(source, ImageSource)
    name, depth = f"{source.name}.pixels", source.image_shape[0]
    shape = (source.size // depth, depth)
    if name not in b.nodes:
        node = PatchEmbedding(name, (b.whole(source.name),), shape, (1, 1), (1, 1), (0, 0), depth)
        b.add(node, weight=torch.eye(depth, dtype=b.dtype), bias=torch.zeros(depth, dtype=b.dtype))
    place = torch.arange(source.size).reshape(shape).t().reshape(-1)
    return Stream(name, place[x.index], x.scale)


def lower_conv1d(b: Builder, x: Stream, weight: torch.Tensor, bias: Any = None, *sizes: Any) -> Stream:
    """A convolution of rows, as one of images that are one row high."""
    given = [*sizes, *[(1,), (0,), (1,), 1][len(sizes) :]]
    stride, padding, dilation, groups = given
    if isinstance(padding, str):
        raise b.fail(f"padding {padding!r}: give it in numbers")
    image = dataclasses.replace(x, index=x.index.unsqueeze(2))
    strides, sides, gaps = (1, stride[0]), (0, padding[0]), (1, dilation[0])
    found = lower_conv2d(b, image, weight.unsqueeze(2), bias, strides, sides, gaps, groups)
    return dataclasses.replace(found, index=found.index.squeeze(2))


def lower_avg_pool2d(
    b: Builder,
    x: Stream | Padded,
    kernel: Any,
    stride: Any = (),
    padding: Any = (0, 0),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
) -> Stream | Form:
    """Means of windows: a depthwise convolution; positions whose windows hold fewer pixels take a factor."""
    import torch

    kernel = pair(kernel)
    stride = pair(stride) if stride else kernel
    x, before, surplus = _padding(b, x, padding, kernel, (1, 1))
    height, width = x.index.shape[-2:]
    shares = torch.nn.functional.avg_pool2d(
        torch.ones(1, 1, height + surplus[0], width + surplus[1], dtype=torch.float64),
        kernel, stride, before, ceil_mode, count_include_pad, divisor,
    )  # fmt: skip
    if surplus == (0, 0):
        plane = shares.shape[-2:]
        grown = [(plane[i] - 1) * stride[i] + kernel[i] - x.index.shape[2 + i] - 2 * before[i] for i in range(2)]
        surplus = (max(grown[0], 0), max(grown[1], 0))
    elif ceil_mode or not count_include_pad:
        raise b.fail("an average pool behind a pad with ceil_mode or without its padding: leave one out")
    whole = torch.nn.functional.pad(torch.ones(1, 1, height, width, dtype=torch.float64), (0, surplus[1], 0, surplus[0]))
    filled = torch.nn.functional.conv2d(whole, torch.ones(1, 1, *kernel, dtype=torch.float64), None, stride, before)
    valid = filled[..., : shares.shape[-2], : shares.shape[-1]]
    if divisor is None and count_include_pad and not ceil_mode:
        weighed = torch.full_like(valid, 1.0 / (kernel[0] * kernel[1]))
    else:
        weighed = shares / valid
    return _weighed(b, x, Windows(kernel, stride, before, surplus, (1, 1), x.index.shape[1]), weighed)


def _weighed(b: Builder, x: Stream, sizes: Windows, weighed: torch.Tensor) -> Stream | Form:
    """Sums of windows of each channel times a factor per position."""
    import torch

    channels, first = x.index.shape[1], weighed.reshape(-1)[0]
    weight = torch.full((channels, 1, *sizes.kernel), float(first), dtype=b.dtype)
    name = b.where or "average_pool"
    pooled = convolved(b, x, weight, torch.zeros(channels, dtype=b.dtype), sizes, name)
    if bool(((weighed - first).abs() <= 1e-15).all()):
        return pooled
    return scaled(b, pooled, weighed / first)


def lower_avg_pool1d(b: Builder, x: Stream, kernel: Any, stride: Any = (), padding: Any = (0,), *rest: Any) -> Stream:
    """Means of windows of rows, as of images that are one row high."""
    image = dataclasses.replace(x, index=x.index.unsqueeze(-2))
    pooled: Stream = settled(b, lower_avg_pool2d(b, image, (1, kernel[0]), (1, (stride or kernel)[0]), (0, padding[0]), *rest))
    return dataclasses.replace(pooled, index=pooled.index.squeeze(-2))


def lower_adaptive_pool2d(b: Builder, x: Stream, size: Any) -> Stream | Form:
    """Means of equal cells: of the whole image as a mean over tokens."""
    high, wide = size
    if high == wide == 1:
        return lower_mean(b, x, [-2, -1], keepdim=True)
    height, width = x.index.shape[-2:]
    if height % high or width % wide:
        raise b.fail(f"adaptive pooling of {height} x {width} to {list(size)}, which does not divide it: take another image size")
    return lower_avg_pool2d(b, x, (height // high, width // wide))


def lower_adaptive_pool1d(b: Builder, x: Stream, size: list[int]) -> Stream:
    """The mean over a row, as Hugging Face's Swin pools its tokens."""
    if list(size) != [1]:
        raise b.fail(f"adaptive pooling of rows to {list(size)}: supported to one element per channel")
    return lower_mean(b, x, [-1], keepdim=True)


def lower_nearest(b: Builder, x: Stream, *sizes: Any) -> Stream:
    """Pixels copied, or left out: their places in another order."""
    moved = b.fx.target(x.index.double(), *sizes)  # float64 holds an index exactly
    return dataclasses.replace(x, index=moved.long())


def lower_resize(b: Builder, x: Stream, *sizes: Any) -> Stream:
    """Bilinear or bicubic: a constant Linear along rows, one along columns."""
    import torch

    name = str(b.fx.target)
    mode = "bicubic" if "bicubic" in name else "bilinear"
    if len(sizes) < 2 or "_aa" in name:
        raise b.fail(f"{name}: supported without antialiasing, to a size")
    size, corners = sizes[0], bool(sizes[1])
    height, width = x.index.shape[-2:]
    if size is None:
        size = [int(height * sizes[-1][0]), int(width * sizes[-1][1])]
    index = x.index
    for axis, extent in ((-2, height), (-1, width)):
        eye = torch.eye(extent, dtype=torch.float64).reshape(1, extent, extent, 1)
        target = [size[0] if axis == -2 else size[1], 1]
        weight = torch.nn.functional.interpolate(eye, size=target, mode=mode, align_corners=corners)[0, :, :, 0].t()
        stream = lower_linear(b, dataclasses.replace(x, index=index.movedim(axis, -1)), weight.to(b.dtype))
        x, index = stream, stream.index.movedim(-1, axis)
    return dataclasses.replace(x, index=index)


def pair(value: Any) -> Pair:
    """One number for both axes, or one each."""
    numbers = [int(each) for each in value] if isinstance(value, list | tuple) else [int(value)]
    return numbers[0], numbers[-1]


def _padding(b: Builder, x: Stream | Padded, padding: Any, kernel: Pair, dilation: Pair) -> tuple[Stream, Pair, Pair]:
    """The stream without a pad in front, the padding above and left, and what is more below and right."""
    reach = [extent * (size - 1) for extent, size in zip(dilation, kernel, strict=True)]
    if padding == "valid":
        padding = (0, 0)
    before = (reach[0] // 2, reach[1] // 2) if padding == "same" else pair(padding)
    after = (reach[0] - before[0], reach[1] - before[1]) if padding == "same" else before
    if isinstance(x, Padded):
        top, bottom, left, right = x.sides
        x, before, after = x.of, (before[0] + top, before[1] + left), (after[0] + bottom, after[1] + right)
    if min(*before, *after) < 0:
        raise b.fail(f"padding of {before} in front and {after} behind: a cropped image is not supported")
    return x, before, (after[0] - before[0], after[1] - before[1])
