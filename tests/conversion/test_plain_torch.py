"""Do transformers written in plain PyTorch, without timm, lower to a graph that computes the same?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.ann import ann_forward
from synaptile.conversion.convert import check_against_model, convert, lower_model
from synaptile.foundation.errors import ModelError, WeightsError
from tests.conversion.small_models import model_logits, random_images, randomised, torch

nn, functional = torch.nn, torch.nn.functional
SHAPE, HEADS, DEPTH = (3, 16, 24), 3, 8
WIDTH = HEADS * DEPTH
MASK = torch.ones(6, 6, dtype=torch.bool).triu(1)


def split(x: Any) -> Any:
    """(1, tokens, channels) to (1, heads, tokens, depth)."""
    return x.view(x.shape[0], x.shape[1], HEADS, DEPTH).transpose(1, 2)


def by_einsum(q: Any, k: Any, v: Any) -> Any:
    return torch.einsum("bhqk,bhkd->bhqd", torch.einsum("bhqd,bhkd->bhqk", q, k).softmax(-1), v)


def by_einsum_of_unmoved_heads(q: Any, k: Any, v: Any) -> Any:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    scores = torch.einsum("bqhd, bkhd -> bhqk", q / math.sqrt(DEPTH), k)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).transpose(1, 2)


def less_the_largest(q: Any, k: Any, v: Any) -> Any:
    scores = q @ k.transpose(-2, -1)
    return (scores - scores.amax(-1, keepdim=True)).softmax(-1) @ v


def fused(**options: Any) -> Callable[[Any, Any, Any], Any]:
    return lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, **options)


class Block(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    """Attention of a given form with Linears of its own, then an MLP with a given activation."""

    def __init__(self, attend: Any, activation: Any) -> None:
        super().__init__()
        self.q, self.k, self.v, self.proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.norm, self.attend = nn.LayerNorm(WIDTH), attend
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), activation, nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x: Any) -> Any:
        y = self.norm(x)
        attended = self.attend(*(split(part(y)) for part in (self.q, self.k, self.v)))
        x = x + self.proj(attended.transpose(1, 2).contiguous().view(y.shape))
        return x + self.mlp(x)


class Multihead(torch.nn.Module):  # type: ignore[misc]  # as above
    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.norm, self.attention, self.options = (
            nn.LayerNorm(WIDTH),
            nn.MultiheadAttention(WIDTH, HEADS, batch_first=True),
            options,
        )

    def forward(self, x: Any) -> Any:
        y = self.norm(x)
        return x + self.attention(y, y, y, **self.options)[0]


class Beside(torch.nn.Module):  # type: ignore[misc]  # as above
    """The first token and the mean of all side by side in front of a Linear, as DINOv2's head has them."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.both = nn.LayerNorm(WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Any) -> Any:
        x = self.norm(x)
        return self.both(torch.cat([x[:, 0], x.mean(1)], 1)).unsqueeze(1)


class Probe(Multihead):
    """A learned query that attends to all tokens, as SigLIP pools."""

    def __init__(self) -> None:
        super().__init__()
        self.probe = nn.Parameter(torch.randn(1, 1, WIDTH))

    def forward(self, x: Any) -> Any:
        return self.attention(self.probe.expand(x.shape[0], -1, -1), x, x, need_weights=False)[0]


class Plain(torch.nn.Module):  # type: ignore[misc]  # as above
    """A vision transformer without any configuration, around a given encoder."""

    def __init__(self, encoder: Any, place: Callable[[Any, Any], Any] = torch.add, cut: Any = None) -> None:
        super().__init__()
        self.patch, self.pos = nn.Conv2d(3, WIDTH, 8, 8), nn.Parameter(torch.randn(1, 6, WIDTH))
        self.cut = cut
        if cut:
            self.patch = nn.Linear(3 * 8 * 8, WIDTH)
        self.encoder, self.norm, self.head, self.place = encoder, nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 5), place
        self.register_buffer("unused_mask", torch.full((6, 6), -torch.inf).triu(1))

    def forward(self, x: Any) -> Any:
        x = self.patch(self.cut(x)) if self.cut else self.patch(x).flatten(2).transpose(1, 2)
        x = self.place(x, self.pos)
        return self.head(self.norm(self.encoder(x)).mean(1))


def block(attend: Any = None, activation: Any = None, **options: Any) -> Any:
    return Plain(Block(attend or fused(), activation or nn.GELU()), **options)


def layers(**options: Any) -> Any:
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.1, batch_first=True, **options)
    return Plain(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))


def by_reshape(x: Any) -> Any:
    return x.reshape(-1, 3, 2, 8, 3, 8).permute(0, 2, 4, 3, 5, 1).reshape(-1, 6, 192)


def by_columns(x: Any) -> Any:
    return x.reshape(-1, 3, 2, 8, 3, 8).permute(0, 4, 2, 3, 5, 1).reshape(-1, 6, 192)


def by_unfold(x: Any, **options: Any) -> Any:
    return functional.unfold(x, 8, stride=8, **options).transpose(1, 2)


def in_place(x: Any, positions: Any) -> Any:
    x.add_(positions)
    return x


def through_a_view(x: Any, positions: Any) -> Any:
    x = x.contiguous()
    x[:, :, :].add_(positions)
    return x


def viewed_behind_contiguous(x: Any, positions: Any) -> Any:
    x = (x + positions).transpose(1, 2).contiguous()
    return x.view(x.shape[0], -1).view(x.shape).transpose(1, 2)


PLAIN: dict[str, Callable[[], Any]] = {
    "fused attention": block,
    "fused attention, own scale": lambda: block(fused(scale=0.3)),
    "fused attention, bias": lambda: block(fused(attn_mask=torch.linspace(-1, 1, 36, dtype=torch.float64).view(6, 6))),
    "fused attention, nothing masked": lambda: block(fused(attn_mask=torch.ones(6, 6, dtype=torch.bool))),
    "einsum": lambda: block(by_einsum),
    "einsum of unmoved heads": lambda: block(by_einsum_of_unmoved_heads),
    "softmax less the largest": lambda: block(less_the_largest),
    "ReLU in place": lambda: block(activation=nn.ReLU(inplace=True)),
    "SiLU in place": lambda: block(activation=nn.SiLU(inplace=True)),
    "positions added in place": lambda: block(place=in_place),
    "positions added through a view": lambda: block(place=through_a_view),
    "tokens viewed behind contiguous": lambda: block(place=viewed_behind_contiguous),
    "patches by reshape": lambda: block(cut=by_reshape),
    "patches by unfold": lambda: block(cut=by_unfold),
    "patches beyond the border": lambda: block(cut=lambda x: by_unfold(x, padding=4)[:, :6]),
    "one head of keys": lambda: block(lambda q, k, v: (q @ k[:, :1].mT).softmax(-1) @ v),
    "mean of stacked": lambda: block(lambda q, k, v: torch.stack([q, v]).mean(0)),
    "channels side by side": lambda: Plain(Beside()),
    "MultiheadAttention": lambda: Plain(Multihead(need_weights=False)),
    "MultiheadAttention, weights unread": lambda: Plain(Multihead()),
    "MultiheadAttention, learned query": lambda: Plain(Probe()),
    "TransformerEncoder": lambda: layers(activation="gelu", norm_first=True),
    "TransformerEncoder, norm last": layers,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLAIN)
def test_plain_pytorch_computes_the_same(name: str) -> None:
    torch.manual_seed(0)
    model = randomised(PLAIN[name]().double())
    graph = lower_model(model, SHAPE)
    assert check_against_model(graph, model) < 1e-9
    images = random_images(3, SHAPE, seed=5, dtype=np.float64)
    np.testing.assert_allclose(ann_forward(graph, images), model_logits(model, images), rtol=1e-9, atol=1e-10)


def test_the_image_shape_comes_from_the_calibration_array() -> None:
    model = randomised(block())
    images = random_images(2, SHAPE)
    for calibration in (images, [images]):
        assert convert(model, calibration).nodes["image"].image_shape == SHAPE  # type: ignore[attr-defined]  # an ImageSource


@pytest.mark.parametrize(
    ("make", "parts"),
    [
        (lambda: block(cut=by_columns), ["aten.linear", "'patch'", "side by side, row by row"]),
        (lambda: block(cut=lambda x: by_unfold(x.transpose(2, 3))), ["aten.linear", "'patch'", "side by side"]),
        (lambda: block(fused(is_causal=True)), ["'encoder'", "is_causal", "leave them out"]),
        (lambda: block(fused(attn_mask=torch.ones(6, 6, dtype=torch.bool).tril())), ["'encoder'", "mask", "leave it out"]),
        (lambda: block(lambda q, k, v: torch.einsum("bhqd,bhqd->bhqd", q, k) + v), ["'encoder'", "einsum", "bhqd,bhkd->bhqk"]),
        (lambda: block(lambda q, k, v: (q @ k.mT - (q @ k.mT).amax(-1, keepdim=True)) @ v), ["aten.amax", "softmax"]),
        (
            lambda: block(lambda q, k, v: (q @ k.mT).amax(-1, keepdim=True) * v),
            ["aten.amax", "in front of a softmax over the keys"],
        ),
        (lambda: block(lambda q, k, v: (q @ k.mT).masked_fill(MASK, -9.0).softmax(-1) @ v), ["masked_fill", "finite bias"]),
        (lambda: block(lambda q, k, v: torch.cumsum(q, 2) @ k.mT @ v), ["aten.cumsum", "not one after the other"]),
        (lambda: block(lambda q, k, v: torch.sub(q, v, alpha=2)), ["aten.sub", "alpha 2"]),
    ],
)
def test_what_no_unit_computes_is_refused_by_its_cause(make: Callable[[], Any], parts: list[str]) -> None:
    with pytest.raises(ModelError) as caught:
        lower_model(make().eval(), SHAPE)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_a_mask_that_is_read_is_refused_as_a_mask() -> None:
    model = block()
    model.encoder.attend = lambda q, k, v: (q @ k.mT + model.unused_mask).softmax(-1) @ v
    with pytest.raises(WeightsError, match=r"buffer 'unused_mask' holds.*leave out a mask of -inf"):
        lower_model(model.eval(), SHAPE)


def test_a_model_that_cannot_be_traced_leaves_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    for place, said in (
        (lambda x, pos: x + pos if x.sum() > 0 else x, "depends on the image's values: write it without `if`"),
        (lambda x, pos: x + pos[:, :5], "give calibration images of the shape"),
    ):
        with pytest.raises(
            ModelError, match=r"cannot trace Plain on an image of 3 x 16 x 24: .*\(test_plain_torch.py, line .*" + said
        ):
            lower_model(block(place=place).eval(), SHAPE)
    assert capfd.readouterr().err == ""
