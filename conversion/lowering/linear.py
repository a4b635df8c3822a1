"""Linear: MT neurons in front, then an accumulate-only synapse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synaptile.conversion.graph import ImageSource, MTNeurons, PatchEmbedding, Port, Synapse
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


def lower_linear(b: Builder, x: Stream, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Stream:
    """Site ``<module>.in`` and synapse ``<module>``, the module that owns the weights. A pending scale moves into the weights."""
    import torch

    if not isinstance(weight, torch.Tensor):
        raise b.fail("a Linear needs constant weights")
    if isinstance(b.nodes[x.node], ImageSource):
        return _patches(b, x, weight, bias)
    channels, fan_in = weight.shape
    port, order, groups = b.per_token(x, fan_in)
    if groups > 1:  # heads, say, each through the same weights
        port, order = b.token_port(x), torch.arange(x.index.numel() // fan_in)
    name = b.unique(owner(b) or b.where or "linear")
    site = add_site(b, f"{name}.in", port)
    bias = torch.zeros(channels, dtype=weight.dtype) if bias is None else bias
    tokens = b.nodes[site.node].tokens
    node = Synapse(name, (site,), (tokens, channels), fan_in)
    b.add(node, weight=weight * x.scale if x.scale != 1.0 else weight, bias=bias)
    shape = (*x.index.shape[:-1], channels)
    return Stream(name, torch.arange(node.size).reshape(-1, channels)[order].reshape(shape))


def _patches(b: Builder, x: Stream, weight: torch.Tensor, bias: torch.Tensor | None) -> Stream:
    """A Linear on patches that reshapes cut out of the image: the patch embedding, its weights in the order of a convolution."""
    import torch

    source = b.nodes[b.plain(x).node]
    assert isinstance(source, ImageSource)
    depth, height, width = source.image_shape
    patches = x.index.reshape(-1, x.index.shape[-1])
    channel, row, column = (axis.reshape(patches.shape) for axis in torch.unravel_index(patches, (depth, height, width)))
    high, wide = int(row[0].max()) + 1, int(column[0].max()) + 1
    order = (channel[0] * high + row[0]) * wide + column[0]  # of each pixel in a convolution's kernel
    starts = torch.cartesian_prod(torch.arange(0, height - high + 1, high), torch.arange(0, width - wide + 1, wide))
    kernel = torch.arange(depth * high * wide)
    whole = len(starts) == len(patches) and torch.equal(order.sort().values, kernel)
    if not whole or not torch.equal(patches, patches[:1] + (starts[:, :1] * width + starts[:, 1:])):
        raise b.fail("a Linear on the image is supported only as the patch embedding: whole patches side by side, row by row")
    ordered = torch.empty_like(weight)
    ordered[:, order] = weight
    bias = torch.zeros(len(weight), dtype=weight.dtype) if bias is None else bias
    name = b.unique(owner(b) or b.where or "patch_embedding")
    sizes = (high, wide)
    node = PatchEmbedding(name, (b.whole(x.node),), (len(patches), len(weight)), sizes, sizes, (0, 0), depth)
    return Stream(name, b.add(node, weight=ordered, bias=bias).index.reshape(*x.index.shape[:-1], len(weight)))


def owner(b: Builder) -> str:
    """The module whose ``weight`` a Linear reads: EVA and BEiT call ``linear`` on the weights of a sub-module, `qkv`."""
    if len(b.fx.args) < 2:
        return ""
    parameter = b.parameters.get(getattr(b.fx.args[1], "name", ""), "")
    return parameter.removesuffix(".weight") if parameter.endswith(".weight") else ""


def add_site(b: Builder, name: str, port: Port) -> Port:
    """MT neurons on a port, thresholds 1 until calibration; returns the port of their spikes."""
    name = b.unique(name)
    source = b.nodes[port.node]
    shape = (port.width, *source.shape[1:]) if source.is_map else (source.tokens, port.width)
    b.add(MTNeurons(name, (port,), shape, 1.0, 1.0, 8))
    return b.whole(name)
