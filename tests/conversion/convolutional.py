"""Small networks of convolutions on streams, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.conversion.small_models import randomised, timm, torch

nn = torch.nn
SHAPE = (3, 12, 12)


class Network(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported where it is installed
    """A stem of stride 2 to 8 channels of 6 x 6, then `body` to 8 channels, their mean, and a head."""

    def __init__(self, body: Any, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.body = body
        self.head = nn.Linear(width, 4)
        self.pretrained_cfg = {"input_size": SHAPE, "architecture": "convolutional"}

    def forward(self, x: Any) -> Any:
        return self.head(self.body(torch.relu(self.norm(self.stem(x)))).mean((2, 3)))


class Apart(nn.Module):  # type: ignore[misc, name-defined]  # as above
    """Modules whose outputs `join` puts together."""

    def __init__(self, join: Callable[..., Any], *branches: Any) -> None:
        super().__init__()
        self.branches, self.join = nn.ModuleList(branches), join

    def forward(self, x: Any) -> Any:
        return self.join(x, *(branch(x) for branch in self.branches))


def conv(out: int = 8, kernel: Any = 3, **options: Any) -> Any:
    return nn.Conv2d(options.pop("inputs", 8), out, kernel, **options)


def residual() -> Any:
    """A ResNet block with BatchNorm, of which one stands behind the sum."""
    inner = nn.Sequential(conv(padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), conv(padding=1), nn.BatchNorm2d(8))
    return nn.Sequential(Apart(lambda x, y: torch.relu(x + y), inner), nn.BatchNorm2d(8), conv(padding=1))


def squeezed() -> Any:
    """A block of a MobileNet with squeeze and excitation."""
    gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), conv(2, 1), nn.SiLU(), conv(16, 1, inputs=2), nn.Sigmoid())
    widened = nn.Sequential(conv(16, 1), nn.BatchNorm2d(16), nn.SiLU(), conv(16, 3, inputs=16, groups=16, padding=1))
    gate[1] = conv(2, 1, inputs=16)
    return nn.Sequential(widened, Apart(lambda x, y: x * y, gate), conv(8, 1, inputs=16))


def shuffled() -> Any:
    """Halves of the channels through different convolutions, side by side again, and pixels to channels and back."""

    class Halves(nn.Module):  # type: ignore[misc, name-defined]  # as above
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = conv(4, 3, inputs=4, padding=1), conv(4, (1, 5), inputs=4, padding=(0, 2))
            self.mix = conv(12, 3, inputs=12, groups=2, padding=1)

        def forward(self, x: Any) -> Any:
            joined = torch.cat([self.left(x[:, :4]), self.right(x[:, 4:]), x[:, :4]], dim=1)
            return torch.pixel_shuffle(torch.pixel_unshuffle(self.mix(joined), 2), 2)[:, :8]

    return Halves()


class Attention(nn.Module):  # type: ignore[misc, name-defined]  # as above
    """Two heads of attention over positions, channels first: q, k and v of a head side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = conv(24, 1), conv(8, 1)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).view(1, 2, 12, 36).chunk(3, dim=2)
        attention = (q.transpose(-1, -2) @ k * 0.5).softmax(-1)
        return x + self.proj((v @ attention.transpose(-1, -2)).reshape(1, 8, 6, 6))


class LinearAttention(Attention):
    """Keys normalised over positions, their product with the values first."""

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).view(1, 2, 12, 36).transpose(-1, -2).chunk(3, dim=-1)
        mixed = q @ (k.softmax(dim=2).transpose(-1, -2) @ v)
        return x + self.proj(mixed.transpose(-1, -2).reshape(1, 8, 6, 6))


class InWindows(nn.Module):  # type: ignore[misc, name-defined]  # as above
    """A convolution within each of four windows, and a pixel of each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = conv(8, 3, padding=1)

    def forward(self, x: Any) -> Any:
        windows = x.view(8, 2, 3, 2, 3).permute(1, 3, 0, 2, 4).reshape(4, 8, 3, 3)
        joined = self.conv(windows).view(2, 2, 8, 3, 3).permute(2, 0, 3, 1, 4).reshape(1, 8, 6, 6)
        return torch.nn.functional.gelu(joined[:, :, 1::3, ::3])


BODIES: dict[str, Callable[[], Any]] = {
    "dense": lambda: conv(padding=1),
    "strided, dilated, oblong": lambda: conv(8, (3, 2), stride=(2, 1), dilation=(1, 2), padding=(1, 0)),
    "grouped": lambda: conv(8, 3, groups=2, padding="same"),
    "depthwise, even kernel, same": lambda: conv(8, 4, groups=8, padding="same"),
    "a pixel, every other": lambda: conv(8, 1, stride=2),
    "patches": lambda: nn.Sequential(conv(8, 2, stride=2), nn.BatchNorm2d(8), nn.GELU(), conv(8, 1)),
    "padded unevenly": lambda: nn.Sequential(nn.ZeroPad2d((0, 1, 2, 0)), conv(8, 3, stride=2), nn.GELU(), conv()),
    "residual": residual,
    "squeeze and excitation": squeezed,
    "halves": shuffled,
    "channels last": lambda: nn.Sequential(conv(8, 3, padding=1), timm.layers.LayerNorm2d(8), nn.GELU(), conv(8, 3)),
    "average pools": lambda: nn.Sequential(conv(), nn.AvgPool2d(3, 1, 1, count_include_pad=False), nn.AvgPool2d(2, 1, 0)),
    "average pool, ceiling": lambda: nn.AvgPool2d(4, 4, 0, ceil_mode=True, count_include_pad=False),
    "group norms": lambda: nn.Sequential(conv(padding=1), nn.GroupNorm(2, 8), conv(8, 1), nn.GroupNorm(4, 8), nn.GroupNorm(1, 8)),
    "attention, channels first": Attention,
    "linear attention": LinearAttention,
    "windows": InWindows,
    "cells": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((3, 2)), conv(8, 2)),
    "larger and smaller": lambda: nn.Sequential(
        nn.Upsample(scale_factor=2), conv(8, 5, stride=2), nn.Upsample((5, 4), mode="bilinear")
    ),
    "bicubic": lambda: nn.Upsample((4, 7), mode="bicubic", align_corners=True),
}


def network(name: str) -> Any:
    torch.manual_seed(0)
    return randomised(Network(BODIES[name]()))


class Early(nn.Module):  # type: ignore[misc, name-defined]  # as above
    """A Linear on tokens, a convolution of them in two dimensions, attention-free, tokens again."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.mix, self.last = nn.Conv2d(3, 6, 3, 3), nn.Linear(6, 6), nn.Linear(6, 4)
        self.depthwise, self.norm = nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.LayerNorm(6)
        self.pretrained_cfg = {"input_size": SHAPE, "architecture": "convolutional"}

    def forward(self, x: Any) -> Any:
        tokens = self.norm(self.patch(x).flatten(2).transpose(1, 2))
        tokens = tokens + self.mix(tokens)
        image = tokens.transpose(1, 2).reshape(1, 6, 4, 4)
        tokens = tokens + self.depthwise(image).flatten(2).transpose(1, 2)
        return self.last(torch.nn.functional.gelu(tokens).mean(1))


def early() -> Any:
    torch.manual_seed(0)
    return randomised(Early())
