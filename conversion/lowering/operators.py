"""One rule per ATen operator: what it becomes in the SpikingGraph. A rule takes the builder and the operator's own arguments."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import ImageSource
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.concatenate import concatenated, lower_copy, lower_slice_scatter
from synaptile.conversion.lowering.convolution import (
    lower_adaptive_pool1d,
    lower_adaptive_pool2d,
    lower_avg_pool1d,
    lower_avg_pool2d,
    lower_conv1d,
    lower_conv2d,
    lower_nearest,
    lower_resize,
)
from synaptile.conversion.lowering.elementwise import (
    lower_add,
    lower_addcmul,
    lower_div,
    lower_mul,
    lower_neg,
    lower_square,
    lower_sub,
    per_channel,
)
from synaptile.conversion.lowering.forms import joined, settled
from synaptile.conversion.lowering.functions import (
    elementwise,
    lower_clamp_min,
    lower_gelu,
    lower_hardtanh,
    lower_layer_norm,
    lower_mean,
    lower_rms_norm,
    lower_softmax,
    lower_sum,
    lower_vector_norm,
    norm_of_rows,
)
from synaptile.conversion.lowering.largest import largest_along, lower_max_pool2d
from synaptile.conversion.lowering.linear import lower_linear
from synaptile.conversion.lowering.names import constant_name, dotted
from synaptile.conversion.lowering.product import lower_einsum, lower_matmul
from synaptile.conversion.lowering.transposed import lower_conv_transpose2d, lower_fold, lower_unfold
from synaptile.conversion.lowering.values import Form, Padded, Stream

if TYPE_CHECKING:
    import torch

IDENTITIES = {
    "dropout", "dropout_", "alias", "detach", "to", "type_as", "identity", "lift_fresh_copy", "_to_copy", "contiguous", "clone",
}  # fmt: skip
IGNORED = {"_assert_tensor_metadata", "sym_size", "_assert_scalar"}
LAYOUTS = {
    "reshape", "view", "_unsafe_view", "permute", "transpose", "t", "flatten", "unflatten", "squeeze", "unsqueeze",
    "reshape_as", "view_as",
    "expand", "expand_as", "select", "slice", "unbind", "split", "split_with_sizes", "chunk", "getitem", "narrow", "swapaxes",
    "movedim", "mT", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "repeat", "repeat_interleave", "unfold",
    "index", "index_select",
}  # fmt: skip


def _linear(b: Builder, x: Any, weight: Any, bias: Any = None) -> Any:
    if not isinstance(x, list):
        return lower_linear(b, x, weight, bias)
    pieces = weight.split([part.index.shape[-1] for part in x], dim=1)
    biases = [bias] + [None] * (len(x) - 1)
    return _sum(b, [lower_linear(b, *piece) for piece in zip(x, pieces, biases, strict=True)])


def _cat(b: Builder, parts: list[Stream | torch.Tensor], dim: int = 0) -> Any:
    import torch

    first = parts[0]
    rank = first.ndim if isinstance(first, torch.Tensor) else first.index.ndim
    if (whole := _of_one_node(b, parts, functools.partial(torch.cat, dim=dim))) is not None:
        return whole
    parts = settled_all(b, parts)
    streams = all(isinstance(part, Stream) for part in parts)
    if streams and dim % rank == rank - 1 and all(str(user.target) == "aten.linear.default" for user in b.fx.users):
        return parts  # channels side by side in front of a Linear: the sum of a Linear on each
    return concatenated(
        b,
        [
            part if isinstance(part, Stream) else b.constant(constant_name(b, b.fx.args[0][i], "constant"), part)
            for i, part in enumerate(parts)
        ],
        dim,
    )


def _attention(
    b: Builder,
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Stream:
    """Fused attention as the two products and the softmax that it is."""
    import torch

    if is_causal or dropout_p or enable_gqa or isinstance(attn_mask, Stream):
        raise b.fail("is_causal, dropout, grouped queries and masks that vary with the image are not supported: leave them out")
    if not isinstance(k, Stream) or not isinstance(v, Stream):
        raise b.fail("attention to constant keys or values is not supported: only the query may be constant")
    depth = (q.index if isinstance(q, Stream) else q).shape[-1]
    keys = dataclasses.replace(k, index=k.index.transpose(-1, -2))
    scores: Any = lower_mul(b, lower_matmul(b, q, keys), depth**-0.5 if scale is None else scale)
    if attn_mask is not None and not (attn_mask.dtype == torch.bool and attn_mask.all()):
        if not attn_mask.is_floating_point() or not attn_mask.isfinite().all():
            raise b.fail("a mask of True and False or of -inf is not supported: leave it out, or add a finite bias")
        scores = lower_add(b, scores, attn_mask)
    return lower_matmul(b, lower_softmax(b, scores, -1), v)


def _amax(b: Builder, x: Stream, dim: Any = (), keepdim: bool = False) -> Stream | None:
    """The largest along axes; of scores, if it is only taken off in front of a softmax, which that does not change."""
    if not b.nodes[x.node].is_map:
        return largest_along(b, x, list(dim) or list(range(x.index.ndim)), keepdim=keepdim)
    over_keys = keepdim and [d % x.index.ndim for d in dim] == [x.index.ndim - 1] and b.map_port(x) is not None
    softmax = ("aten.softmax.int", "aten._softmax.default")
    for user in b.fx.users:
        taken_off = str(user.target) == "aten.sub.Tensor" and user.args == (b.fx.args[0], b.fx) and not user.kwargs
        last = all(str(n.target) in softmax and n.args[1] % x.index.ndim == x.index.ndim - 1 for n in user.users)
        if not (over_keys and taken_off and last):
            raise b.fail("supported only as scores - scores.amax(-1, keepdim=True) in front of a softmax over the keys")
    return None


def _of_one_node(b: Builder, parts: list[Any], join: Any) -> Stream | Form | None:
    """Pieces of one node's stream put together again, if none comes twice; None else."""
    if not all(isinstance(part, Stream | Form) for part in parts) or len({(part.node, part.version) for part in parts}) != 1:
        return None
    whole = join([part.index for part in parts])
    if whole.unique().numel() != whole.numel() or b.nodes[parts[0].node].is_map:
        return None
    return joined(b, parts, join)


def settled_all(b: Builder, parts: list[Any]) -> list[Any]:
    """Each value's stream."""
    return [settled(b, part) for part in parts]


def _stack(b: Builder, parts: list[Any], dim: int = 0) -> Any:
    """Pieces of one stream; or parallel branches, if they are only summed again."""
    import torch

    if (whole := _of_one_node(b, parts, functools.partial(torch.stack, dim=dim))) is not None:
        return whole
    parts = settled_all(b, parts)
    summed = all(str(user.target) == "aten.sum.dim_IntList" and list(user.args[1:]) == [[0]] for user in b.fx.users)
    if not dim and summed and all(isinstance(part, Stream) for part in parts):
        return parts
    lifted = [
        dataclasses.replace(part, index=part.index.unsqueeze(dim))
        if isinstance(part, Stream)
        else b.constant(f"{b.where}.stacked", part.unsqueeze(dim))
        for part in parts
    ]
    return concatenated(b, lifted, dim % lifted[0].index.ndim)


def _sum(b: Builder, parts: Any, dims: Any = (), keepdim: bool = False, **_: Any) -> Any:
    if not isinstance(parts, list):
        return lower_sum(b, parts, list(dims) or list(range(parts.index.ndim)), keepdim)
    return functools.reduce(functools.partial(lower_add, b), parts)


def _pad(b: Builder, x: Stream, pad: list[int], mode: str = "constant", value: float | None = None) -> Stream | Padded:
    """What a convolution or pool behind takes in as its own padding; else constants beside the stream, tokens of zeros say."""
    if not any(pad):
        return x
    if mode != "constant":
        raise b.fail(f"pads by {list(pad)}, mode {mode}: only numbers are put beside a stream")
    users = [str(user.target) for user in b.fx.users]
    summed = not value and all("conv2d" in user or "avg_pool2d" in user for user in users)
    taken = value == -math.inf and all("max_pool2d" in user for user in users)
    if x.index.ndim == 4 and len(pad) <= 4 and (summed or taken):
        left, right, top, bottom = (*pad, 0, 0)[:4]
        return Padded(x, (top, bottom, left, right))
    if min(pad) < 0 or not math.isfinite(value or 0.0):
        raise b.fail(f"pads by {list(pad)}, value {value}: only numbers are put beside a stream")
    if isinstance(b.nodes[x.node], ImageSource):
        raise b.fail("pads the image for something else than a convolution: pad images before the model")
    for i in range(len(pad) // 2):
        axis = x.index.ndim - 1 - i
        before, behind = ([_constant_rows(b, x, axis, n, value or 0.0)] if n else [] for n in pad[2 * i : 2 * i + 2])
        x = concatenated(b, [*before, x, *behind], axis) if before or behind else x
    return x


def _constant_rows(b: Builder, x: Stream, axis: int, count: int, value: float) -> Stream:
    import torch

    shape = [count if other == axis else extent for other, extent in enumerate(x.index.shape)]
    return b.constant(dotted(b.where, "padding"), torch.full(shape, value, dtype=b.dtype))


def _new_zeros(b: Builder, _x: Stream, shape: list[int], dtype: Any = None, **_: Any) -> torch.Tensor:
    """Zeros of which the stream says nothing but the type: of a mask of windows, say."""
    import torch

    return torch.zeros(shape, dtype=dtype or b.dtype)


def _roll(b: Builder, x: Stream, shifts: list[int], dims: Sequence[int] = ()) -> Stream:
    """Windows shifted over the image."""
    axes = [dim % x.index.ndim for dim in dims]
    if not axes or x.index.ndim - 1 in axes:
        raise b.fail(f"rolls axes {list(dims)}: only axes of tokens, not channels, are rolled")
    return b.rolled(x, tuple(sum(s for s, a in zip(shifts, axes, strict=True) if a == axis) for axis in range(x.index.ndim)))


def _clamp(b: Builder, x: Any, low: Any = None, high: Any = None) -> Any:
    """Limits that are open, as models leave them that quantise elsewhere."""
    import torch

    for limit, open_end in ((low, -math.inf), (high, math.inf)):
        if limit is not None and not bool((torch.as_tensor(limit) == open_end).all()):
            raise b.fail("a clamp has no unit: leave its limits open, or use relu")
    return x


def _group_norm(
    b: Builder, x: Stream, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, _cudnn: bool = False
) -> Stream:
    """Norms of groups of channels over all positions: rows of an image that is one token."""
    import torch

    channels, *positions = x.index.shape[1:]
    if x.index.shape[0] != 1:
        raise b.fail("GroupNorm of several images")
    weight = torch.ones(channels, dtype=b.dtype) if weight is None else weight
    bias = torch.zeros(channels, dtype=b.dtype) if bias is None else bias
    rows = dataclasses.replace(x, index=x.index.reshape(groups, -1))
    own = {name: (array.reshape(groups, -1) if groups > 1 else array) for name, array in (("weight", weight), ("bias", bias))}
    normed = norm_of_rows(b, rows, [rows.index.shape[-1]], "layer_norm", eps, spread=math.prod(positions), **own)
    return dataclasses.replace(normed, index=normed.index.reshape(x.index.shape))


def _batch_norm(
    b: Builder,
    x: Stream,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    training: bool,
    _m: float,
    eps: float,
    _c: bool,
) -> Any:
    import torch

    if training:
        raise b.fail("batch normalisation in training mode: call model.eval()")
    gain = torch.rsqrt(variance + eps) * (1.0 if weight is None else weight)
    return per_channel(b, x, gain, (0.0 if bias is None else bias) - mean * gain, "BatchNorm", channel_axis=1)


def _batch_norm_functional(
    b: Builder, x: Stream, weight: Any, bias: Any, mean: Any, variance: Any, _m: float, eps: float
) -> list[Any]:
    return [_batch_norm(b, x, weight, bias, mean, variance, False, _m, eps, False), None, None]


OF_FORMS = {*LAYOUTS, *IDENTITIES, "add", "add_", "mul", "div", "sub", "neg", "addcmul", "cat", "stack"}
"""Operators that take streams times constants as they are."""

OF_MAPS = {
    *LAYOUTS, *IDENTITIES, "add", "add_", "sub", "mul", "div", "neg", "addcmul", "matmul", "bmm", "einsum", "softmax", "_softmax",
    "amax", "scaled_dot_product_attention", "copy", "slice_scatter",
}  # fmt: skip
"""Operators that take attention maps as they are; for all others a map is a stream of rows."""

OF_PIXELS = {*LAYOUTS, *IDENTITIES, "conv2d", "linear", "pad", "im2col"}
"""Operators that may read the image; for all others its pixels are a stream."""

OPERATORS: dict[str, Callable[..., Any]] = {
    "conv2d": lower_conv2d,
    "conv1d": lower_conv1d,
    "avg_pool2d": lower_avg_pool2d,
    "upsample_nearest2d": lower_nearest,
    "upsample_bilinear2d": lower_resize,
    "upsample_bicubic2d": lower_resize,
    "im2col": lower_unfold,
    "col2im": lower_fold,
    "conv_transpose2d": lower_conv_transpose2d,
    "avg_pool1d": lower_avg_pool1d,
    "copy": lower_copy,
    "slice_scatter": lower_slice_scatter,
    "cat": _cat,
    "add": lower_add,
    "add_": lower_add,
    "mul": lower_mul,
    "div": lower_div,
    "linear": _linear,
    "matmul": lower_matmul,
    "bmm": lower_matmul,
    "neg": lower_neg,
    "addcmul": lower_addcmul,
    "clamp": _clamp,
    "clamp_min": lower_clamp_min,
    "linalg_vector_norm": lower_vector_norm,
    "pad": _pad,
    "new_zeros": _new_zeros,
    "roll": _roll,
    "rms_norm": lower_rms_norm,
    "adaptive_avg_pool1d": lower_adaptive_pool1d,
    "adaptive_avg_pool2d": lower_adaptive_pool2d,
    "layer_norm": lower_layer_norm,
    "scaled_dot_product_attention": _attention,
    "einsum": lower_einsum,
    "amax": _amax,
    "max": lambda b, x, dim, keepdim=False: [largest_along(b, x, [dim], keepdim=keepdim), None],
    "max_pool2d": lower_max_pool2d,
    "sub": lower_sub,
    "stack": _stack,
    "sum": _sum,
    "group_norm": _group_norm,
    "pow": lower_square,
    "square": lambda b, x: lower_square(b, x, 2),
    "softmax": lower_softmax,
    "_softmax": lower_softmax,
    "gelu": lower_gelu,
    "silu": elementwise("silu"),
    "relu": elementwise("relu"),
    "sigmoid": elementwise("sigmoid"),
    "tanh": elementwise("tanh"),
    "relu6": elementwise("relu6"),
    "hardsigmoid": elementwise("hard_sigmoid"),
    "hardswish": elementwise("hard_swish"),
    "hardtanh": lower_hardtanh,
    "mean": lower_mean,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_functional,
}


_ACTIVATION = "this activation has no unit; the nearest are relu, silu and gelu: exchange it and fine-tune the model"
_RESIZING = "resizing so has no unit; bilinear, bicubic and nearest without antialiasing have: or resize images before the model"
_POOLING = "pooling rows has no unit, of height and width it has: pool tokens by their mean, a class token or attention"
_MASK = "a mask has no unit: let every token attend to every token, or add a finite bias to the scores"
_RECURRENCE = "tokens are computed side by side, not one after the other: take a model that mixes them by attention or a Linear"
_ROOT = "a root has no unit by itself, a norm has: write it as torch.nn.LayerNorm, torch.nn.RMSNorm or F.normalize"
_DEEP = "cores convolve two dimensions: write it as a conv2d, the third among the channels"
NEAREST: dict[str, str] = {
    **dict.fromkeys(("leaky_relu", "elu", "prelu", "softplus", "mish"), _ACTIVATION),
    **dict.fromkeys(("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "_upsample_nearest_exact2d"), _RESIZING),
    "max_pool1d": _POOLING,
    **dict.fromkeys(("masked_fill", "where", "tril", "triu"), _MASK),
    **dict.fromkeys(("sqrt", "rsqrt"), _ROOT),
    **dict.fromkeys(("conv3d", "max_pool3d", "avg_pool3d"), _DEEP),
    **dict.fromkeys(("lstm", "gru", "cumsum", "cumprod"), _RECURRENCE),
}
"""What to do about operators that people bring often and that have no rule, by name."""


def supported_operators() -> tuple[str, ...]:
    """Names of the ATen operators that have a rule, sorted."""
    return tuple(sorted({*OPERATORS, *LAYOUTS, *IDENTITIES}))
