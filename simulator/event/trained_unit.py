"""Networks trained as spiking in event-driven execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import DiscreteNeurons, Mask, MaxPool2d, Reduce, SpikeAttention
from synaptile.foundation.types import Array
from synaptile.simulator.event.unit import EventUnit, ProductEvents, SteppedUnit
from synaptile.simulator.kernels.fire import Events, empty_events
from synaptile.simulator.kernels.trained import attend_map, attend_state, fire_discrete, pool_largest
from synaptile.simulator.trained import difference_of


@dataclass
class DiscreteFireUnit(SteppedUnit):
    """Discrete neurons of one site."""

    node: DiscreteNeurons
    rows: int
    bounds: NDArray[np.int64]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.difference = difference_of(self.node, self.dtype)
        self.membrane = np.full((self.rows, self.node.width), self.node.rest, self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Integrate, fire, reset."""
        events = empty_events(self.rows, self.node.width, len(self.bounds) - 1)
        self.traffic.histogram = fire_discrete(inputs[0], starts[0], self.membrane, self.difference, self.bounds, events)
        return events


@dataclass
class MaxPoolUnit(EventUnit):
    """Windows of one image after the other."""

    node: MaxPool2d

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """All steps at once: nothing is kept between them."""
        node, (_, height, width) = self.node, self.node.image
        x = _own(inputs[0], starts[0], node.image[0] * height * width)
        out = self.buffers.empty((len(x), node.width), x.dtype)
        windows = np.array([*node.kernel, *node.stride, *node.padding], np.int64)
        pool_largest(x.reshape(-1, height, width), windows, out.reshape(-1, *node.plane))
        return out


@dataclass
class ReduceUnit(EventUnit):
    """Sums over one axis, first to last."""

    node: Reduce

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """All steps at once."""
        node = self.node
        read = [_own(x, start, node.elements) for x, start in zip(inputs, starts, strict=True)]
        x = read[0] if len(read) == 1 else read[0] * read[1]
        split = np.moveaxis(x.reshape(len(x), node.heads, node.depth, node.positions), 2 if node.over == "depth" else 3, 0)
        total = split[0].copy()
        for more in split[1:]:
            total += more
        return np.asarray((total * x.dtype.type(node.scale)).reshape(len(x), -1))


@dataclass
class MaskUnit(EventUnit):
    """Spikes that pass a mask."""

    node: Mask

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """All steps at once."""
        node = self.node
        x, mask = (_own(inputs[i], starts[i], size) for i, size in enumerate((node.elements, node.fewer)))
        split = x.reshape(len(x), node.heads, node.depth, node.positions)
        shape = (node.heads, 1, node.positions) if node.over == "depth" else (node.heads, node.depth, 1)
        return np.asarray((split * mask.reshape(-1, *shape)).reshape(len(x), -1))


@dataclass
class SpikeAttentionUnit(EventUnit):
    """Products of spikes, head by head; nothing is kept between steps."""

    node: SpikeAttention
    images: int
    dtype: np.dtype[Any]

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """All steps at once; sums in integers, scaled at the end."""
        node, rows = self.node, steps * self.images
        size = node.heads * node.head_width
        codes = [
            np.ascontiguousarray(events.codes[:, start : start + size]).reshape(rows * node.heads, node.head_width)
            for events, start in zip(inputs, starts, strict=True)
        ]
        out = np.empty((rows * node.heads, node.head_width), np.int64)
        attend = attend_map if node.order == "qk" else attend_state
        attend(codes[0], codes[1], codes[2], node.keys, out)
        met = [np.count_nonzero(read, axis=1).astype(np.int32).reshape(steps, -1, 1) for read in codes[:2]]
        self.traffic.events = ProductEvents(*met)
        total = (met[0] + met[1]).reshape(steps, self.images, -1).sum(axis=2, dtype=np.int64) * node.columns
        self.traffic.eq30 = self.traffic.released = total
        return np.asarray(out.reshape(rows, size).astype(self.dtype) * self.dtype.type(node.scale))


def _own(stream: Array, start: int, size: int) -> Array:
    """The channels that a port takes, side by side."""
    return np.ascontiguousarray(stream[:, start : start + size])
