"""Attention maps read as streams, transposed convolutions, overlapping patches, pixels as a stream: what torch computes?"""

from __future__ import annotations

from typing import Any

import pytest

from synaptile.conversion.convert import convert
from tests.conversion.agreement import METHODS, assert_executed, assert_lowered
from tests.conversion.convolutional import SHAPE, Network
from tests.conversion.small_models import OPTIONS, random_images, randomised, timm, torch

nn, functional = torch.nn, torch.nn.functional
MIXED = torch.randn(2, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PLACES = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


class Of(nn.Module):  # type: ignore[misc, name-defined]  # torch is imported where it is installed
    """A function in front of a convolution."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function, self.conv = function, nn.Conv2d(8, 8, 1)

    def forward(self, x: Any) -> Any:
        return self.conv(self.function(x))


def maps(x: Any) -> Any:
    """Two heads' scores of 36 tokens, and their values."""
    q = x.flatten(2).reshape(1, 2, 4, 36).transpose(2, 3)
    return q @ q.mT, q


def mixed_heads(x: Any) -> Any:
    scores, v = maps(x)
    scores = torch.einsum("bhqk,hg->bgqk", scores, MIXED).softmax(-1)
    return (scores @ v).transpose(2, 3).reshape(1, 8, 6, 6)


def differences(x: Any) -> Any:
    scores, v = maps(x)
    scores = scores.softmax(-1)
    return ((scores[:, :1] - 0.3 * scores[:, 1:]) @ v).transpose(2, 3).reshape(1, 8, 6, 6)


def by_position(x: Any) -> Any:
    """A matrix for each row of the image."""
    y = torch.einsum("bhwc,hck->bhwk", x[:, :4].permute(0, 2, 3, 1), PLACES).permute(0, 3, 1, 2)
    return torch.cat([y, x[:, 5:]], 1)


BODIES = {
    "mixed heads": mixed_heads,
    "a difference of maps": differences,
    "a matrix per position": by_position,
    "transposed": lambda x: functional.conv_transpose2d(x, torch.ones(8, 1, 3, 3).to(x) / 9, None, 2, 1, 1, 8),
    "overlapping patches": lambda x: functional.fold(functional.unfold(x, 3, 1, 1, 2), (6, 6), 3, 1, 1, 2),
    "a sum along an axis": lambda x: x * x.sum(-1, keepdim=True),
    "normalised over tokens": lambda x: functional.normalize(x, dim=2),
    "the largest": lambda x: x + x.flatten(2)[..., :3].max(2)[0].reshape(1, 8, 1, 1),
    "stacked": lambda x: torch.stack([x, x * x], 1).mean(1),
    "picked, unfolded": lambda x: x[:, [0, 2, 4, 6, 1, 3, 5, 7]].unfold(3, 2, 2).flatten(3),
    "pooled rows": lambda x: functional.avg_pool1d(x.flatten(2), 4).reshape(1, 8, 3, 3),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_computes_the_same_in_float64(name: str) -> None:
    assert_lowered(randomised(Network(Of(BODIES[name]))), SHAPE)


@pytest.mark.parametrize("resize", [False, True])
def test_what_is_computed_on_pixels_is_a_stream_of_pixels(resize: bool) -> None:
    class OnPixels(Network):
        def forward(self, x: Any) -> Any:
            x = functional.interpolate(x, (8, 8), mode="bicubic") if resize else 2 * (x - 0.5)
            return super().forward(x)

    assert_lowered(randomised(OnPixels(nn.Identity())), SHAPE)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_talking_heads_are_executed_as_the_reference_does(method: str) -> None:
    model = randomised(timm.models.cait.Cait(**OPTIONS, depth_token_only=1))
    shape = model.pretrained_cfg["input_size"] if getattr(model, "pretrained_cfg", None) else (3, 16, 16)
    images = random_images(4, shape, seed=1)
    assert_executed(convert(model, images, **METHODS[method]), images[:2], axons=400)
