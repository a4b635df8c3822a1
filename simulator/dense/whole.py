"""Units of the dense reference for networks of whole numbers: convolutions tap by tap in int64, membranes with their bits."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import IntegerConvolution2d, IntegerNeurons, IntegerReadOut
from synaptile.conversion.graph.whole import DECAY_ONE
from synaptile.foundation.errors import InputError
from synaptile.foundation.types import Array, Int64
from synaptile.simulator.dense.leaky import ConvolutionUnit
from synaptile.simulator.dense.units import Unit


class IntegerSynapseUnit(Unit):
    """A convolution on an image with channels first, its spikes and outputs brought from and to the order of their streams."""

    def __init__(self, node: IntegerConvolution2d, weight: Array, bias: Array) -> None:
        super().__init__()
        self.node, self.bias = node, np.repeat(bias, node.plane[0] * node.plane[1])
        self.plain = ConvolutionUnit(node, weight << node.exponent, np.zeros_like(bias))
        self.held = np.zeros((1, node.width), np.int64)
        self.eq30, self.released = self.plain.eq30, self.plain.released

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Currents, shape (1, channels * H * W)."""
        image = np.zeros_like(inputs[0])
        image[:, self.node.image_places] = inputs[0]
        sums = self.plain.step(t, [image])
        arriving, self.held = (self.held, sums) if self.node.delay else (sums, sums)
        return np.asarray((arriving + self.bias)[:, self.node.places])


class IntegerSite(Unit):
    """Neurons: decay, integrate, wrap or refuse, fire, reset."""

    def __init__(self, node: IntegerNeurons, threshold: Array) -> None:
        super().__init__()
        self.node, self.threshold, self.membrane = node, threshold, np.zeros(node.shape, np.int64)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Spikes, 0 or 1."""
        node = self.node
        membrane = decayed(self.membrane, node.decay) + inputs[0]
        beyond = (membrane > node.largest) | (membrane < -node.largest - 1)
        if beyond.any() and node.overflow == "refuse":
            raise InputError(f"a membrane of {node.name!r} leaves its {node.membrane_bits} bits at step {t}")
        membrane = (membrane + node.largest + 1) % (2 * node.largest + 2) - node.largest - 1
        fired = membrane > self.threshold
        self.membrane = np.where(fired, 0 if node.reset == "value" else membrane - self.threshold, membrane)
        return fired.astype(np.int64)


class IntegerMembrane(Unit):
    """Membranes read out."""

    def __init__(self, node: IntegerReadOut) -> None:
        super().__init__()
        self.decay, self.membrane = node.decay, np.zeros(node.shape, np.int64)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Membranes."""
        self.membrane = decayed(self.membrane, self.decay) + inputs[0]
        return self.membrane


def decayed(membrane: Int64, decay: int) -> Int64:
    """``v (4096 - decay) / 4096``, rounded towards zero."""
    product = membrane * (DECAY_ONE - decay)
    towards: Int64 = np.where(product < 0, -(-product // DECAY_ONE), product // DECAY_ONE)
    return towards
