"""Units of the dense reference for networks trained as spiking: every equation on whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from synaptile.conversion.graph import DiscreteNeurons, Mask, MaxPool2d, Reduce, SpikeAttention
from synaptile.foundation.types import Array
from synaptile.simulator.dense.units import Unit


class DiscreteSite(Unit):
    """Neurons by difference equations."""

    def __init__(self, node: DiscreteNeurons, dtype: np.dtype[Any]) -> None:
        super().__init__()
        self.node, self.real = node, dtype.type
        self.membrane = np.full(node.shape, node.rest, dtype)

    def step(self, t: int, inputs: list[Array]) -> Array:
        """Spikes, 0 or 1."""
        node, real, v, x = self.node, self.real, self.membrane, inputs[0]
        rest, tau = real(node.rest), real(node.tau)
        if not node.keeps:
            v = x
        elif not node.tau:
            v = v + x
        elif node.decay_input:
            v = v + (x - (v - rest)) / tau
        else:
            v = v - (v - rest) / tau + x if node.rest else v * real(1.0 - 1.0 / node.tau) + x
        fired = v >= real(node.v_threshold)
        self.membrane = np.where(fired, v - real(node.v_threshold) if node.reset == "subtract" else real(node.v_reset), v)
        return np.asarray(fired.astype(v.dtype))


class AttentionUnit(Unit):
    """Products of spikes by matrices; accumulates are spikes times what each reaches."""

    def __init__(self, node: SpikeAttention) -> None:
        super().__init__()
        self.node = node

    def step(self, t: int, inputs: list[Array]) -> Array:
        """``scale Q K^T V``."""
        node = self.node
        self.count(*[int((np.count_nonzero(inputs[0]) + np.count_nonzero(inputs[1])) * node.columns)] * 2)
        q, second, third = (x.reshape(node.heads, node.depth, node.keys) for x in inputs)
        k, v = (third, second) if node.order == "qk" else (second, third)
        scores = np.einsum("hdi,hdj->hij", q, k)
        return np.asarray((np.einsum("hij,hej->hei", scores, v) * q.dtype.type(node.scale)).reshape(1, -1))


def pooled(node: MaxPool2d, x: Array) -> Array:
    """The largest of each window."""
    (ph, pw), (kh, kw), (sh, sw) = node.padding, node.kernel, node.stride
    grown = np.pad(x.reshape(node.image), ((0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(grown, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
    return np.asarray(windows.max(axis=(3, 4)).reshape(1, -1))


def reduced(node: Reduce, inputs: list[Array]) -> Array:
    """The sum over one axis, or of products; first to last."""
    x = inputs[0] if len(inputs) == 1 else inputs[0] * inputs[1]
    split = x.reshape(node.heads, node.depth, node.positions)
    moved = np.moveaxis(split, 1 if node.over == "depth" else 2, 0)
    total = moved[0]
    for more in moved[1:]:
        total = total + more
    return np.asarray((total * x.dtype.type(node.scale)).reshape(1, -1))


def masked(node: Mask, inputs: list[Array]) -> Array:
    """The first input where the second has a spike."""
    split = inputs[0].reshape(node.heads, node.depth, node.positions)
    mask = inputs[1].reshape(node.heads, 1, node.positions) if node.over == "depth" else inputs[1].reshape(node.heads, -1, 1)
    return np.asarray((split * mask).reshape(1, -1))
