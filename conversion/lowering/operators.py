"""One rule per ATen operator: what it becomes in the SpikingGraph. A rule takes the builder and the operator's own arguments."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ECFunction,
    ECUnit,
    ImageSource,
    PatchEmbedding,
    TokenMean,
)
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.fold import fold_affine
from synaptile.conversion.lowering.linear import lower_linear
from synaptile.conversion.lowering.product import lower_einsum, lower_matmul
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch

COPIES = {"contiguous", "clone"}
IDENTITIES = {"dropout", "dropout_", "alias", "detach", "to", "type_as", "identity", "lift_fresh_copy", "_to_copy"}
IGNORED = {"_assert_tensor_metadata", "sym_size", "_assert_scalar"}
LAYOUTS = {
    "reshape", "view", "_unsafe_view", "permute", "transpose", "t", "flatten", "unflatten", "squeeze", "unsqueeze", "expand",
    "select", "slice", "unbind", "split", "split_with_sizes", "chunk", "getitem", "narrow", "swapaxes", "movedim", "mT",
}  # fmt: skip


def _conv2d(
    b: Builder,
    x: Stream,
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    stride: Any = (1, 1),
    padding: Any = (0, 0),
    dilation: Any = (1, 1),
    groups: int = 1,
) -> Stream:
    import torch

    source = b.nodes[b.plain(x).node]
    if not isinstance(source, ImageSource) or not torch.equal(x.index.reshape(-1), torch.arange(source.size)):
        raise b.fail(
            f"a convolution on {x.node!r} (conv stem, hybrid): supported only as the patch embedding, directly on the image"
        )
    if isinstance(padding, str):
        raise b.fail(f"padding {padding!r}: the patch embedding needs it in pixels")
    if groups != 1 or list(dilation) not in ([1, 1], [1]):
        raise b.fail(f"groups {groups}, dilation {dilation}: the patch embedding needs 1 and 1")
    pair = [tuple(v) * 2 if len(v) == 1 else tuple(v) for v in (stride, padding)]
    channels, depth, high, wide = weight.shape
    rows, columns = (
        (size + 2 * pad - kernel) // step + 1
        for size, pad, kernel, step in zip(source.image_shape[1:], pair[1], (high, wide), pair[0], strict=True)
    )
    bias = torch.zeros(channels, dtype=weight.dtype) if bias is None else bias
    name = b.unique(b.where or "patch_embedding")
    node = PatchEmbedding(name, (b.whole(x.node),), (rows * columns, channels), (high, wide), pair[0], pair[1], depth)
    stream = b.add(node, weight=weight.reshape(channels, -1), bias=bias)
    return Stream(name, stream.index.t().reshape(1, channels, rows, columns))


def _unfold(b: Builder, x: Stream, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Stream:
    import torch

    if any(padding):
        raise b.fail(f"padding {list(padding)}: patches are cut without padding only")
    cut = torch.nn.functional.unfold(x.index.double(), kernel_size, dilation, padding, stride)  # float64 holds an index exactly
    return dataclasses.replace(x, index=cut.long())


def _linear(b: Builder, x: Any, weight: Any, bias: Any = None) -> Stream:
    if not isinstance(x, list):
        return lower_linear(b, x, weight, bias)
    pieces = weight.split([part.index.shape[-1] for part in x], dim=1)
    biases = [bias] + [None] * (len(x) - 1)
    return _sum(b, [lower_linear(b, *piece) for piece in zip(x, pieces, biases, strict=True)])


def _cat(b: Builder, parts: list[Stream | torch.Tensor], dim: int = 0) -> Any:
    import torch

    first = parts[0]
    rank = first.index.ndim if isinstance(first, Stream) else first.ndim
    streams = all(isinstance(part, Stream) for part in parts)
    if streams and dim % rank == rank - 1 and all(str(user.target) == "aten.linear.default" for user in b.fx.users):
        return parts  # channels side by side in front of a Linear: the sum of a Linear on each
    if rank != 3 or dim % rank != 1:
        raise b.fail(
            f"concatenation along axis {dim} of a {rank}-dimensional tensor: only along tokens, or channels in front of a Linear"
        )
    if any((part.index if isinstance(part, Stream) else part).shape[0] != 1 for part in parts):
        raise b.fail("concatenation along the tokens of windows: only one sequence of tokens is supported")
    ports = []
    for i, part in enumerate(parts):
        stream = part if isinstance(part, Stream) else b.constant(_constant_name(b, b.fx.args[0][i], "constant"), part)
        ports.append(b.token_port(b.plain(stream)))
    tokens = sum(b.nodes[port.node].tokens for port in ports)
    node = Concatenate(b.unique(_dotted(b.where, "concatenate")), tuple(ports), (tokens, ports[0].width))
    return Stream(node.name, torch.unsqueeze(b.add(node).index, 0))


def _add(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Stream:
    import torch

    if alpha != 1:
        raise b.fail(f"alpha {alpha}: only plain addition is supported")
    if not isinstance(x, Stream):
        x, y, other = y, x, b.fx.args[0]
    else:
        other = b.fx.args[1]
    if b.nodes[x.node].is_map and isinstance(y, torch.Tensor):
        bias = y if x.bias is None else x.bias + y
        return Stream(b.read(x).node, x.index, x.scale, torch.broadcast_to(bias, x.index.shape), x.version)
    if isinstance(y, int | float):
        y = torch.full(x.index.shape, float(y), dtype=b.dtype)
    if isinstance(y, torch.Tensor):
        y = b.constant(_constant_name(b, other, "constant"), torch.broadcast_to(y, x.index.shape))
    if x.scale != y.scale or x.bias is not None or y.bias is not None:
        raise b.fail(f"addends carry the scales {x.scale:g} and {y.scale:g}: no unit to move them into")
    shape = torch.broadcast_shapes(x.index.shape, y.index.shape)
    if not shape.numel() == x.index.numel() == y.index.numel():
        raise b.fail(f"adds shapes {tuple(x.index.shape)} and {tuple(y.index.shape)}: one is spread over the other")
    ports = (b.token_port(x), b.token_port(y))
    node = Add(b.unique(_dotted(b.where, "add")), ports, (b.nodes[ports[0].node].tokens, ports[0].width))
    return Stream(node.name, b.add(node).index.reshape(shape), x.scale)


def _mul(b: Builder, x: Any, y: Any) -> Stream:
    if not isinstance(x, Stream):
        x, y = y, x
    if isinstance(y, Stream):
        return _gate(b, x, y)
    if isinstance(y, int | float) or y.numel() == 1:
        if x.bias is not None:
            raise b.fail("scaling an attention map after its bias was added is not supported")
        return Stream(x.node, x.index, x.scale * float(y), None, x.version)
    if b.nodes[x.node].is_map:
        raise b.fail("a factor per head on an attention map (gated attention) has no unit: attention is softmax(q k^T + bias) v")
    if x.index.ndim > 1 and y.numel() != y.shape[-1]:
        raise b.fail(
            f"a factor of shape {tuple(y.shape)} varies from token to token or head to head, as in "
            "rotary position embedding (RoPE) of q "
            "and k, which has no rule yet: take a model with absolute or relative positions"
        )
    return fold_affine(b, x, y.reshape(-1), None, "LayerScale")


def _div(b: Builder, x: Any, y: Any) -> Stream:
    if isinstance(y, Stream):
        raise b.fail("division by a value that varies with the image is not supported")
    return _mul(b, x, 1.0 / y)


def _gate(b: Builder, x: Stream, y: Stream) -> Stream:
    """X * sigmoid(s x): SiLU for s = 1, quick GELU for s = 1.702."""
    for value, gate in ((x, y), (y, x)):
        unit = b.nodes[gate.node]
        unscaled = value.scale == gate.scale == 1.0
        if isinstance(unit, ECUnit) and unit.function == "sigmoid" and unscaled and unit.inputs == (b.token_port(value),):
            functions: dict[float, ECFunction] = {1.0: "silu", 1.702: "quick_gelu"}
            if unit.input_scale in functions:
                return _expectation(b, value, functions[unit.input_scale])
    raise b.fail("a product of two streams is supported only as x*sigmoid(x) and x*sigmoid(1.702 x)")


def _layer_norm(
    b: Builder,
    x: Stream,
    shape: list[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
    _cudnn: bool = False,
) -> Stream:
    import torch

    port = b.token_port(x)
    if list(shape) != [port.width]:
        raise b.fail(f"normalises over {list(shape)}, needs the {port.width} channels of a token")
    weight = torch.ones(port.width, dtype=b.dtype) if weight is None else weight
    bias = torch.zeros(port.width, dtype=b.dtype) if bias is None else bias
    node = ECUnit(
        b.unique(b.where or "layer_norm"), (port,), (b.nodes[port.node].tokens, port.width), "layer_norm", float(eps), x.scale
    )
    return Stream(node.name, b.add(node, weight=weight, bias=bias).index.reshape(x.index.shape))


def _softmax(b: Builder, x: Stream, dim: int, _half_or_dtype: Any = None) -> Stream:
    port = b.map_port(x)
    if port is None or dim % x.index.ndim != x.index.ndim - 1:
        raise b.fail("softmax is supported over the keys of an attention map only")
    shape = b.nodes[port.node].shape
    node = ECUnit(b.unique(_dotted(b.where, "softmax")), (port,), shape, "softmax", 0.0, x.scale, x.bias is not None)
    bias = None if x.bias is None else x.bias.reshape(shape).contiguous()
    return Stream(node.name, b.add(node, bias=bias).index.reshape(x.index.shape))


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
    scores = _mul(b, lower_matmul(b, q, keys), depth**-0.5 if scale is None else scale)
    if attn_mask is not None and not (attn_mask.dtype == torch.bool and attn_mask.all()):
        if not attn_mask.is_floating_point() or not attn_mask.isfinite().all():
            raise b.fail("a mask of True and False or of -inf is not supported: leave it out, or add a finite bias")
        scores = _add(b, scores, attn_mask)
    return lower_matmul(b, _softmax(b, scores, -1), v)


def _amax(b: Builder, x: Stream, dim: Any = (), keepdim: bool = False) -> None:
    """The largest score of each row, if it is only taken off in front of a softmax, which that does not change."""
    over_keys = keepdim and [d % x.index.ndim for d in dim] == [x.index.ndim - 1] and b.map_port(x) is not None
    softmax = ("aten.softmax.int", "aten._softmax.default")
    for user in b.fx.users:
        taken_off = str(user.target) == "aten.sub.Tensor" and user.args == (b.fx.args[0], b.fx) and not user.kwargs
        last = all(str(n.target) in softmax and n.args[1] % x.index.ndim == x.index.ndim - 1 for n in user.users)
        if not (over_keys and taken_off and last):
            raise b.fail("supported only as scores - scores.amax(-1, keepdim=True) in front of a softmax over the keys")


def _stack(b: Builder, parts: list[Any], dim: int = 0) -> list[Any]:
    """Parallel branches, if they are only summed again."""
    summed = all(str(user.target) == "aten.sum.dim_IntList" and list(user.args[1:]) == [[0]] for user in b.fx.users)
    if dim or not summed or not all(isinstance(part, Stream) for part in parts):
        raise b.fail("supported only as torch.stack(branches).sum(0)")
    return parts


def _sum(b: Builder, parts: Any, dims: Any = ()) -> Stream:
    if not isinstance(parts, list):
        raise b.fail("a sum along an axis is supported only as torch.stack(branches).sum(0)")
    return cast(Stream, functools.reduce(functools.partial(_add, b), parts))


def _sub(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Stream:
    if y is None:  # what `_amax` gives
        return cast(Stream, x)
    if not isinstance(x, Stream) or isinstance(y, Stream) or alpha != 1:
        raise b.fail("a difference of two streams, or alpha, is not supported: only a constant can be taken off")
    return _add(b, x, -y)


def _gelu(b: Builder, x: Stream, *, approximate: str = "none") -> Stream:
    return _expectation(b, x, "gelu_tanh" if approximate == "tanh" else "gelu")


def _elementwise(function: ECFunction) -> Callable[..., Stream]:
    def rule(b: Builder, x: Stream) -> Stream:
        return _expectation(b, x, function)

    return rule


def _expectation(b: Builder, x: Stream, function: ECFunction) -> Stream:
    if x.bias is not None:
        raise b.fail("an attention bias is supported in front of a softmax only")
    port = b.token_port(x)
    name = b.unique(b.where or function)
    node = ECUnit(name, (port,), (b.nodes[port.node].tokens, port.width), function, 0.0, x.scale)
    return Stream(name, b.add(node).index.reshape(x.index.shape))


def _mean(b: Builder, x: Stream, dims: list[int], keepdim: bool = False, **_: Any) -> Stream:
    if x.index.ndim != 3 or len(dims) != 1 or dims[0] % 3 == 2 or x.index.shape[1 - dims[0] % 3] != 1:
        raise b.fail(f"mean over axes {dims} of shape {tuple(x.index.shape)}: only the token axis is supported")
    port = b.token_port(x)
    node = b.nodes[port.node]
    name = b.unique(_dotted(b.where, "token_mean"))
    stream = b.add(TokenMean(name, (port,), (1, port.width), 0, node.tokens))
    shape = (1, 1, port.width) if keepdim else (1, port.width)
    return Stream(name, stream.index.reshape(shape), b.read(x).scale)


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
) -> Stream:
    import torch

    if training:
        raise b.fail("batch normalisation in training mode: call model.eval()")
    gain = torch.rsqrt(variance + eps) * (1.0 if weight is None else weight)
    return fold_affine(b, x, gain, (0.0 if bias is None else bias) - mean * gain, "BatchNorm", channel_axis=1)


def _batch_norm_functional(
    b: Builder, x: Stream, weight: Any, bias: Any, mean: Any, variance: Any, _m: float, eps: float
) -> list[Any]:
    return [_batch_norm(b, x, weight, bias, mean, variance, False, _m, eps, False), None, None]


def _constant_name(b: Builder, fx_node: Any, fallback: str) -> str:
    """The parameter's own name for ``p_pos_embed``, through expands; else the module's."""
    import torch

    while isinstance(fx_node, torch.fx.Node) and fx_node.op == "call_function" and fx_node.args:
        fx_node = fx_node.args[0]
    if isinstance(fx_node, torch.fx.Node) and fx_node.op == "placeholder":
        return fx_node.name.removeprefix("p_").removeprefix("b_")
    return _dotted(b.where, fallback)


def _dotted(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


OPERATORS: dict[str, Callable[..., Any]] = {
    "conv2d": _conv2d,
    "im2col": _unfold,
    "cat": _cat,
    "add": _add,
    "add_": _add,
    "mul": _mul,
    "div": _div,
    "linear": _linear,
    "matmul": lower_matmul,
    "bmm": lower_matmul,
    "layer_norm": _layer_norm,
    "scaled_dot_product_attention": _attention,
    "einsum": lower_einsum,
    "amax": _amax,
    "sub": _sub,
    "stack": _stack,
    "sum": _sum,
    "softmax": _softmax,
    "_softmax": _softmax,
    "gelu": _gelu,
    "silu": _elementwise("silu"),
    "relu": _elementwise("relu"),
    "sigmoid": _elementwise("sigmoid"),
    "tanh": _elementwise("tanh"),
    "mean": _mean,
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm_functional,
}


_ACTIVATION = "this activation has no unit; the nearest are relu, silu and gelu: exchange it and fine-tune the model"
_WINDOWS = "windows of an image-shaped stream (Swin and its kind) have no rule yet: take a model whose attention sees all tokens"
_POOLING = "pooling over height and width has no unit: pool tokens by their mean, a class token or attention"
NEAREST: dict[str, str] = {
    **dict.fromkeys(
        ("hardswish", "hardsigmoid", "hardtanh", "relu6", "leaky_relu", "elu", "prelu", "softplus", "mish"), _ACTIVATION
    ),
    **dict.fromkeys(("pad", "roll"), _WINDOWS),
    **dict.fromkeys(("max_pool2d", "max_pool1d", "avg_pool2d", "adaptive_avg_pool2d"), _POOLING),
    "rms_norm": "RMSNorm has no unit yet: take a model with LayerNorm",
    "group_norm": "GroupNorm has no unit: take a model with LayerNorm or BatchNorm",
}
"""What to do about operators that people bring often and that have no rule, by name."""


def supported_operators() -> tuple[str, ...]:
    """Names of the ATen operators that have a rule, sorted."""
    return tuple(sorted({*OPERATORS, *LAYOUTS, *IDENTITIES, *COPIES}))
