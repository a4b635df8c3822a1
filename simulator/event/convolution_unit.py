"""Convolutions in event-driven execution, and what each of their parts issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Convolution2d, IntegerConvolution2d
from synaptile.conversion.graph.windows import part_reach
from synaptile.foundation.types import Array, Int64
from synaptile.mapper.reach import part_reach_matrix
from synaptile.simulator.event.unit import SteppedUnit
from synaptile.simulator.kernels.convolve import Kernel, convolve
from synaptile.simulator.kernels.fire import Events


@dataclass
class ConvolutionUnit(SteppedUnit):
    """A convolution. `scale`, `bias` and `worth` are as of `convolve`; `ranges` lists the output ranges of its parts."""

    node: Convolution2d
    kernel: Kernel
    scale: Array
    bias: Array
    worth: Array
    ranges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        self.no_bias = np.zeros_like(self.bias)
        self.plane = np.array([*self.node.image[1:], *self.node.plane], np.int64)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Currents of all samples."""
        events: Events = summed(inputs)
        out = np.empty((len(events.codes), self.node.width), self.bias.dtype)
        bias = self.no_bias if self.node.injection == "once" and t > 1 else self.bias
        issued = convolve(events, self.plane, self.kernel, self.scale, bias, self.worth, out)
        self.traffic.eq30 = self.traffic.released = issued
        self.traffic.parts = part_counts(self.node, self.ranges, events.codes if len(self.worth) == 1 else events.codes != 0)
        return out


def summed(sites: Sequence[Events]) -> Events:
    """Spikes of several sites as one, how many at each position."""
    codes = sites[0].codes
    for other in sites[1:]:
        codes = codes + other.codes
    return Events(codes, sites[0].counts)


def part_counts(node: Convolution2d, ranges: Sequence[tuple[int, int]], fired: NDArray[Any]) -> Int64:
    """Accumulates, and weight rows fetched, of each part: (..., parts, 2), from the spikes of each position, (..., neurons)."""
    if isinstance(node, IntegerConvolution2d):
        both = part_reach_matrix(node, tuple(ranges))
        flat = fired.reshape(-1, fired.shape[-1]).astype(np.int32)
        return np.asarray(np.stack([flat @ each for each in both], axis=-1), np.int64).reshape(*fired.shape[:-1], len(ranges), 2)
    reach = [part_reach(node, start, stop) for start, stop in ranges]
    channels, rows = (np.stack([axes[i] for axes in reach]) for i in (0, 1))
    by_row = fired.reshape(*fired.shape[:-1], *node.image).astype(np.int64) @ reach[0][2]
    by_channel = np.einsum("...ch,ph->...pc", by_row, rows)
    counts: Int64 = np.stack([(by_channel * channels).sum(axis=-1), (by_channel * (channels > 0)).sum(axis=-1)], axis=-1)
    return counts
