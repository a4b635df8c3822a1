"""Small models with rotations, gates, norms of heads and Linears along tokens, by name."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

from tests.conversion.small_models import SHAPE, randomised, small_eva, small_vit, timm, torch, with_activation

nn = torch.nn
functional = torch.nn.functional


class Windows(torch.nn.Module):  # type: ignore[misc]  # torch is imported where it is installed
    """Attention of a block within two windows of two tokens, side by side or one below the other."""

    def __init__(self, block: Any, *, columns: bool) -> None:
        super().__init__()
        self.block, self.columns = block, columns

    def forward(self, x: Any) -> Any:
        width = x.shape[-1]
        x = x.view(1, 2, 2, width)
        if self.columns:
            return self.block(x.transpose(1, 2).reshape(2, 2, width)).view(1, 2, 2, width).transpose(1, 2).reshape(1, 4, width)
        return self.block(x.view(2, 2, width)).view(1, 4, width)


class Affine(torch.nn.Module):  # type: ignore[misc]  # as above
    """A factor and an addend per channel of the residual stream, as ResMLP has them in place of a norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.alpha, self.beta = nn.Parameter(torch.ones(1, 1, width)), nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: Any) -> Any:
        return torch.addcmul(self.beta, self.alpha, x)


class GroupNorm(torch.nn.GroupNorm):  # type: ignore[misc]  # as above
    """GroupNorm of tokens, whose channels come last."""

    def forward(self, x: Any) -> Any:
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


def windowed(*, columns: bool) -> Any:
    model = small_vit(class_token=False, global_pool="avg", depth=1)
    model.blocks[0] = Windows(model.blocks[0], columns=columns)
    return model


def affine() -> Any:
    model = small_vit()
    for block in model.blocks:
        block.norm1, block.norm2 = Affine(24), Affine(24)
    return randomised(model)


def images(x: Any) -> Any:
    """Five tokens as 30 images of 4 x 4."""
    return x.reshape(1, 30, 4, 4)


def larger(x: Any) -> Any:
    """Pixels of 30 images of 2 x 2 twice as large, as five tokens."""
    return functional.interpolate(x, scale_factor=2).reshape(1, 5, 96)


def grouped(groups: int) -> Any:
    """A norm of groups of channels over all tokens in front of the MLP."""
    model = small_vit(depth=1)
    model.blocks[0].norm2 = GroupNorm(groups, 24)
    return randomised(model)


def mixer(**options: Any) -> Any:
    torch.manual_seed(0)
    fixed = {"num_classes": 5, "img_size": 16, "patch_size": 8, "num_blocks": 1, "embed_dim": 24}
    return randomised(timm.models.mlp_mixer.MlpMixer(**{**fixed, **options}))


def swin(kind: Any, **options: Any) -> Any:
    """Two stages on 4 x 4 patches, the second block of the first shifted."""
    torch.manual_seed(0)
    fixed = {"img_size": 16, "patch_size": 4, "embed_dim": 12, "depths": (2, 1), "num_heads": (2, 3), "num_classes": 5}
    return randomised(kind(**{**fixed, **options}))


MODELS: dict[str, Callable[[], Any]] = {
    "RoPE, neighbours": lambda: small_eva(use_rot_pos_emb=True),
    "RoPE, halves": lambda: small_eva(use_rot_pos_emb=True, rope_rotate_half=True),
    "RoPE, learned": lambda: small_eva(use_rot_pos_emb=True, rope_type="mixed", no_embed_class=True),
    "RoPE, SwiGLU": lambda: small_eva(use_rot_pos_emb=True, swiglu_mlp=True, scale_mlp=True),
    "norm of q and k": lambda: small_vit(qk_norm=True),
    "RMSNorm of q and k": lambda: small_vit(qk_norm=True, norm_layer=timm.layers.RmsNorm),
    "RMSNorm, SwiGLU": lambda: small_vit(norm_layer=timm.layers.RmsNorm, mlp_layer=timm.layers.SwiGLU),
    "GLU packed": lambda: small_vit(mlp_layer=functools.partial(timm.layers.GluMlp, gate_last=False), mlp_ratio=2),
    "mixer": mixer,
    "gMLP": lambda: mixer(block_layer=timm.models.mlp_mixer.SpatialGatingBlock, mlp_layer=timm.layers.GatedMlp, mlp_ratio=2),
    "ResMLP": lambda: mixer(
        block_layer=functools.partial(timm.models.mlp_mixer.ResBlock, init_values=0.3),
        norm_layer=timm.models.mlp_mixer.Affine,
        mlp_ratio=2,
    ),
    "affine in place of norms": affine,
    "windows side by side": lambda: windowed(columns=False),
    "windows of columns": lambda: windowed(columns=True),
    "shifted windows": lambda: swin(timm.models.swin_transformer.SwinTransformer, window_size=2),
    "windows filled up": lambda: swin(timm.models.swin_transformer.SwinTransformer, window_size=3),
    "shifted windows, cosine": lambda: swin(timm.models.swin_transformer_v2.SwinTransformerV2, window_size=2),
    "square": lambda: with_activation(lambda x: x * x),
    "square of a ReLU": lambda: with_activation(lambda x: 0.9 * torch.relu(x) ** 2 - 0.4),
    "one group": lambda: with_activation(lambda x: torch.nn.functional.group_norm(x.transpose(1, 2), 1).transpose(1, 2)),
    "one group, weighted": lambda: grouped(1),
    "four groups": lambda: grouped(4),
    "shape of another": lambda: with_activation(lambda x: torch.relu(x.flatten(1)).reshape_as(x)),
    "largest of channels": lambda: with_activation(lambda x: x - x.unflatten(-1, (3, 32)).amax(-2).repeat(1, 1, 3)),
    "max pooling, stride 1": lambda: with_activation(lambda x: functional.max_pool2d(images(x), 3, 1, 1).view(1, 5, 96)),
    "max pooling, stride 2": lambda: with_activation(lambda x: larger(functional.max_pool2d(images(x), 3, 2, 1))),
    "max pooling, padded by -inf": lambda: with_activation(
        lambda x: larger(functional.max_pool2d(functional.pad(images(x), (0, 1, 0, 1), value=-math.inf), 3, 2))
    ),
    "every second token": lambda: with_activation(lambda x: torch.cat([torch.relu(x[:, ::2]), x[:, 1:3]], 1)),
    "tokens of zeros": lambda: with_activation(lambda x: torch.relu(functional.pad(x, (0, 0, 1, 2)))[:, 2:7]),
    "max pooling side by side": lambda: with_activation(lambda x: larger(functional.max_pool2d(images(x), 2))),
    "twice SiLU": lambda: with_activation(lambda x: x * (2 * torch.sigmoid(x))),
    "another slope": lambda: with_activation(lambda x: x * torch.sigmoid(1.5 * x)),
    "unequal scales": lambda: with_activation(lambda x: 2 * torch.tanh(x) + torch.tanh(x)),
    "scales of two nodes": lambda: with_activation(lambda x: 2 * torch.tanh(x) - torch.sigmoid(x)),
    "channels shuffled": lambda: with_activation(lambda x: torch.relu(x.unflatten(-1, (2, 48)).transpose(-1, -2).flatten(-2))),
    "odd channels twice": lambda: with_activation(lambda x: torch.relu(x[..., 1::2]).repeat_interleave(2, -1)),
    "gate per token": lambda: with_activation(lambda x: x * x[..., :1]),
    "mean over channels": lambda: with_activation(lambda x: x + x.mean(-1, keepdim=True)),
    "half of a Linear twice": lambda: with_activation(lambda x: x + x[..., :48].repeat_interleave(2, -1)),
    "concatenated channels": lambda: with_activation(lambda x: torch.relu(torch.cat([x[..., :48], torch.tanh(x[..., 48:])], -1))),
    "a factor per token": lambda: with_activation(lambda x: torch.tanh(x) * torch.linspace(0.5, 2, 5, dtype=x.dtype)[:, None]),
}
__all__ = ["MODELS", "SHAPE"]
