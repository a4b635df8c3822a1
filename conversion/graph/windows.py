"""Convolutions as synapses: weights shared over positions, pooling in front folded in, and who reaches whom.

Pooling is linear, so spikes need no unit of their own for it: a spike at a position counts once in every pooled cell that its
position belongs to, and reaches the outputs of that cell. What a spike reaches separates into rows and columns; all counts follow
from two small matrices of ways, borders included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Literal, TypeAlias

import numpy as np

from synaptile.conversion.graph.node import LATER, Injection, Neurons, Node, Read, Shape
from synaptile.conversion.graph.units import DifferentialNeurons
from synaptile.foundation.errors import GraphError
from synaptile.foundation.types import Int64

Pair: TypeAlias = tuple[int, int]
Pooling: TypeAlias = Literal["none", "sum", "mean"]

MOST_ADDENDS = 127
"""Sites whose spikes a convolution sums: their number at a position is an int8."""


@dataclass(frozen=True)
class Convolution2d(Node):
    """A spiking 2d convolution, ``I = W * pool(x) + b``, of a site of shape `image` (channels, H, W), flattened in that order.

    `pooling` ``"sum"`` or ``"mean"`` puts windows of `pool_kernel` in front (the mean divides by the whole window, padding
    counted). `flat`: the kernel is the whole pooled image, a Linear behind pooling. The bias enters by `injection`; `unit_spikes`
    is as of a `Synapse`. `surplus` rows and columns of zeros stand below and right beyond `padding`, as uneven padding has them
    (negative: fewer than `padding`). Shape (1, channels out * H out * W out). Arrays: ``weight`` (channels out, channels per
    group, kh, kw), ``bias`` (channels out,).
    """

    image: tuple[int, int, int]
    kernel: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1
    pooling: Pooling = field(default="none", metadata=LATER)
    pool_kernel: Pair = field(default=(1, 1), metadata=LATER)
    pool_stride: Pair = field(default=(1, 1), metadata=LATER)
    pool_padding: Pair = field(default=(0, 0), metadata=LATER)
    flat: bool = field(default=False, metadata=LATER)
    injection: Injection = field(default="every", metadata=LATER)
    surplus: Pair = field(default=(0, 0), metadata=LATER)
    unit_spikes: bool = field(default=False, metadata=LATER)

    kind = "convolution2d"
    arity: ClassVar[int | None] = None
    """Several sites of one shape are a sum of spikes worth 1, each spike an event of its own."""

    @property
    def pooled(self) -> Pair:
        """Height and width behind the pooling."""
        return plane_of((self.image[1], self.image[2]), self.pool_kernel, self.pool_stride, self.pool_padding, (1, 1))

    @property
    def plane(self) -> Pair:
        """Height and width of the output."""
        return plane_of(self.pooled, self.kernel, self.stride, self.padding, self.dilation, self.surplus)

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.width // max(self.plane[0] * self.plane[1], 1)

    @property
    def fan_in(self) -> int:
        """Weights of an output channel."""
        return self.image[0] // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def pool_scale(self) -> float:
        """What a pooled spike is worth: 1, or by mean one over the window."""
        return 1.0 / (self.pool_kernel[0] * self.pool_kernel[1]) if self.pooling == "mean" else 1.0

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass of one image, padding counted as pixels."""
        return self.width * self.fan_in

    def part_channels(self, start: int, stop: int) -> int:
        """Output channels that a part of outputs ``start:stop`` has a share of."""
        plane = self.plane[0] * self.plane[1]
        return -(-stop // plane) - start // plane

    def part_rows(self, start: int, stop: int) -> int:
        """Weight rows of a part: kernel elements of the input channels of its groups."""
        outputs = self.plane[0] * self.plane[1] * (self.channels // self.groups)
        return ((stop - 1) // outputs - start // outputs + 1) * self.fan_in

    def part_axons(self, start: int, stop: int) -> int:
        """Neurons of the site that reach a part."""
        return math.prod(int(np.count_nonzero(axis)) for axis in part_reach(self, start, stop))

    def part_fan_in(self, start: int, stop: int) -> int:
        """Accumulates of a part where every neuron of the site spikes once."""
        return math.prod(int(axis.sum()) for axis in part_reach(self, start, stop))

    def part_fetches(self, start: int, stop: int) -> int:
        """Weight rows that a part needs where every neuron of the site spikes once."""
        channels, rows, columns = part_reach(self, start, stop)
        return int(np.count_nonzero(channels) * rows.sum() * columns.sum())

    def part_span(self, start: int, stop: int) -> tuple[int, int]:
        """First and last (exclusive) neuron of the site that reaches a part; (0, 0) where none does."""
        return reached_span(self, start, stop)

    def array_shapes(self) -> dict[str, Shape]:
        """A kernel and a bias per output channel."""
        return {"weight": (self.channels, self.image[0] // max(self.groups, 1), *self.kernel), "bias": (self.channels,)}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All output channels and positions as one token."""
        where = f"convolution {self.name!r}"
        for source, given in reads:
            if not isinstance(source, Neurons):
                raise GraphError(f"{where} reads {source.name!r}, which does not spike: put neurons in front")
            if given != (1, math.prod(self.image)):
                raise GraphError(f"{where} reads an image of {self.image}, its input has shape {given}")
        graded = [source.name for source, _ in reads if isinstance(source, Neurons) and source.values > 1]
        if graded and len(reads) > 1:
            raise GraphError(f"{where} sums the spikes of {len(reads)} sites, {graded[0]!r} of several values: add them in front")
        if self.unit_spikes is not isinstance(reads[0].node, DifferentialNeurons):
            raise GraphError(f"{where}: unit_spikes is {self.unit_spikes}, its input is {reads[0].node.name!r}")
        if len(reads) > MOST_ADDENDS:
            raise GraphError(f"{where} sums the spikes of {len(reads)} sites, limit {MOST_ADDENDS}: put neurons in between")
        windows = (*self.kernel, *self.stride, *self.dilation, *self.pool_kernel, *self.pool_stride, self.groups)
        ends = [before + more for before, more in zip(self.padding, self.surplus, strict=True)]
        if min(windows) < 1 or min(*self.padding, *self.pool_padding, *ends) < 0:
            raise GraphError(
                f"{where} has kernel {self.kernel}, stride {self.stride}, padding {self.padding}, dilation {self.dilation}, "
                f"groups {self.groups}, pooling {self.pool_kernel}: all but padding must be at least 1"
            )
        if min(*self.pooled, *self.plane) < 1:
            raise GraphError(
                f"{where}: an image of {self.image} is smaller than its windows {self.pool_kernel} and {self.kernel}"
            )
        plane = self.plane[0] * self.plane[1]
        if self.image[0] % self.groups or self.width % (plane * self.groups):
            raise GraphError(
                f"{where} has {self.groups} groups, which do not divide {self.image[0]} channels in, {self.width} out"
            )
        if self.flat and (self.kernel != self.pooled or plane != 1):
            raise GraphError(f"{where} is flat, its kernel {self.kernel} is not the whole pooled image {self.pooled}")
        return (1, self.width)


def extent(size: int, kernel: int, stride: int, padding: int, dilation: int, surplus: int = 0) -> int:
    """Outputs of a window that slides over `size` positions, none below 0; `surplus` padding at the end alone."""
    return max((size + 2 * padding + surplus - dilation * (kernel - 1) - 1) // stride + 1, 0)


def plane_of(size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, surplus: Pair = (0, 0)) -> Pair:
    """Height and width that a window leaves of a plane."""
    height, width = (extent(size[i], kernel[i], stride[i], padding[i], dilation[i], surplus[i]) for i in range(2))
    return height, width


def taps(size: int, kernel: int, stride: int, padding: int, dilation: int, surplus: int = 0) -> Int64:
    """Kernel element by which each position reaches each output of a sliding window, -1 where none; shape (size, outputs)."""
    outputs = extent(size, kernel, stride, padding, dilation, surplus)
    offset = np.arange(size)[:, None] + padding - stride * np.arange(outputs)
    tap = offset // dilation
    reached: Int64 = np.where((offset % dilation == 0) & (tap >= 0) & (tap < kernel), tap, -1)
    return reached


def pool_taps(node: Convolution2d, axis: int) -> Int64:
    """`taps` of the pooling over rows (axis 0) or columns (1)."""
    return taps(node.image[1 + axis], node.pool_kernel[axis], node.pool_stride[axis], node.pool_padding[axis], 1)


def kernel_taps(node: Convolution2d, axis: int) -> Int64:
    """`taps` of the kernel over rows (axis 0) or columns (1) of the pooled image."""
    sizes = (node.kernel[axis], node.stride[axis], node.padding[axis], node.dilation[axis], node.surplus[axis])
    return taps(node.pooled[axis], *sizes)


@lru_cache(maxsize=64)
def ways(node: Convolution2d, axis: int) -> Int64:
    """In how many ways a row (axis 0) or column (1) of the site reaches each of the output, shape (extent, outputs)."""
    counts: Int64 = (pool_taps(node, axis) >= 0).astype(np.int64) @ (kernel_taps(node, axis) >= 0)
    counts.flags.writeable = False  # it is handed out again
    return counts


def part_reach(node: Convolution2d, start: int, stop: int) -> tuple[Int64, Int64, Int64]:
    """How a part of outputs ``start:stop`` is reached: by each input channel, row and column of the site.

    The part covers whole channels, or rows of one. A spike at (c, y, x) meets ``rows[y] * columns[x]`` weight rows there, each of
    ``channels[c]`` outputs: their product is its fan-out.
    """
    height, width = node.plane
    plane = height * width
    first, last = start // plane, -(-stop // plane)
    top, bottom = (0, height) if last - first > 1 else ((start - first * plane) // width, (stop - first * plane) // width)
    per_group = node.channels // node.groups
    group = np.arange(node.image[0]) // (node.image[0] // node.groups)
    channels = np.minimum(last, (group + 1) * per_group) - np.maximum(first, group * per_group)
    return np.maximum(channels, 0).astype(np.int64), ways(node, 0)[:, top:bottom].sum(axis=1), ways(node, 1).sum(axis=1)


def fan_out(node: Convolution2d, start: int = 0, stop: int | None = None) -> Int64:
    """Outputs of ``start:stop`` (all by default) that a spike of each neuron reaches, every way counted; (channels, H, W)."""
    channels, rows, columns = part_reach(node, start, node.width if stop is None else stop)
    return channels[:, None, None] * rows[:, None] * columns


def reached_span(node: Convolution2d, start: int, stop: int) -> tuple[int, int]:
    """First and last (exclusive) neuron of the site that reaches a part; (0, 0) where none does.

    Rows of several channels are not contiguous: what lies between them is in the span too.
    """
    channels, rows, columns = (np.flatnonzero(axis) for axis in part_reach(node, start, stop))
    if not (channels.size and rows.size and columns.size):
        return 0, 0
    _, height, width = node.image
    return int((channels[0] * height + rows[0]) * width), int((channels[-1] * height + rows[-1] + 1) * width)
