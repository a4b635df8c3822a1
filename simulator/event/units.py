"""Stateful units of event-driven execution. A batch of images is one set of rows: row = image * tokens + token.

A unit hands on a new array every step: its consumers may read it after the unit has gone on.

Streams between units are C-contiguous arrays of shape (rows, width); attention maps have a row a query of a head,
row = (image * heads + head) * tokens + token. MT sites hand on `Events` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conversion.graph import ECUnit, MTNeurons, ReadOut, SpikingGraph, Synapse, TokenMean
from simulator.kernels.expectation import expect, make_constants
from simulator.kernels.fire import Events, empty_events, fire, make_thresholds
from simulator.kernels.synapse import IntegerScale, Tiles, accumulate, accumulate_integer, multiply_dense

Array = NDArray[Any]


@dataclass(frozen=True)
class ProductEvents:
    """Events a product met: `a` per row (images * heads * tokens,), `b` per column.

    `second_pass` is False at t = 1, where S_A(0) = 0 leaves it nothing to do.
    """

    a: NDArray[np.int64]
    b: NDArray[np.int64]
    second_pass: bool


@dataclass
class Traffic:
    """What one unit did at one step, kept until the recorder has read it.

    `issued`: accumulates (rows, tiles) of a synapse; `parts`: accumulates and weight rows of a convolution's (images, parts, 2);
    `events`: what a product met; `eq30`, `released`: accumulates per image in the published accountings; `histogram`: spikes per
    threshold of a site.
    """

    issued: NDArray[np.int64] | None = None
    parts: NDArray[np.int64] | None = None
    events: ProductEvents | None = None
    eq30: NDArray[np.int64] | None = None
    released: NDArray[np.int64] | None = None
    histogram: NDArray[np.int64] | None = None


@dataclass
class EventUnit:
    """Base: `step(t, inputs, starts)` gives the unit's stream; `starts` are the first channels of its ports."""

    traffic: Traffic = field(default_factory=Traffic, init=False)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Any:
        """Advance one time step."""
        raise AssertionError("every unit defines its step")


@dataclass
class FireUnit(EventUnit):
    """MT neurons of one site."""

    node: MTNeurons
    rows: int
    bounds: NDArray[np.int64]
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        width = self.node.shape[-1]
        self.membrane = np.zeros((self.rows, width), self.dtype)
        self.thresholds = make_thresholds(self.node.theta1, self.node.theta2, self.node.n, self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Integrate, fire, reset."""
        start = 0 if self.node.is_map else starts[0]
        events = empty_events(self.rows, self.membrane.shape[1], len(self.bounds) - 1, self.dtype)
        self.traffic.histogram = fire(inputs[0], start, self.membrane, self.thresholds, self.bounds, events)
        return events


@dataclass
class SynapseUnit(EventUnit):
    """An accumulate-only synapse on its tiles; `scale` is set in an int8 run."""

    node: Synapse
    images: int
    tiles: Tiles
    bias: Array
    scale: IntegerScale | None
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.no_bias = np.zeros_like(self.bias)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Currents of all tokens."""
        events: Events = inputs[0]
        out = np.empty((events.code.shape[0], self.node.width), self.dtype)
        bias = self.no_bias if self.node.injection == "once" and t > 1 else self.bias
        if self.scale is None:
            self.traffic.issued = accumulate(events, self.tiles, bias, out)
        else:
            self.traffic.issued = accumulate_integer(events, self.tiles, self.scale._replace(bias=bias), out)
        spikes = events.spikes.reshape(self.images, -1).sum(axis=1, dtype=np.int64)
        self.traffic.eq30 = self.traffic.released = spikes * self.node.width
        return out


@dataclass
class DenseHeadUnit(EventUnit):
    """A head on real values. The published code counts its non-zero inputs as spikes; `eq30` bills it nothing."""

    node: Synapse
    images: int
    weight_rows: Array
    bias: Array

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Outputs of all tokens."""
        read = inputs[0][:, starts[0] : starts[0] + self.node.fan_in]
        nonzero = np.count_nonzero(read.reshape(self.images, -1), axis=1).astype(np.int64)
        self.traffic.eq30, self.traffic.released = np.zeros_like(nonzero), nonzero * self.node.width
        out = np.empty((len(read), self.node.width), read.dtype)
        bias = np.zeros_like(self.bias) if self.node.injection == "once" and t > 1 else self.bias
        multiply_dense(inputs[0], starts[0], self.weight_rows, bias, out)
        return out


@dataclass
class ExpectationUnit(EventUnit):
    """An EC unit of a non-linearity."""

    graph: SpikingGraph
    node: ECUnit
    rows: int
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        node, width = self.node, self.node.shape[-1]
        arrays = {}
        if node.function == "layer_norm":
            arrays = {name: self.graph.array(node.name, name) for name in ("weight", "bias")}
        elif node.biased:
            arrays = {"map_bias": self.graph.array(node.name, "bias").reshape(-1, width)}
        self.constants = make_constants(node.function, node.input_scale, node.eps, width, self.dtype, arrays)
        self.total = np.zeros((self.rows, width), self.dtype)
        self.last = np.zeros((self.rows, width), self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The increment of the expectation, or of F itself: the law of sums is that of means with the clock standing at 1."""
        out = np.empty_like(self.total)
        clock = np.array([1.0 / t, t] if self.node.law == "mean" else [1.0, 1.0], self.dtype)
        start = 0 if self.node.is_map else starts[0]
        expect(inputs[0], start, self.total, self.last, out, self.constants, clock)
        return out


@dataclass
class StreamUnit(EventUnit):
    """Nodes that only move or add real values: constants, sources, adds, concatenation, selection, pooling."""

    kind: str
    images: int
    value: Array | None = None
    start: int = 0
    stop: int = 0
    width: int = 0
    once: Array | None = None
    share: Callable[[int], float] | None = None

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of this step: `share(t)` of `value`, where there is a share, plus `once` at the first step."""
        if self.value is not None:
            shown = self.value if self.share is None else self.value * self.value.dtype.type(self.share(t))
            return shown + self.once if self.once is not None and t == 1 else shown
        reads = [np.asarray(x[:, s : s + self.width]) for x, s in zip(inputs, starts, strict=True)]
        if self.kind == "add":
            return np.ascontiguousarray(sum(reads[1:], start=reads[0]))
        split = [read.reshape(self.images, -1, self.width) for read in reads]
        if self.kind == "concatenate":
            return np.concatenate(split, axis=1).reshape(-1, self.width)
        return np.ascontiguousarray(split[0][:, self.start : self.stop]).reshape(-1, self.width)


@dataclass
class TokenMeanUnit(EventUnit):
    """Mean over tokens, first to last."""

    node: TokenMean
    images: int

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """One row an image."""
        rows = inputs[0][:, starts[0] : starts[0] + self.node.width].reshape(self.images, -1, self.node.width)
        total = rows[:, self.node.start].copy()
        for token in range(self.node.start + 1, self.node.stop):
            total += rows[:, token]
        return np.asarray(total * rows.dtype.type(1.0 / (self.node.stop - self.node.start)))


@dataclass
class ReadOutUnit(EventUnit):
    """Mean of the logits so far, or their sum."""

    node: ReadOut
    images: int
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.total = np.zeros((self.images, self.node.width), self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Logits of this step."""
        self.total += inputs[0][:, starts[0] : starts[0] + self.node.width]
        return np.asarray(self.total * self.dtype.type(self.node.scale / t if self.node.law == "mean" else self.node.scale))
