"""Small spiking models, and what PyTorch says their neurons do."""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from examples.spiking_transformers import LIFNode, QKFormer, SpikeDrivenTransformer, Spikformer, calibrated

STEPS = 3
STRUCTURES = {"spikformer": Spikformer, "spike_driven": SpikeDrivenTransformer, "qkformer": QKFormer}


class IFNode(LIFNode):
    """Integrate-and-fire: no leak."""

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of all steps."""
        v, spikes = torch.full_like(x[0], 0.0 if self.v_reset is None else self.v_reset), []
        for current in x:
            v = v + current
            spike = (v >= self.v_threshold).to(x)
            v = v - spike * self.v_threshold if self.v_reset is None else (1.0 - spike) * v + spike * self.v_reset
            spikes.append(spike)
        return torch.stack(spikes)


class Merged(nn.Module):
    """A layer over all steps at once."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        """Steps and samples merged, and apart again."""
        return self.layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Timed(nn.Module):
    """A sequence over (steps, samples, ...), its input repeated, its output averaged over time."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = x.unsqueeze(0).repeat(STEPS, *[1] * x.dim())
        for layer in self.layers:
            x = layer(x)
        return x.mean(0)


def convolutional(first: nn.Module, second: nn.Module, seed: int = 0) -> nn.Module:
    """Convolution, BatchNorm, neurons, max pool, strided convolution in groups, neurons, Linear."""
    torch.manual_seed(seed)
    layers = (
        Merged(nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), lively(6))),
        first,
        Merged(nn.MaxPool2d(2)),
        Merged(nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2, bias=False)),
        second,
        nn.Flatten(2),
        nn.Linear(8 * 2 * 2, 5),
    )
    return Timed(*layers).double().eval()


def lively(channels: int) -> nn.BatchNorm2d:
    """A BatchNorm with statistics and weights at which neurons fire."""
    norm = nn.BatchNorm2d(channels)
    with torch.no_grad():
        norm.weight.uniform_(1.5, 2.5)
        norm.bias.uniform_(0.0, 0.6)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.2, 1.0)
    return norm


def transformer(structure: str, seed: int = 0, **options: Any) -> nn.Module:
    """A small spiking transformer in float64, whose neurons fire."""
    torch.manual_seed(seed)
    model = STRUCTURES[structure](channels=32, heads=2, steps=STEPS, classes=5, ratio=2, **options).double()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(2.0, 4.0)
                module.bias.uniform_(0.5, 1.5)
    return calibrated(model, images(4, 3, 16))


def images(count: int, channels: int, size: int, seed: int = 1) -> Tensor:
    """Random images in float64."""
    return torch.rand(count, channels, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def observed(model: nn.Module, x: Tensor) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Spikes of every neuron module, (steps, samples, ...), and logits."""
    found: dict[str, np.ndarray] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: found.__setitem__(name, out.numpy()))
        for name, module in model.named_modules()
        if hasattr(module, "v_threshold")
    ]
    with torch.no_grad():
        logits = model(x).numpy()
    for hook in hooks:
        hook.remove()
    return found, logits
