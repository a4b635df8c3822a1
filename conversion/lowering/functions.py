"""Functions of EC units: norms, softmax, activations; and means over tokens."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import ECFunction, ECUnit, TokenMean
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.names import dotted
from synaptile.conversion.lowering.values import Length, Stream

if TYPE_CHECKING:
    import torch


def lower_layer_norm(
    b: Builder,
    x: Stream,
    shape: list[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    _cudnn: bool = False,
) -> Stream:
    """LayerNorm over the channels of a token, or of each head."""
    import torch

    bias = torch.zeros(shape[-1], dtype=b.dtype) if bias is None else bias
    return norm_of_rows(b, x, shape, "layer_norm", eps, weight=weight, bias=bias)


def lower_rms_norm(
    b: Builder, x: Stream, shape: list[int], weight: torch.Tensor | None = None, eps: float | None = None
) -> Stream:
    """RMSNorm over the channels of a token, or of each head."""
    import torch

    return norm_of_rows(b, x, shape, "rms_norm", torch.finfo(b.dtype).eps if eps is None else eps, weight=weight)


def norm_of_rows(
    b: Builder, x: Stream, shape: list[int], function: ECFunction, eps: float, *, weight: Any, bias: Any = None, spread: int = 1
) -> Stream:
    """A norm of each row, the last axis: the channels of a token, of a head, or of a group and its positions.

    Factors are for `spread` elements each: of a row, or of each row apart, (rows, factors).
    """
    import torch

    width = x.index.shape[-1]
    if list(shape) != [width]:
        raise b.fail(f"normalises over {list(shape)}, needs the {width} channels of a token or of a head")
    port, order, groups = b.per_token(b.read(x), width)
    if port.width != groups * width:
        raise b.fail(f"normalises over {width} of {port.width} channels")
    weight = torch.ones(width, dtype=b.dtype) if weight is None else weight
    tokens = b.nodes[port.node].tokens
    kinds = {"groups": groups, "spread": spread, "apart": weight.ndim > 1}
    node = ECUnit(b.unique(b.where or function), (port,), (tokens, port.width), function, float(eps), x.scale, **kinds)
    if node.apart:  # rows as they stand there
        weight, bias = (array[torch.argsort(order)] for array in (weight, bias))
    index = b.add(node, weight=weight, bias=bias).index.reshape(-1, width)[order]
    return Stream(node.name, index.reshape(x.index.shape))


def lower_vector_norm(b: Builder, x: Stream, order: Any = 2, dims: Any = None, keepdim: bool = False, **_: Any) -> Length:
    """The Euclidean length along an axis, of each head's row say, which only a division by it may read."""
    if order != 2 or not keepdim or len(dims or ()) != 1:
        raise b.fail("a norm is supported as F.normalize(x, dim) along one axis alone")
    return Length(x, dims[0] % x.index.ndim)


def lower_clamp_min(b: Builder, x: Any, low: float) -> Length:
    """The smallest length that is divided by."""
    if not isinstance(x, Length):
        raise b.fail("a clamp has no unit: leave its limits open, or use relu")
    return Length(x.of, x.axis, max(x.least, float(low)))


def lower_normalize(b: Builder, x: Stream, length: Length) -> Stream:
    """``F.normalize(x, dim)``: an RMSNorm of weight 1/sqrt(width). Lengths below the least (1e-12) come out smaller."""
    import torch

    moved = dataclasses.replace(x, index=x.index.movedim(length.axis, -1))
    width = moved.index.shape[-1]
    if (length.of.node, length.of.scale) != (x.node, x.scale) or not torch.equal(length.of.index, x.index):
        raise b.fail("division by the length of something else has no unit")
    weight = torch.full((width,), width**-0.5, dtype=b.dtype)
    normed = norm_of_rows(b, moved, [width], "rms_norm", max(length.least, 1e-15) ** 2 / width, weight=weight)
    return dataclasses.replace(normed, index=normed.index.movedim(-1, length.axis))


def lower_softmax(b: Builder, x: Stream, dim: int, half_or_dtype: Any = None) -> Stream:
    """Softmax over the keys of an attention map, or over any axis of a stream, whose rows then lie along it.

    Some models take it in float32 whatever their own type.
    """
    import torch

    b.rounds |= b.dtype == torch.float64 and half_or_dtype is torch.float32
    port = b.map_port(x)
    if port is None or dim % x.index.ndim != x.index.ndim - 1:
        return _softmax_of_rows(b, b.rows_of_map(x), dim)
    shape = b.nodes[port.node].shape
    node = ECUnit(b.unique(dotted(b.where, "softmax")), (port,), shape, "softmax", 0.0, x.scale, x.bias is not None)
    bias = None if x.bias is None else x.bias.reshape(shape).contiguous()
    return Stream(node.name, b.add(node, bias=bias).index.reshape(x.index.shape))


def _softmax_of_rows(b: Builder, x: Stream, dim: int) -> Stream:
    """An EC unit that takes a token's channels together, each row of the tensor along the axis being a token."""
    moved = x.index.movedim(dim, -1)
    port = b.token_port(Stream(x.node, moved.reshape(-1, moved.shape[-1]), 1.0, None, x.version))
    shape = (b.nodes[port.node].tokens, port.width)
    node = ECUnit(b.unique(dotted(b.where, "softmax")), (port,), shape, "softmax", 0.0, x.scale)
    return Stream(node.name, b.add(node).index.reshape(moved.shape).movedim(-1, dim))


def lower_gelu(b: Builder, x: Stream, *, approximate: str = "none") -> Stream:
    """GELU, exact or by tanh."""
    return lower_expectation(b, x, "gelu_tanh" if approximate == "tanh" else "gelu")


def elementwise(function: ECFunction) -> Callable[..., Stream]:
    """The rule of an activation."""

    def rule(b: Builder, x: Stream) -> Stream:
        return lower_expectation(b, x, function)

    return rule


def lower_hardtanh(b: Builder, x: Stream, low: float = -1.0, high: float = 1.0) -> Stream:
    """A clamp from 0 to 6, as torch writes ReLU6."""
    if (low, high) != (0, 6):
        raise b.fail(f"a clamp to {low:g} ... {high:g} has no unit: the nearest are relu6 and tanh")
    return lower_expectation(b, x, "relu6")


def lower_expectation(b: Builder, x: Stream, function: ECFunction) -> Stream:
    """An EC unit of a function of each element."""
    port, place = b.elements(x)
    name = b.unique(b.where or function)
    b.add(ECUnit(name, (port,), (b.nodes[port.node].tokens, port.width), function, 0.0, x.scale))
    return Stream(name, place.reshape(x.index.shape))


def lower_mean(b: Builder, x: Stream, dims: list[int], keepdim: bool = False, **_: Any) -> Stream:
    """The mean along axes: over tokens, in whatever order the stream holds them."""
    import torch

    axes = sorted(dim % x.index.ndim for dim in dims)
    kept = [axis for axis in range(x.index.ndim) if axis not in axes]
    shape = [1 if axis in axes else extent for axis, extent in enumerate(x.index.shape) if keepdim or axis not in axes]
    rows = x.index.permute(*axes, *kept).reshape(-1, max(1, torch.Size(shape).numel()))
    stream = Stream(x.node, rows, x.scale, None, x.version)
    port, place = b.elements(stream)
    if rows.shape[1] != port.width or not torch.equal(place % port.width, torch.arange(port.width).expand_as(place)):
        port = b.token_port(stream)
    tokens = b.nodes[port.node].tokens
    name = b.unique(dotted(b.where, "token_mean"))
    stream = b.add(TokenMean(name, (port,), (1, port.width), 0, tokens))
    return Stream(name, stream.index.reshape(shape), b.read(x).scale)


def lower_sum(b: Builder, x: Stream, dims: list[int], keepdim: bool = False, **_: Any) -> Stream:
    """The sum along axes: so many times the mean."""
    mean = lower_mean(b, x, dims, keepdim)
    return dataclasses.replace(mean, scale=mean.scale * math.prod(x.index.shape[dim] for dim in dims))
