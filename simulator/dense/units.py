"""Stateful units of the dense reference: neurons, synapses, EC units and products, as the papers state them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from synaptile.conversion.graph import DifferentialNeurons, Gate, MTNeurons, Neurons, ProductUnit, STBIFNeurons
from synaptile.foundation.types import Array
from synaptile.hwmodels.formats import Format
from synaptile.simulator.dense.rounding import rounded
from synaptile.simulator.fixed_point import HeldMembrane
from synaptile.simulator.number_format import QuantisedWeight


class Unit:
    """One node of one image. `step(t, inputs)` gives its stream; `eq30` and `released` collect accumulates per step."""

    def __init__(self, function: Callable[[int, list[Array]], Array] | None = None) -> None:
        self._function = function
        self.eq30: list[int] = []
        self.released: list[int] = []
        self.departures: list[int] = []

    def step(self, t: int, inputs: list[Array]) -> Array:
        """The stream at step t."""
        assert self._function is not None
        return self._function(t, inputs)

    def count(self, eq30: int, released: int) -> None:
        """Record one step's accumulates in both accountings."""
        self.eq30.append(int(eq30))
        self.released.append(int(released))


class MTSite(Unit):
    """Multi-threshold neurons with soft reset (Eq. 19-25)."""

    def __init__(self, node: MTNeurons, dtype: np.dtype[Any]) -> None:
        super().__init__()
        real = dtype.type
        powers = [real(2.0**k) for k in range(node.n)]
        self.positive = [real(node.theta1) * power for power in powers]
        self.negative = [real(node.theta2) * power for power in powers]
        self.half1, self.half2 = real(node.theta1) * real(0.5), real(node.theta2) * real(0.5)
        self.membrane = np.zeros(node.shape, dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Emit the largest threshold reached, positive before negative, and subtract it from the membrane."""
        membrane = self.membrane + inputs[0]
        emitted = np.zeros_like(membrane)
        for up, down in zip(self.positive, self.negative, strict=True):
            emitted = np.where(membrane >= up - self.half1, up, emitted)
            emitted = np.where(-membrane >= down - self.half2, -down, emitted)
        self.membrane = membrane - emitted
        return emitted


class HeldSite(Unit):
    """Multi-threshold neurons whose membranes are whole numbers of a last place, or rounded to half precision."""

    def __init__(self, node: MTNeurons, held: HeldMembrane) -> None:
        super().__init__()
        self.node, self.held = node, held
        self.real = np.float64 if held.half is None else np.float32
        self.membrane = np.zeros(node.shape, self.real)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Round what comes in, hold the sum, emit the largest threshold reached, positive before negative, take it off."""
        node, held, real = self.node, self.held, self.real
        if held.half is None:
            membrane = self.membrane + np.rint(inputs[0].astype(np.float64) / held.unit)
            self.departures.append(int(np.count_nonzero((membrane < held.low) | (membrane > held.high))))
            span = held.high - held.low + 1
            wrapped = membrane - np.floor((membrane - held.low) / span) * span
            membrane = wrapped if held.wrap else np.clip(membrane, held.low, held.high)
        else:
            membrane = rounded(self.membrane + inputs[0], held.half)
        taken, emitted = np.zeros_like(membrane), np.zeros(node.shape, np.float32)
        for k in range(node.n):
            for sign, own, theta in ((1, held.theta1, node.theta1), (-1, held.theta2, node.theta2)):
                reach = rounded(np.asarray(own * 2.0**k - own / 2, real), held.half)
                reached = sign * membrane >= reach
                taken = np.where(reached, real(sign * own * 2.0**k), taken)
                emitted = np.where(reached, np.float32(sign) * np.float32(theta) * np.float32(2.0**k), emitted)
        self.membrane = rounded(membrane - taken, held.half)
        return emitted


class STBIFSite(Unit):
    """Ternary neurons with a spike tracer (SpikeZIP-TF): the sum of what they emit tends to the quantised sum of their input."""

    def __init__(self, node: STBIFNeurons, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.step_size = dtype.type(node.step_size)
        self.low, self.high = node.low, node.high
        self.membrane = np.full(node.shape, 0.5, dtype)
        self.tracer = np.zeros(node.shape, np.int64)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Integrate in units of the step, emit one step up or down, keep count."""
        membrane = self.membrane + inputs[0] / self.step_size
        up = (membrane >= 1) & (self.tracer < self.high)
        down = (membrane < 0) & (self.tracer > self.low)
        fired = up.astype(np.int64) - down.astype(np.int64)
        self.tracer = self.tracer + fired
        self.membrane = membrane - fired.astype(membrane.dtype)
        return np.asarray(fired.astype(membrane.dtype) * self.step_size)


class DifferentialSite(Unit):
    """Neurons that send changes of a running mean (Huang et al., ICML 2025), in units of theta, (channels,) or (heads,)."""

    def __init__(self, node: DifferentialNeurons, theta: Array) -> None:
        super().__init__()
        self.theta = theta[:, None, None] if node.is_map else theta
        self.levels = [theta.dtype.type(2.0 ** (k + 1 - node.n)) for k in range(node.n)]
        self.membrane = np.zeros(node.shape, theta.dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Let the membrane grow, integrate, emit the largest threshold that is reached at three quarters, take it off."""
        real = self.theta.dtype.type
        membrane = self.membrane * real(t / (t - 1) if t > 1 else 1.0) + inputs[0]
        reach, emitted = self.theta * real(0.75), np.zeros_like(membrane)
        for level in self.levels:
            emitted = np.where(np.abs(membrane) >= reach * level, np.copysign(level, membrane), emitted)
        self.membrane = membrane - emitted * self.theta
        return np.asarray(emitted)


class RealSynapse(Unit):
    """I = W x(t) + b, the bias at every step or (`once`) at the first; an accumulate per spike and output."""

    def __init__(self, weight: Array, bias: Array, *, once: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.once = weight, bias, once

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Currents, shape (tokens, channels)."""
        spikes = np.count_nonzero(inputs[0]) * self.weight.shape[0]
        self.count(spikes, spikes)
        currents = inputs[0] @ self.weight.T
        return np.asarray(currents if self.once and t > 1 else currents + self.bias)


class IntegerSynapse(Unit):
    """int8 weights, integer sums of positive and negative spikes apart: I = (s theta1) acc_pos - (s theta2) acc_neg + b.

    The integer products run in float64, where they are exact; spike by spike where sums may leave `limits`, wrapping around there
    or stopping.
    """

    def __init__(
        self,
        weight: QuantisedWeight,
        bias: Array,
        site: Neurons,
        *,
        once: bool = False,
        limits: tuple[int, int] | None = None,
        wrap: bool = False,
    ) -> None:
        super().__init__()
        self.once, self.wrap = once, wrap
        self.limits = None if limits is None or weight.worst <= limits[1] else limits
        self.levels = weight.levels.astype(np.float64)
        self.up = weight.scale * np.float32(site.theta1)
        self.down = weight.scale * np.float32(site.theta2)
        self.theta1, self.theta2 = np.float32(site.theta1), np.float32(site.theta2)
        self.bias = bias

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Currents, shape (tokens, channels), float32."""
        spikes = np.count_nonzero(inputs[0]) * self.levels.shape[0]
        self.count(spikes, spikes)
        before = len(self.departures)
        positive = self._sums(np.rint(np.maximum(inputs[0], 0).astype(np.float64) / self.theta1))
        negative = self._sums(np.rint(np.maximum(-inputs[0], 0).astype(np.float64) / self.theta2))
        self.departures[before:] = [sum(self.departures[before:])]
        currents = self.up * positive.astype(np.float32) - self.down * negative.astype(np.float32)
        return np.asarray(currents if self.once and t > 1 else currents + self.bias)

    def _sums(self, values: Array) -> Array:
        """Sums of weights, each input's spike a power of two."""
        if self.limits is None:
            return np.asarray(values @ self.levels.T)
        low, high = self.limits
        sums, left = np.zeros((len(values), len(self.levels))), 0
        for i in range(values.shape[1]):
            sums = sums + values[:, i : i + 1] * self.levels[:, i]
            left += int(np.count_nonzero((sums < low) | (sums > high)))
            sums = (sums - low) % (high - low + 1) + low if self.wrap else np.clip(sums, low, high)
        self.departures.append(left)
        return sums


class DenseHead(Unit):
    """A head on real values: multiplies; the published code counts its non-zero inputs as if they were spikes."""

    def __init__(self, weight: Array, bias: Array, *, once: bool = False) -> None:
        super().__init__()
        self.weight, self.bias, self.once = weight, bias, once

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Outputs of all tokens."""
        self.count(0, np.count_nonzero(inputs[0]) * self.weight.shape[0])
        bias = np.zeros_like(self.bias) if self.once and t > 1 else self.bias
        return ordered_linear(inputs[0], self.weight, bias)


class ExpectationUnit(Unit):
    """O(t) = t F(S(t)/t) - (t-1) F(S(t-1)/(t-1)) (Eq. 15)."""

    def __init__(self, function: Callable[[Array], Array]) -> None:
        super().__init__()
        self.function = function
        self.total: Array | None = None
        self.last: Array | None = None

    def step(self, t: int, inputs: list[Array]) -> Array:
        """The increment of the expectation."""
        real = inputs[0].dtype.type
        self.total = inputs[0] if self.total is None else self.total + inputs[0]
        expected = self.function(self.total * real(1.0 / t)) * real(t)
        output = expected if self.last is None else expected - self.last
        self.last = expected
        return np.asarray(output)


class TelescopingUnit(Unit):
    """O(t) = F(S(t)) - F(S(t-1)), F(S(0)) taken as zero (SpikeZIP-TF)."""

    def __init__(self, function: Callable[[Array], Array]) -> None:
        super().__init__()
        self.function = function
        self.total: Array | None = None
        self.last: Array | None = None

    def step(self, t: int, inputs: list[Array]) -> Array:
        """The increment of F."""
        self.total = inputs[0] if self.total is None else self.total + inputs[0]
        now = self.function(self.total)
        output = now if self.last is None else now - self.last
        self.last = now
        return np.asarray(output)


class DifferenceUnit(Unit):
    """O(t) = t (F(r(t)) - F(r(t-1))) of the running mean r(t) = r(t-1) + x(t)/t; F(r(0)) taken as zero."""

    def __init__(self, function: Callable[[Array], Array]) -> None:
        super().__init__()
        self.function = function
        self.mean: Array | None = None
        self.last: Array | None = None

    def step(self, t: int, inputs: list[Array]) -> Array:
        """What F of the running mean changed by, in streams' units."""
        real = inputs[0].dtype.type
        self.mean = inputs[0] if self.mean is None else self.mean + inputs[0] * real(1.0 / t)
        now = self.function(self.mean)
        output = now if self.last is None else (now - self.last) * real(t)
        self.last = now
        return np.asarray(output)


class GateUnit(Unit):
    """O(t) of F(a, b) = a b by its law, each operation in the format that EC units round to."""

    def __init__(self, node: Gate, dtype: np.dtype[Any], halves: Format | None) -> None:
        super().__init__()
        self.node, self.dtype, self.halves = node, dtype, halves
        self.sums = [np.zeros(node.shape, dtype), np.zeros(node.shape, dtype)]
        self.last = np.zeros(node.shape, dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """What the product of the means, or sums, grew by."""
        law = self.node.law
        if law == "difference":
            inputs = [self._r(x * self._c(1.0 / t)) for x in inputs]
        self.sums = [self._r(total + x) for total, x in zip(self.sums, inputs, strict=True)]
        left, right = (self._r(total * self._c(1.0 / t)) if law == "mean" else total for total in self.sums)
        product = self._r(left * right)
        expected = self._r(product * self._c(t)) if law == "mean" else product
        output = self._r(expected - self.last)
        self.last = expected
        return self._r(output * self._c(t)) if law == "difference" else output

    def _r(self, x: Array) -> Array:
        return rounded(x, self.halves)

    def _c(self, constant: float) -> Array:
        return self._r(np.asarray(constant, self.dtype))


class Product(Unit):
    """d(t) = A(t) S_B(t) + S_A(t-1) B(t), in two passes.

    Law ``mean``: S_K(t) = S_K(t-1) + d(t), O(t) = S_K(t)/t - S_K(t-1)/(t-1) (Eq. 16-18). Law ``sum``: O(t) = d(t). Law
    ``difference``: O(t) = d(t) of running means, S(t) = S(t-1) + x(t)/t, times `gain`, (channels,): in the sums of a form
    qk, over its depth; behind a form sv, whose columns are the channels.

    Operands are held per head as (heads, rows, d) times (heads, d, columns). `ordered` sums each pass over d from first to
    last, as the cores do, so that float32 results agree to the last bit.
    """

    def __init__(self, node: ProductUnit, *, ordered: bool, gain: Array | None = None) -> None:
        super().__init__()
        self.node = node
        self.gain = None if gain is None else gain.reshape(node.heads, 1, node.head_width)
        self.multiply = _ordered_matmul if ordered else np.matmul
        self.sum_a: Array | None = None
        self.sum_b: Array | None = None
        self.sum_k: Array | None = None

    def step(self, t: int, inputs: list[Array]) -> Array:
        """The increment of the product's mean, or of the product itself."""
        a, b = self._operands(inputs)
        real = a.dtype.type
        before_a = np.zeros_like(a) if self.sum_a is None else self.sum_a
        before_b = np.zeros_like(b) if self.sum_b is None else self.sum_b
        before_k = real(0) if self.sum_k is None else self.sum_k
        weigh_a, weigh_b = self._weights(real(1.0 / t))
        self.sum_a, self.sum_b = before_a + a * weigh_a, before_b + b * weigh_b
        self.count(
            _pairs(a, b) + _pairs(a, before_b) + _pairs(before_a, b),
            _pairs(a, b) + _pairs(a, self.sum_b) + _pairs(self.sum_a, b),
        )
        increment = self.multiply(a, self.sum_b) + self.multiply(before_a, b)
        if self.node.law == "mean":
            self.sum_k = before_k + increment
            output = self.sum_k * real(1.0 / t)
            if t > 1:
                output = output - before_k * real(1.0 / (t - 1))
        else:
            output = increment if self.gain is None or self.node.form == "qk" else increment * self.gain
        return np.asarray(output if self.node.form == "qk" else output.transpose(1, 0, 2).reshape(self.node.shape))

    def _weights(self, share: Any) -> tuple[Any, Any]:
        """What a spike of A and of B counts in the sums; `share` is 1/t."""
        if self.gain is None:
            return share.dtype.type(1), share.dtype.type(1)
        if self.node.form == "sv":
            return share, share
        scaled = self.gain * share
        return scaled, scaled.transpose(0, 2, 1)

    def _operands(self, inputs: list[Array]) -> tuple[Array, Array]:
        node = self.node
        right = inputs[1].reshape(node.keys, node.heads, node.head_width)
        if node.form == "sv":
            return inputs[0], right.transpose(1, 0, 2)
        return inputs[0].reshape(node.tokens, node.heads, node.head_width).transpose(1, 0, 2), right.transpose(1, 2, 0)


def ordered_linear(rows: Array, weight: Array, bias: Array) -> Array:
    """W x + b of real values, the fan-in summed first channel to last; weight (channels, fan_in)."""
    total = np.zeros((rows.shape[0], weight.shape[0]), rows.dtype)
    for i in range(rows.shape[1]):
        total = total + rows[:, i : i + 1] * weight[:, i]
    return total + bias


def _pairs(a: Array, b: Array) -> int:
    """Non-zero pairs that a matrix product meets: sum over d of nnz(a[:, d]) * nnz(b[d, :]), over heads."""
    return int((np.count_nonzero(a, axis=1).astype(np.int64) * np.count_nonzero(b, axis=2)).sum())


def _ordered_matmul(a: Array, b: Array) -> Array:
    total = np.zeros((a.shape[0], a.shape[1], b.shape[2]), a.dtype)
    for d in range(a.shape[2]):
        total = total + a[:, :, d : d + 1] * b[:, d : d + 1, :]
    return total
