"""LayerScale and BatchNorm folded into the unit in front of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from synaptile.conversion.graph import Convolution2d, ECUnit, PatchEmbedding, Synapse
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


def fold_affine(
    b: Builder, x: Stream, gain: torch.Tensor, offset: torch.Tensor | None, what: str, channel_axis: int = -1
) -> Stream:
    """``gain * x + offset`` per channel, into the weights and bias of the Linear, convolution or LayerNorm that made x."""
    import torch

    b.plain(x)
    node = b.nodes[x.node]
    foldable = isinstance(node, Synapse | PatchEmbedding | Convolution2d) or (
        isinstance(node, ECUnit) and node.normalises and node.groups == node.spread == 1 and not node.apart
    )
    if not foldable:
        raise b.fail(f"{what} follows {x.node!r} ({node.kind}): it folds into a Linear, a convolution or a LayerNorm only")
    if any(port.node == x.node for other in b.nodes.values() for port in other.inputs):
        raise b.fail(f"{what} scales {x.node!r}, which something else reads unscaled")
    width, plane = (node.channels, node.plane[0] * node.plane[1]) if isinstance(node, Convolution2d) else (node.width, 1)
    channel = (x.index // plane % width).movedim(channel_axis, -1)
    if (
        channel.shape[-1] != width
        or x.index.numel() != node.size
        or not torch.equal(channel, torch.arange(width).expand(channel.shape))
    ):
        raise b.fail(f"{what} does not run along the channels of {x.node!r}")
    if offset is not None and isinstance(node, ECUnit) and node.function == "rms_norm":
        raise b.fail(f"{what} adds to {x.node!r}, an RMSNorm, which has no bias to fold into")
    if gain.numel() != width:
        raise b.fail(f"{what} has {gain.numel()} factors for the {width} channels of {x.node!r}")
    factor = gain.detach().cpu().numpy()
    weight, bias = f"{x.node}.weight", f"{x.node}.bias"
    column = factor.reshape(-1, *(1 for _ in b.arrays[weight].shape[1:]))
    b.arrays[weight] = np.ascontiguousarray(b.arrays[weight] * column)
    if bias in b.arrays:
        b.arrays[bias] = b.arrays[bias] * factor
    if offset is not None:
        b.arrays[bias] = b.arrays[bias] + offset.detach().cpu().numpy()
    b.versions[x.node] += 1
    return dataclasses.replace(x, version=b.versions[x.node])
