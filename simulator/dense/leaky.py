"""Units of the dense reference for networks from NIR: neurons as their equations stand, convolutions tap by tap."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.graph import (
    Convolution2d,
    CubaLIFNeurons,
    IFNeurons,
    LeakyNeurons,
    MembraneReadOut,
    SpikingGraph,
)
from synaptile.conversion.graph.windows import Pair, fan_out
from synaptile.foundation.types import Array
from synaptile.simulator.dense.units import Unit
from synaptile.simulator.leaky import leaky_constants
from synaptile.simulator.number_format import QuantisedWeight


class LeakySite(Unit):
    """IF, LIF or CubaLIF neurons: integrate, fire above the threshold, reset."""

    def __init__(self, graph: SpikingGraph, node: LeakyNeurons, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.node, self.constants = node, leaky_constants(graph, node, dtype)
        self.membrane, self.current = np.zeros(node.shape, dtype), np.zeros(node.shape, dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Spikes, 0 or 1."""
        k, drive = self.constants, inputs[0]
        if isinstance(self.node, CubaLIFNeurons):
            self.current = self.current + k.gain_in * (k.w_in * drive - self.current)
            drive = self.current
        if isinstance(self.node, IFNeurons):
            membrane = self.membrane + k.r * drive
        else:
            membrane = self.membrane + k.gain * ((k.v_leak - self.membrane) + k.r * drive)
        fired = membrane > k.v_threshold
        after = k.v_reset if self.node.reset == "value" else membrane - k.v_threshold
        self.membrane = np.where(fired, after, membrane)
        return np.asarray(fired.astype(membrane.dtype))


class MembraneUnit(Unit):
    """Leaky integrators read out."""

    def __init__(self, graph: SpikingGraph, node: MembraneReadOut, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.constants, self.membrane = leaky_constants(graph, node, dtype), np.zeros(node.shape, dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Membranes."""
        k = self.constants
        self.membrane = self.membrane + k.gain * ((k.v_leak - self.membrane) + k.r * inputs[0])
        return self.membrane


class ConvolutionUnit(Unit):
    """Pooling by window, then ``I = W * x + b`` a kernel element at a time; an accumulate per spike and output that it reaches.

    Sums run over pooled spikes; `scale` (channels,) then makes currents of them: the pooling's share, and the step of an int8
    weight. With `thetas`, of whole weights, positive and negative spikes are summed apart, in units of their threshold.
    """

    def __init__(self, node: Convolution2d, weight: Array | QuantisedWeight, bias: Array, thetas: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.node, self.bias, self.fan_out = node, bias, fan_out(node)
        self.thetas = [np.float32(theta) for theta in thetas]
        share = bias.dtype.type(node.pool_scale)
        if isinstance(weight, QuantisedWeight):
            self.weight = weight.levels.astype(np.float64).reshape(node.channels, -1, *node.kernel)  # exact sums of whole numbers
            self.scale, self.signed = weight.scale * share, [weight.scale * theta * share for theta in self.thetas]
        else:
            self.weight, self.scale, self.signed = weight, np.full(node.channels, share, bias.dtype), []

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Currents, shape (1, channels * H * W)."""
        node = self.node
        spikes = np.asarray(sum(inputs[1:], start=inputs[0])).reshape(node.image)
        reached = int((self.fan_out * sum((read != 0).reshape(node.image) for read in inputs)).sum())
        self.count(reached, reached)
        if not self.thetas:
            currents = self._currents(spikes, self.scale)
        else:
            up, down = (
                self._currents(np.rint(np.maximum(part, 0).astype(np.float64) / theta), scale)
                for part, theta, scale in zip((spikes, -spikes), self.thetas, self.signed, strict=True)
            )
            currents = up - down
        if node.injection == "every" or t == 1:
            currents = currents + self.bias[:, None]
        return np.asarray(currents.reshape(1, -1))

    def _currents(self, spikes: Array, scale: Array) -> Array:
        """Sums of the weights that spikes of an image reach, times a scale per channel; shape (channels, positions)."""
        node = self.node
        pooled = _windows(spikes, node.pool_kernel, node.pool_stride, node.pool_padding, (1, 1), node.pooled).sum(axis=(0, 1))
        below = _windows(pooled, node.kernel, node.stride, node.padding, node.dilation, node.plane, node.surplus)
        grouped = below.reshape(*node.kernel, node.groups, -1, *node.plane)
        weight = self.weight.reshape(node.groups, -1, self.weight.shape[1], *node.kernel)
        sums = np.einsum("yxgihw,goiyx->gohw", grouped.astype(weight.dtype), weight).reshape(node.channels, -1)
        return np.asarray(scale[:, None] * sums.astype(self.bias.dtype))


def _windows(image: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, out: Pair, surplus: Pair = (0, 0)) -> Array:
    """What each kernel element sees, zeros beyond the border; shape (kh, kw, channels, *out)."""
    (sy, sx), (height, width) = stride, out
    grown = np.pad(image, ((0, 0), *((p, p + max(more, 0)) for p, more in zip(padding, surplus, strict=True))))
    seen = [
        [grown[:, y * dilation[0] :: sy, x * dilation[1] :: sx][:, :height, :width] for x in range(kernel[1])]
        for y in range(kernel[0])
    ]
    return np.array(seen)
