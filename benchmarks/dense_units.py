"""Stateful units of the dense PyTorch network: a function of the inputs of step t, and t."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from synaptile.conversion.graph import MTNeurons, ProductUnit

Step = Callable[[list[Tensor], int], Tensor]


def neurons(node: MTNeurons) -> Step:
    """MT neurons: membranes compared with every threshold in turn, largest last."""
    state: list[Tensor] = []

    def step(reads: list[Tensor], _t: int) -> Tensor:
        membrane = state[0] + reads[0] if state else reads[0].clone()
        spikes = torch.zeros_like(membrane)
        for k in range(node.n):
            up, down = node.theta1 * 2**k, node.theta2 * 2**k
            spikes = torch.where(membrane >= up - node.theta1 / 2, up, spikes)
            spikes = torch.where(-membrane >= down - node.theta2 / 2, -down, spikes)
        state[:] = [membrane - spikes]
        return spikes

    return step


def expectation(function: Callable[[Tensor], Tensor]) -> Step:
    """An EC unit of a non-linearity (Eq. 15)."""
    state: list[Tensor] = []

    def step(reads: list[Tensor], t: int) -> Tensor:
        total = state[0] + reads[0] if state else reads[0]
        expected = function(total / t) * t
        out = expected - state[1] if state else expected
        state[:] = [total, expected]
        return out

    return step


def expectation_of_product(node: ProductUnit) -> Step:
    """A product EC unit: three dense products a step (Eq. 16-18)."""

    def heads(x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], node.heads, node.head_width).transpose(1, 2)

    def product(a: Tensor, b: Tensor) -> Tensor:
        return heads(a) @ heads(b).transpose(-1, -2) if node.form == "qk" else (a @ heads(b)).transpose(1, 2).flatten(2)

    state: list[Tensor] = []

    def step(reads: list[Tensor], t: int) -> Tensor:
        a, b = reads
        before_a, before_b, before = state or [torch.zeros_like(a), torch.zeros_like(b), torch.zeros(())]
        total = before + product(a, b) + product(a, before_b) + product(before_a, b)  # the three terms of Eq. 18
        state[:] = [before_a + a, before_b + b, total]
        return total / t - (before / (t - 1) if t > 1 else 0.0)

    return step


def mean_so_far(scale: float) -> Step:
    """Logits: the mean of what has come in."""
    state: list[Tensor] = []

    def step(reads: list[Tensor], t: int) -> Tensor:
        state[:] = [state[0] + reads[0] if state else reads[0]]
        return state[0] * (scale / t)

    return step
