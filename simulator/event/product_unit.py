"""The product EC unit of event-driven execution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.graph import Neurons, ProductUnit
from simulator.event.units import EventUnit, ProductEvents
from simulator.kernels.fire import Events, make_thresholds
from simulator.kernels.product import (
    Operand,
    add_events,
    empty_operand,
    events_by_depth,
    expect_product,
    nonzeros_by_depth,
    regroup,
    sum_rows,
)
from simulator.kernels.rows import padded
from simulator.kernels.ternary import emit_product

Array = NDArray[Any]


@dataclass
class ProductEventUnit(EventUnit):
    """d(t) = A(t) S_B(t) + S_A(t-1) B(t), per image and head: Eq. 16-18 in two passes, or emitted as it is (law ``sum``)."""

    node: ProductUnit
    sites: tuple[Neurons, Neurons]
    images: int
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        node, blocks = self.node, self.images * self.node.heads
        self.depth, self.columns = (node.head_width, node.keys) if node.form == "qk" else (node.keys, node.head_width)
        self.a = empty_operand(blocks * node.tokens, self.depth, self.dtype)
        self.b = empty_operand(blocks * self.columns, self.depth, self.dtype)
        self.sum_a = np.zeros((blocks, self.depth, padded(node.tokens)), self.dtype)
        self.sum_b = np.zeros((blocks, self.depth, padded(self.columns)), self.dtype)
        self.sum_k = np.zeros((blocks if node.law == "mean" else 0, node.tokens, self.columns), self.dtype)
        self.first = np.zeros((blocks, node.tokens, padded(self.columns)), self.dtype)
        self.second = np.zeros((blocks, self.columns, padded(node.tokens)), self.dtype)
        self.emitted = [make_thresholds(s.theta1, s.theta2, s.n, self.dtype).emitted for s in self.sites]
        self.nonzero_a = np.zeros((blocks, self.depth), np.int64)
        self.nonzero_b = np.zeros((blocks, self.depth), np.int64)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The increment of the product's mean, or of the product itself."""
        node, blocks = self.node, self.images * self.node.heads
        self._regroup(inputs[0], inputs[1])
        add_events(self.b, self.sum_b)
        met_a = sum_rows(self.a, self.sum_b, self.first.reshape(-1, self.first.shape[2]))
        if t > 1:  # S_A(0) is zero: the second pass has nothing to add
            sum_rows(self.b, self.sum_a, self.second.reshape(-1, self.second.shape[2]))
        add_events(self.a, self.sum_a)
        self._count(blocks)
        self.traffic.events = ProductEvents(met_a, self.b.spikes.astype(np.int64), second_pass=t > 1)
        out = np.empty(self.images * node.size, self.dtype)
        if node.law == "mean":
            clock = np.array([1.0 / t, 1.0 / (t - 1) if t > 1 else 0.0], self.dtype)
            expect_product(self.first, self.second, self.sum_k, out, self._out_strides(), clock)
        else:
            emit_product(self.first, self.second, out, self._out_strides())
        return out.reshape(-1, node.shape[-1])

    def _regroup(self, a: Events, b: Events) -> None:
        node = self.node
        channels = node.heads * node.head_width
        rows = [node.tokens * channels, node.head_width, channels, 1]
        keys = [node.keys * channels, node.head_width, channels, 1]
        if node.form == "qk":
            self._collect(a, self.emitted[0], rows, node.tokens, self.a)
            self._collect(b, self.emitted[1], keys, node.keys, self.b)
        else:
            per_head = node.tokens * node.keys
            self._collect(a, self.emitted[0], [node.heads * per_head, per_head, node.keys, 1], node.tokens, self.a)
            self._collect(b, self.emitted[1], [keys[0], keys[1], 1, channels], node.head_width, self.b)

    def _collect(self, events: Events, emitted: Array, strides: list[int], lines: int, operand: Operand) -> None:
        shape = np.array([self.images, self.node.heads, lines, self.depth], np.int64)
        regroup(events.code.reshape(-1), emitted, np.array(strides, np.int64), shape, operand)

    def _count(self, blocks: int) -> None:
        """Non-zero pairs of the three terms of Eq. 18: with S(t-1) for `eq30`, with S(t) for `released`."""
        a, b = (events_by_depth(operand, blocks, self.depth) for operand in (self.a, self.b))
        after_a, after_b = nonzeros_by_depth(self.sum_a), nonzeros_by_depth(self.sum_b)
        eq30 = a * b + a * self.nonzero_b + self.nonzero_a * b
        released = a * b + a * after_b + after_a * b
        self.traffic.eq30 = eq30.reshape(self.images, -1).sum(axis=1)
        self.traffic.released = released.reshape(self.images, -1).sum(axis=1)
        self.nonzero_a, self.nonzero_b = after_a, after_b

    def _out_strides(self) -> NDArray[np.int64]:
        node = self.node
        if node.form == "qk":
            per_head = node.tokens * node.keys
            return np.array([node.heads * per_head, per_head, node.keys, 1, node.heads], np.int64)
        channels = node.heads * node.head_width
        return np.array([node.tokens * channels, node.head_width, channels, 1, node.heads], np.int64)
