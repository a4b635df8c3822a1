"""Spiking transformers at the sizes of their papers, in plain torch with neurons as SpikingJelly writes them (needs torch).

Written from the papers' descriptions: Spikformer (Zhou et al., ICLR 2023, arXiv:2209.15425), Spike-driven Transformer (Yao et
al., NeurIPS 2023, arXiv:2307.01694), QKFormer (Zhou et al., NeurIPS 2024, arXiv:2403.16552). `node` takes SpikingJelly's
`LIFNode` in place of the one here: ``partial(neuron.LIFNode, step_mode="m")``.
"""

# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Node = Callable[..., nn.Module]


class LIFNode(nn.Module):
    """A multi-step LIF neuron with hard reset, state cleared at each call: ``v += (x - (v - v_reset)) / tau``."""

    step_mode = "m"

    def __init__(self, tau: float = 2.0, v_threshold: float = 1.0, v_reset: float | None = 0.0, decay_input: bool = True) -> None:
        super().__init__()
        self.tau, self.v_threshold, self.v_reset, self.decay_input = tau, v_threshold, v_reset, decay_input

    def forward(self, x: Tensor) -> Tensor:
        """Spikes of all steps; x: (steps, ...)."""
        rest = 0.0 if self.v_reset is None else self.v_reset
        v, spikes = torch.full_like(x[0], rest), []
        for current in x:
            if self.decay_input:
                v = v + (current - (v - rest)) / self.tau
            else:
                v = v - (v - rest) / self.tau + current if rest else v * (1.0 - 1.0 / self.tau) + current
            spike = (v >= self.v_threshold).to(x)
            v = v - spike * self.v_threshold if self.v_reset is None else (1.0 - spike) * v + spike * rest
            spikes.append(spike)
        return torch.stack(spikes)


class Stage(nn.Module):
    """Convolution and BatchNorm over images of all steps: (steps, samples, channels, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Currents."""
        return self.bn(self.conv(x.flatten(0, 1))).unflatten(0, x.shape[:2])


class Pool(nn.Module):
    """Max pooling by two."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The largest of each window."""
        return self.pool(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def shown(image: Tensor, steps: int) -> Tensor:
    """Images, the same at every step."""
    return image.unsqueeze(0).repeat(steps, 1, 1, 1, 1)


def by_head(x: Tensor, heads: int) -> Tensor:
    """(steps, samples, channels, H, W) as (steps, samples, heads, positions, depth)."""
    steps, samples, channels, height, width = x.shape
    return x.reshape(steps, samples, heads, channels // heads, height * width).transpose(-1, -2)


def as_image(x: Tensor, like: Tensor) -> Tensor:
    """The way back."""
    return x.transpose(-1, -2).reshape(like.shape)


class SpikingSelfAttention(nn.Module):
    """Spikformer's: ``LIF(Q K^T V / 8)`` of spikes, without softmax."""

    def __init__(self, channels: int, heads: int, node: Node) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.proj = (Stage(channels, channels, 1) for _ in range(4))
        self.q_lif, self.k_lif, self.v_lif, self.proj_lif = (node(tau=2.0) for _ in range(4))
        self.attn_lif = node(tau=2.0, v_threshold=0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Spikes."""
        q = by_head(self.q_lif(self.q(x)), self.heads)
        k = by_head(self.k_lif(self.k(x)), self.heads)
        v = by_head(self.v_lif(self.v(x)), self.heads)
        mixed = (q @ k.transpose(-2, -1)) @ v * 0.125
        return self.proj_lif(self.proj(self.attn_lif(as_image(mixed, x))))


class SpikformerBlock(nn.Module):
    """Attention and MLP, their spikes added to the stream of spikes."""

    def __init__(self, channels: int, heads: int, ratio: int, node: Node) -> None:
        super().__init__()
        self.attn = SpikingSelfAttention(channels, heads, node)
        self.fc1, self.fc2 = Stage(channels, ratio * channels, 1), Stage(ratio * channels, channels, 1)
        self.fc1_lif, self.fc2_lif = node(tau=2.0), node(tau=2.0)

    def forward(self, x: Tensor) -> Tensor:
        """Counts of spikes."""
        x = x + self.attn(x)
        return x + self.fc2_lif(self.fc2(self.fc1_lif(self.fc1(x))))


class Stem(nn.Module):
    """What images pass first: four convolutions (two max pools) and the relative position embedding of the last's output."""

    def __init__(self, channels: int, steps: int, inputs: int, pools: tuple[bool, ...], node: Node) -> None:
        super().__init__()
        self.steps = steps
        widths = [inputs, channels // 8, channels // 4, channels // 2, channels]
        self.stages = nn.ModuleList(Stage(a, b, 3) for a, b in pairwise(widths))
        self.lifs = nn.ModuleList(node(tau=2.0) for _ in self.stages)
        self.pools = nn.ModuleList(Pool() if pooled else nn.Identity() for pooled in pools)
        self.rpe = Stage(channels, channels, 3)

    def spikes(self, image: Tensor, stages: int) -> Tensor:
        """Spikes of all steps behind the first `stages`; image: (samples, 3, H, W)."""
        x = shown(image, self.steps)
        for stage, lif, pool in list(zip(self.stages, self.lifs, self.pools, strict=True))[:stages]:
            x = pool(lif(stage(x)))
        return x


class Spikformer(Stem):
    """Spikformer-L-D for small images: four convolutions (two max pools), a relative position embedding, L blocks, a head."""

    def __init__(
        self,
        depth: int = 4,
        channels: int = 384,
        heads: int = 12,
        steps: int = 4,
        classes: int = 10,
        inputs: int = 3,
        pools: tuple[bool, ...] = (False, False, True, True),
        ratio: int = 4,
        node: Node = LIFNode,
    ) -> None:
        super().__init__(channels, steps, inputs, pools, node)
        self.rpe_lif = node(tau=2.0)
        self.blocks = nn.ModuleList(SpikformerBlock(channels, heads, ratio, node) for _ in range(depth))
        self.head = nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits; image: (samples, 3, H, W)."""
        x = self.spikes(image, len(self.stages))
        x = x + self.rpe_lif(self.rpe(x))
        for block in self.blocks:
            x = block(x)
        return self.head(x.flatten(3).mean(3)).mean(0)


class SpikeDrivenAttention(nn.Module):
    """Spike-driven self-attention: columns of ``K and V`` summed over positions, LIF, and the spikes as a mask of Q."""

    def __init__(self, channels: int, heads: int, node: Node) -> None:
        super().__init__()
        self.heads = heads
        self.in_lif = node(tau=2.0)
        self.q, self.k, self.v, self.proj = (Stage(channels, channels, 1) for _ in range(4))
        self.q_lif, self.k_lif, self.v_lif = (node(tau=2.0) for _ in range(3))
        self.talking_lif = node(tau=2.0, v_threshold=0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Currents, added to the membranes."""
        spikes = self.in_lif(x)
        q = by_head(self.q_lif(self.q(spikes)), self.heads)
        k = by_head(self.k_lif(self.k(spikes)), self.heads)
        v = by_head(self.v_lif(self.v(spikes)), self.heads)
        mask = self.talking_lif(k.mul(v).sum(dim=-2, keepdim=True))
        return x + self.proj(as_image(q.mul(mask), x))


class SpikeDrivenMLP(nn.Module):
    """An MLP whose shortcut is of membranes."""

    def __init__(self, channels: int, ratio: int, node: Node) -> None:
        super().__init__()
        self.fc1, self.fc2 = Stage(channels, ratio * channels, 1), Stage(ratio * channels, channels, 1)
        self.fc1_lif, self.fc2_lif = node(tau=2.0), node(tau=2.0)

    def forward(self, x: Tensor) -> Tensor:
        """Membranes."""
        return x + self.fc2(self.fc2_lif(self.fc1(self.fc1_lif(x))))


class SpikeDrivenTransformer(Stem):
    """Spike-driven Transformer L-D for small images: membrane shortcuts, and nothing but masks and sums in attention."""

    def __init__(
        self,
        depth: int = 2,
        channels: int = 512,
        heads: int = 8,
        steps: int = 4,
        classes: int = 10,
        inputs: int = 3,
        pools: tuple[bool, ...] = (False, False, True, True),
        ratio: int = 4,
        node: Node = LIFNode,
    ) -> None:
        super().__init__(channels, steps, inputs, pools, node)
        blocks = [(SpikeDrivenAttention(channels, heads, node), SpikeDrivenMLP(channels, ratio, node)) for _ in range(depth)]
        self.blocks = nn.ModuleList(part for block in blocks for part in block)
        self.head_lif, self.head = node(tau=2.0), nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits; image: (samples, 3, H, W)."""
        membranes = self.pools[-1](self.stages[-1](self.spikes(image, len(self.stages) - 1)))
        x = membranes + self.rpe(self.lifs[-1](membranes))
        for block in self.blocks:
            x = block(x)
        return self.head(self.head_lif(x.flatten(3).mean(3))).mean(0)


class TokenAttention(nn.Module):
    """QKFormer's Q-K token attention: a spike per position, from the sum of Q over a head's channels, masks K."""

    def __init__(self, channels: int, heads: int, node: Node) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.proj = (Stage(channels, channels, 1) for _ in range(3))
        self.q_lif, self.k_lif, self.proj_lif = (node(tau=2.0) for _ in range(3))
        self.attn_lif = node(tau=2.0, v_threshold=0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Spikes."""
        q = by_head(self.q_lif(self.q(x)), self.heads)
        k = by_head(self.k_lif(self.k(x)), self.heads)
        mask = self.attn_lif(q.sum(dim=-1, keepdim=True))
        return self.proj_lif(self.proj(as_image(k.mul(mask), x)))


class QKFormerBlock(SpikformerBlock):
    """A block with token attention."""

    def __init__(self, channels: int, heads: int, ratio: int, node: Node) -> None:
        super().__init__(channels, heads, ratio, node)
        self.attn = TokenAttention(channels, heads, node)  # type: ignore[assignment]


class Embedding(nn.Module):
    """QKFormer's patch embedding with a shortcut: two convolutions beside one of kernel 1, spikes of both added."""

    def __init__(self, inputs: int, outputs: int, node: Node) -> None:
        super().__init__()
        self.first, self.second, self.short = Stage(inputs, outputs, 3), Stage(outputs, outputs, 3), Stage(inputs, outputs, 1, 2)
        self.pool = Pool()
        self.first_lif, self.second_lif, self.short_lif = (node(tau=2.0) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Counts of spikes at a quarter of the positions."""
        deep = self.second_lif(self.second(self.first_lif(self.pool(self.first(x)))))
        return deep + self.short_lif(self.short(x))


class QKFormer(nn.Module):
    """Hierarchical QKFormer-4-D for small images: token attention at two scales, spiking self-attention at the last."""

    def __init__(
        self,
        channels: int = 384,
        heads: int = 8,
        steps: int = 4,
        classes: int = 10,
        inputs: int = 3,
        ratio: int = 4,
        last: int = 2,
        node: Node = LIFNode,
    ) -> None:
        super().__init__()
        self.steps = steps
        quarter, half = channels // 4, channels // 2
        self.stem, self.stem_lif = Stage(inputs, channels // 8, 3), node(tau=2.0)
        self.embed1, self.embed2, self.embed3 = (
            Embedding(a, b, node) for a, b in ((channels // 8, quarter), (quarter, half), (half, channels))
        )
        self.block1, self.block2 = QKFormerBlock(quarter, heads, ratio, node), QKFormerBlock(half, heads, ratio, node)
        self.block3 = nn.ModuleList(SpikformerBlock(channels, heads, ratio, node) for _ in range(last))
        self.head = nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Logits; image: (samples, 3, H, W)."""
        x = self.stem_lif(self.stem(shown(image, self.steps)))
        x = self.block1(self.embed1(x))
        x = self.block2(self.embed2(x))
        x = self.embed3(x)
        for block in self.block3:
            x = block(x)
        return self.head(x.flatten(3).mean(3)).mean(0)


def calibrated(model: nn.Module, images: Tensor) -> nn.Module:
    """The model with BatchNorm statistics of these images, in evaluation mode: random weights then fire like trained ones."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    with torch.no_grad():
        for _ in range(3):
            model(images)
            _reset(model)
    return model.eval()


def _reset(model: Any) -> None:
    """Membranes of SpikingJelly's neurons back to where they start."""
    for module in model.modules():
        if hasattr(module, "v_threshold") and hasattr(module, "reset"):
            module.reset()
