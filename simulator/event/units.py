"""Units of event-driven execution. A batch of images is one set of rows, all steps one after the other.

MT sites and EC units go row by row through all steps, so that a row's state stays with one thread, products head by head;
synapses take the rows of all steps at once. A `SteppedUnit` goes step by step: ST-BIF, leaky and train sites, convolutions, dense
heads, read-outs and what enters from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import (
    DifferentialNeurons,
    ECUnit,
    MTNeurons,
    ReadOut,
    SpikingGraph,
    Synapse,
    TokenMean,
)
from synaptile.foundation.types import Array
from synaptile.hwmodels.formats import Format
from synaptile.simulator.arithmetic import Arithmetic
from synaptile.simulator.dense.arithmetic import unit_rows
from synaptile.simulator.dense.rounding import lines_of, rounded
from synaptile.simulator.event.unit import EventUnit, SteppedUnit, Traffic
from synaptile.simulator.fixed_point import HeldMembrane
from synaptile.simulator.kernels.checked import Limits, accumulate_checked
from synaptile.simulator.kernels.differential import fire_differential, make_levels
from synaptile.simulator.kernels.expectation import expect, make_clock, make_constants
from synaptile.simulator.kernels.fire import Events, empty_events, fire_from_rest, make_thresholds
from synaptile.simulator.kernels.formatted import HALVES, Manner, expect_formatted
from synaptile.simulator.kernels.held import Holding, fire_held
from synaptile.simulator.kernels.integer import IntegerScale, accumulate_integer
from synaptile.simulator.kernels.streams import add_streams
from synaptile.simulator.kernels.synapse import Tiles, accumulate, multiply_dense


@dataclass
class FireUnit(EventUnit):
    """MT neurons of one site."""

    node: MTNeurons
    rows: int
    bounds: NDArray[np.int64]
    dtype: np.dtype[Any]
    held: HeldMembrane | None = None

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Integrate, fire, reset."""
        node, width = self.node, self.node.shape[-1]
        start = 0 if node.is_map else starts[0]
        if self.held is not None:
            return self._run_held(self.held, inputs[0], start, steps)
        thresholds = make_thresholds(node.theta1, node.theta2, node.n, self.dtype)
        events = empty_events(steps * self.rows, width, len(self.bounds) - 1, self.buffers.empty)
        self.traffic.histogram = fire_from_rest(inputs[0], start, steps, thresholds, self.bounds, events)
        return events

    def _run_held(self, held: HeldMembrane, current: Array, start: int, steps: int) -> Events:
        """The same with membranes of a format; what left it are departures."""
        node = self.node
        events = empty_events(steps * self.rows, node.shape[-1], len(self.bounds) - 1, self.buffers.empty)
        kind = np.dtype(np.float64 if held.half is None else np.float32)
        thresholds = make_thresholds(held.theta1, held.theta2, node.n, kind)
        reach = (rounded(thresholds.reach_up, held.half), rounded(thresholds.reach_down, held.half))
        thresholds = thresholds._replace(reach_up=reach[0], reach_down=reach[1])
        holding = Holding(held.unit, held.low, held.high, held.wrap, HALVES[held.half])
        self.traffic.histogram, beyond = fire_held(current, start, steps, (thresholds, holding), self.bounds, events)
        if held.half is None:
            self.traffic.departures = beyond
        return events


@dataclass
class DifferentialFireUnit(EventUnit):
    """Differential neurons of one site; `theta`: (channels,), or (heads,) of an attention map."""

    node: DifferentialNeurons
    rows: int
    bounds: NDArray[np.int64]
    theta: Array

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Events:
        """Grow, integrate, fire, reset."""
        node, width = self.node, self.node.shape[-1]
        levels = make_levels(self.theta, node.n, node.tokens if node.is_map else 0, width)
        events = empty_events(steps * self.rows, width, len(self.bounds) - 1, self.buffers.empty)
        start = 0 if node.is_map else starts[0]
        self.traffic.histogram = fire_differential(inputs[0], start, steps, levels, self.bounds, events)
        return events


@dataclass
class SynapseUnit(EventUnit):
    """An accumulate-only synapse on its tiles; `emitted` is what its site's spikes are worth; `scale` is set for whole weights.

    `narrow`: accumulators that sums may leave, and the weights input by input.
    """

    node: Synapse
    images: int
    emitted: Array
    tiles: Tiles
    bias: Array
    scale: IntegerScale | None
    dtype: np.dtype[Any]
    narrow: tuple[Limits, NDArray[Any]] | None = None

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Currents of all tokens."""
        return self._run(steps, inputs[0], first=True)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Currents of one step."""
        out = self._run(1, inputs[0], first=t == 1)
        done = {name: value[0] for name, value in vars(self.traffic).items() if value is not None}
        self.traffic = Traffic(**done)
        return out

    def _run(self, steps: int, events: Events, *, first: bool) -> Array:
        """Currents of some steps; `first`: the first of a run is among them."""
        rows = len(events.codes)
        out = self.buffers.empty((rows, self.node.width), self.dtype)
        once = self.node.injection == "once"
        bias = np.zeros_like(self.bias) if once else self.bias
        if self.scale is None:
            issued = accumulate(events, self.emitted, self.tiles, bias, out, self.buffers.empty)
        elif self.narrow is not None:
            limits, by_input = self.narrow
            issued, left = accumulate_checked(events, self.tiles, by_input, self.scale._replace(bias=bias), limits, out)
            self.traffic.departures = left.reshape(steps, -1).sum(axis=1)
        else:
            scale = self.scale._replace(bias=bias)
            issued = accumulate_integer(events, self.tiles, scale, out, len(self.emitted) // 2, self.buffers.empty)
        if once and first:
            out[: rows // steps] += self.bias
        self.traffic.issued = issued.reshape(steps, rows // steps, -1)
        spikes = events.counts.reshape(steps, self.images, -1).sum(axis=2, dtype=np.int64)
        self.traffic.eq30 = self.traffic.released = spikes * self.node.width
        return out


@dataclass
class DenseHeadUnit(SteppedUnit):
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
    arithmetic: Arithmetic

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Increments of the expectation, of F itself, or of F of a running mean, by the law's clock."""
        node, width = self.node, self.node.row
        arrays: dict[str, Array] = {}
        if node.normalises:
            arrays = {name: node.per_element(self.graph.array(node.name, name)).ravel() for name in node.array_shapes()}
        elif node.biased:
            arrays = {"map_bias": self.graph.array(node.name, "bias").reshape(-1, width)}
        constants = make_constants(node.function, node.input_scale, node.eps, width, self.dtype, arrays)
        whole = self.buffers.empty((steps * self.rows, node.shape[-1]), self.dtype)
        read, start, out = inputs[0], 0 if node.is_map else starts[0], whole
        if node.groups > 1:  # a row of its own for each group
            read, start = read[:, start : start + node.width].reshape(-1, width), 0
            out = whole.reshape(-1, width)
        if self.arithmetic.plain:
            expect(read, start, out, constants, make_clock(node.law, steps, self.dtype))
            return whole
        half = self.arithmetic.halves
        manner = Manner(HALVES[half], *lines_of(self.arithmetic.functions, self.dtype))
        rest = {name: rounded_constant(value, half) for name, value in constants._asdict().items() if name != "function"}
        ticks = rounded_constant(make_clock(node.law, steps, self.dtype), half)
        outside = expect_formatted(read, start, out, constants._replace(**rest), manner, ticks)
        self.traffic.departures = outside.sum(axis=0)
        return whole


def rounded_constant(constant: Any, half: Format | None) -> Any:
    """A constant in the format that operations are rounded to, of the type it had."""
    return constant if half is None else np.asarray(rounded(np.asarray(constant), half))[()]


@dataclass
class ShownUnit(SteppedUnit):
    """What enters from outside: `share(t)` of `value` at step t, where there is a share, plus `once` at the first."""

    value: Array
    once: Array | None = None
    share: Callable[[int], float] | None = None

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of this step."""
        shown = self.value if self.share is None else self.value * self.value.dtype.type(self.share(t))
        return shown + self.once if self.once is not None and t == 1 else shown


@dataclass
class StreamUnit(EventUnit):
    """Nodes that only move or add real values: adds, concatenation, selection."""

    kind: str
    images: int
    width: int
    start: int = 0
    stop: int = 0

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """The stream of all steps."""
        if self.kind == "add":
            return self.step(0, inputs, starts)
        reads = [np.asarray(x[:, s : s + self.width]) for x, s in zip(inputs, starts, strict=True)]
        split = [read.reshape(steps * self.images, -1, self.width) for read in reads]
        if self.kind == "concatenate":
            return np.concatenate(split, axis=1).reshape(-1, self.width)
        return np.ascontiguousarray(split[0][:, self.start : self.stop]).reshape(-1, self.width)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Streams added, first to last, of any steps."""
        total, at = inputs[0], starts[0]
        out = self.buffers.empty((len(total), self.width), total.dtype)
        if len(inputs) == 1:
            np.copyto(out, total[:, at : at + self.width])
        for read, start in zip(inputs[1:], starts[1:], strict=True):
            add_streams(total, at, read, start, out)
            total, at = out, 0
        return out


@dataclass
class TokenMeanUnit(EventUnit):
    """Mean over tokens, first to last."""

    node: TokenMean
    images: int

    def run(self, steps: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """One row per image and step."""
        rows = inputs[0][:, starts[0] : starts[0] + self.node.width].reshape(steps * self.images, -1, self.node.width)
        total = rows[:, self.node.start].copy()
        for token in range(self.node.start + 1, self.node.stop):
            total += rows[:, token]
        return np.asarray(total * rows.dtype.type(1.0 / (self.node.stop - self.node.start)))


@dataclass
class ReadOutUnit(SteppedUnit):
    """Mean of the logits so far, or their sum."""

    node: ReadOut
    images: int
    dtype: np.dtype[Any]

    def __post_init__(self) -> None:
        self.total = np.zeros((self.images, self.node.width), self.dtype)

    def step(self, t: int, inputs: Sequence[Any], starts: Sequence[int]) -> Array:
        """Logits of this step."""
        read = inputs[0][:, starts[0] : starts[0] + self.node.width]
        self.total += read * self.dtype.type(1.0 / t) if self.node.law == "difference" else read
        logits = np.asarray(self.total * self.dtype.type(self.node.scale / t if self.node.law == "mean" else self.node.scale))
        return unit_rows(logits) if self.node.normalised else logits
