"""The product EC unit of event-driven execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import Neurons, ProductUnit
from synaptile.foundation.types import Array
from synaptile.simulator.event.unit import EventUnit, ProductEvents
from synaptile.simulator.kernels.fire import Events, make_thresholds
from synaptile.simulator.kernels.product import Operand, ProductCounts, ProductShape, multiply


@dataclass
class ProductEventUnit(EventUnit):
    """d(t) = A(t) S_B(t) + S_A(t-1) B(t), per image and head: Eq. 16-18 in two passes, or emitted as it is.

    `gain` (channels,) by law ``difference``, whose sums are running means.
    """

    node: ProductUnit
    sites: tuple[Neurons, Neurons]
    images: int
    dtype: np.dtype[Any]
    gain: NDArray[Any] | None = None

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Increments of the product's mean, or of the product itself."""
        node, blocks = self.node, self.images * self.node.heads
        a, b = self._operands(inputs[0], inputs[1])
        shape = ProductShape(blocks, node.heads, self._out_strides(), node.law != "mean", *self._gains())
        counts = ProductCounts(
            np.empty((steps, blocks, a.lines), np.int32),
            np.empty((steps, blocks, b.lines), np.int32),
            np.zeros((steps, blocks), np.int64),
            np.zeros((steps, blocks), np.int64),
        )
        sums = [1.0 / t if node.law == "difference" else 1.0 for t in range(1, steps + 1)]
        clock = np.array([(1.0 / t, 1.0 / max(t - 1, 1) * (t > 1), share) for t, share in enumerate(sums, 1)], self.dtype)
        out = self.buffers.empty((steps * self.images * node.size,), self.dtype)
        multiply(a, b, shape, clock, out, counts, self.buffers.empty)
        self.traffic.events = ProductEvents(counts.a, counts.b)
        self.traffic.eq30, self.traffic.released = (
            pairs.reshape(steps, self.images, node.heads).sum(axis=2) for pairs in (counts.eq30, counts.released)
        )
        return out.reshape(-1, node.shape[-1])

    def _gains(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Gains of each head's depths and of its columns: one of them where the law has none."""
        node = self.node
        depth, columns = (node.head_width, node.keys) if node.form == "qk" else (node.keys, node.head_width)
        ones = np.ones((node.heads, depth), self.dtype), np.ones((node.heads, columns), self.dtype)
        if self.gain is None:
            return ones
        own = self.gain.reshape(node.heads, node.head_width)
        return (own, ones[1]) if node.form == "qk" else (ones[0], own)

    def _operands(self, a: Events, b: Events) -> tuple[Operand, Operand]:
        node = self.node
        channels, per_map = node.heads * node.head_width, node.tokens * node.keys
        rows, keys = ([n * channels * self.images, n * channels, node.head_width, channels, 1] for n in (node.tokens, node.keys))
        if node.form == "qk":
            return self._operand(0, a, rows, node.tokens, node.head_width), self._operand(1, b, keys, node.keys, node.head_width)
        maps = [self.images * node.heads * per_map, node.heads * per_map, per_map, node.keys, 1]
        return self._operand(0, a, maps, node.tokens, node.keys), self._operand(
            1, b, [*keys[:3], 1, channels], node.head_width, node.keys
        )

    def _operand(self, which: int, events: Events, strides: list[int], lines: int, depth: int) -> Operand:
        site = self.sites[which]
        emitted = make_thresholds(site.theta1, site.theta2, site.n, self.dtype).emitted
        return Operand(events.codes.reshape(-1), emitted, np.array(strides, np.int64), lines, depth)

    def _out_strides(self) -> NDArray[np.int64]:
        """Of step, image, head and row in the flat output; a row's columns lie side by side."""
        node = self.node
        if node.form == "qk":
            per_head = node.tokens * node.keys
            return np.array([self.images * node.heads * per_head, node.heads * per_head, per_head, node.keys], np.int64)
        channels = node.heads * node.head_width
        return np.array([self.images * node.tokens * channels, node.tokens * channels, node.head_width, channels], np.int64)
