"""Sums and products of streams and constants, element by element."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from synaptile.conversion.graph import Add, ECFunction, ECUnit, Gate, ProductUnit, Rotation
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.fold import fold_affine
from synaptile.conversion.lowering.forms import as_form, scaled, settled, summed
from synaptile.conversion.lowering.functions import lower_expectation, lower_normalize
from synaptile.conversion.lowering.names import constant_name, dotted
from synaptile.conversion.lowering.values import Form, Length, Stream
from synaptile.foundation.errors import ModelError

if TYPE_CHECKING:
    import torch


def lower_add(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Stream | Form:
    """A sum of two streams, or of one and a constant."""
    import torch

    if alpha != 1:
        raise b.fail(f"alpha {alpha}: only plain addition is supported")
    if not isinstance(x, Stream | Form):
        x, y, other = y, x, b.fx.args[0]
    else:
        other = b.fx.args[1] if len(b.fx.args) > 1 else None
    if b.nodes[x.node].is_map and isinstance(y, torch.Tensor):
        x = cast(Stream, settled(b, x))
        bias = y if x.bias is None else x.bias + y
        return Stream(b.read(x).node, x.index, x.scale, torch.broadcast_to(bias, x.index.shape), x.version)
    if isinstance(y, Stream | Form):
        return _streams(b, x, y)
    if isinstance(y, int | float):
        y = torch.full(x.index.shape, float(y), dtype=b.dtype)
    constant = torch.broadcast_to(y, x.index.shape)
    port, place = b.elements(unscaled(b, x))
    rows = torch.empty(constant.numel(), dtype=b.dtype)
    rows[place.reshape(-1)] = constant.reshape(-1).to(b.dtype)
    added = b.constant(constant_name(b, other, "constant"), rows.reshape(b.nodes[port.node].tokens, port.width))
    node = Add(b.unique(dotted(b.where, "add")), (port, b.whole(added.node)), (b.nodes[port.node].tokens, port.width))
    b.add(node)
    return Stream(node.name, place)


def _streams(b: Builder, x: Stream | Form, y: Stream | Form) -> Stream | Form:
    x, y = b.rows_of_map(x), b.rows_of_map(y)
    forms = isinstance(x, Form) or isinstance(y, Form) or x.scale != y.scale
    if forms and x.node == y.node:
        return summed(b, x, y)
    if forms:
        x, y = unscaled(b, x), unscaled(b, y)
    assert isinstance(x, Stream) and isinstance(y, Stream)
    ports, place = _alike(b, x, y)
    node = Add(b.unique(dotted(b.where, "add")), ports, (b.nodes[ports[0].node].tokens, ports[0].width))
    b.add(node)
    return Stream(node.name, place, x.scale)


def _alike(b: Builder, x: Stream, y: Stream) -> Any:
    """Ports on two streams whose elements meet, spread over each other, and the place of each pair.

    They meet in the order in which one of them stands, the first's if neither stands in that of its tensor.
    """
    import torch

    both = zip((x, y), torch.broadcast_tensors(x.index, y.index), strict=True)
    pair = [dataclasses.replace(one, index=index) for one, index in both]
    spread = [one.index.numel() < pair[0].index.numel() for one in (x, y)]
    met = [b.elements(one) if not far else None for one, far in zip(pair, spread, strict=True)]
    if met[0] and met[1] and met[0][0].width == met[1][0].width and torch.equal(met[0][1], met[1][1]):
        return (met[0][0], met[1][0]), met[0][1]
    places = [None if one is None else one[1].reshape(-1) for one in met]
    stands = [place is not None and torch.equal(place, torch.arange(place.numel())) for place in places]
    lead = int((stands[1] and not stands[0]) or met[0] is None)
    leading = met[lead]
    if leading is None:
        leading = b.token_port(pair[lead]), torch.arange(pair[lead].index.numel()).reshape(pair[lead].index.shape)
    port, place = leading
    rows = torch.empty(place.numel(), dtype=torch.long)
    rows[place.reshape(-1)] = pair[1 - lead].index.reshape(-1)
    other = b.token_port(dataclasses.replace(pair[1 - lead], index=rows.reshape(-1, port.width)))
    return ((port, other), place) if lead == 0 else ((other, port), place)


def unscaled(b: Builder, x: Stream | Form) -> Stream:
    """A stream without a pending scale: a factor per element where there is one."""
    if isinstance(x, Stream) and x.scale == 1.0:
        return b.plain(x)
    stream = cast(Stream, settled(b, as_form(b, x)))
    return stream if stream.scale == 1.0 else constant_factor(b, stream)


def constant_factor(b: Builder, x: Stream) -> Stream:
    """One factor for all elements, as a rotation without partners."""
    import torch

    port, place = b.elements(dataclasses.replace(x, scale=1.0))
    tokens = b.nodes[port.node].tokens
    node = Rotation(b.unique(dotted(b.where, "scale")), (port,), (tokens, port.width), 1, 1)
    b.add(node, cos=torch.full((tokens, 1), x.scale, dtype=b.dtype))
    return Stream(node.name, place)


def lower_mul(b: Builder, x: Any, y: Any) -> Stream | Form:
    """A product with a constant, kept pending or folded where it can be, or of two streams."""
    if not isinstance(x, Stream | Form):
        x, y = y, x
    if isinstance(y, Stream | Form):
        return _gate(b, settled(b, x), settled(b, y))
    if isinstance(y, int | float) or y.numel() == 1:
        if isinstance(x, Form):
            import torch

            return scaled(b, x, torch.as_tensor(float(y)))
        if x.bias is not None:
            x = b.rows_of_map(x)
        return Stream(x.node, x.index, x.scale * float(y), None, x.version)
    if b.nodes[x.node].is_map:
        scores = cast(Stream, settled(b, x))
        if _per_head(b, scores, y):
            return scores
        x = b.rows_of_map(scores)
    varies = [axis - y.ndim for axis, extent in enumerate(y.shape) if extent > 1]
    if len(varies) == 1 and isinstance(x, Stream) and x.scale == 1.0 and not _read_elsewhere(b):
        try:
            return fold_affine(b, x, y.reshape(-1), None, "LayerScale", channel_axis=varies[0])
        except ModelError:
            pass  # a factor per element then
    return scaled(b, x, y)


def per_channel(b: Builder, x: Any, gain: torch.Tensor, offset: torch.Tensor, what: str, channel_axis: int) -> Stream | Form:
    """``gain * x + offset`` per channel: folded into the weights in front, else a factor and an addend per element."""
    if not _read_elsewhere(b):
        try:
            return fold_affine(b, x, gain, offset, what, channel_axis)
        except ModelError:
            pass
    shape = [1] * x.index.ndim
    shape[channel_axis] = -1
    return lower_add(b, scaled(b, x, gain.reshape(shape)), offset.reshape(shape))


def _per_head(b: Builder, x: Stream, y: torch.Tensor) -> bool:
    """A factor per head of q k^T (a learned temperature): q times it, in front of its neurons. False where it is no such."""
    import torch

    product = b.nodes[x.node]
    if b.map_port(x) is None or torch.broadcast_shapes(y.shape, x.index.shape) != x.index.shape:
        return False
    factors = torch.broadcast_to(y, x.index.shape).reshape(product.shape)
    alike = bool((factors == factors[:, :1, :1]).all())
    read = any(port.node == x.node for other in b.nodes.values() for port in other.inputs) or _read_elsewhere(b)
    if not isinstance(product, ProductUnit) or product.form != "qk" or not alike or read or x.bias is not None:
        return False
    site = b.nodes[product.inputs[0].node]
    rows = factors[:, 0, 0].repeat_interleave(product.head_width).expand(site.tokens, -1)
    node = Rotation(b.unique(f"{site.name}.scale"), site.inputs, site.shape, 1, site.width)
    b.add(node, cos=rows.to(b.dtype).contiguous())
    b.replace(dataclasses.replace(site, inputs=(b.whole(node.name),)))
    return True


def _read_elsewhere(b: Builder) -> bool:
    """Whether what the operator multiplies is read unscaled, too, by whatever name: then nothing can be folded in front."""
    import torch

    pending = [argument for argument in b.fx.args if isinstance(argument, torch.fx.Node) and argument.op == "call_function"]
    while pending:
        node = pending.pop()
        if len([user for user in node.users if user.users]) > 1:
            return True
        if isinstance(node.target, torch._ops.OpOverload) and (node.target.is_view or "dropout" in str(node.target)):
            pending += [source for source in node.all_input_nodes if source.op == "call_function"]
    return False


def lower_addcmul(b: Builder, x: Any, y: Any, z: Any, *, value: float = 1) -> Stream | Form:
    """``x + value * y * z``."""
    product = lower_mul(b, y, z) if isinstance(y, Stream | Form) or isinstance(z, Stream | Form) else y * z
    if value != 1:
        product = lower_mul(b, product, value) if isinstance(product, Stream | Form) else product * value
    return lower_add(b, product, x)


def lower_div(b: Builder, x: Any, y: Any) -> Stream | Form:
    """A quotient by a constant."""
    if isinstance(y, Length):
        return lower_normalize(b, settled(b, x), y)
    if isinstance(y, Stream | Form):
        raise b.fail(
            "division by a value that varies with the image has no unit: divide in a softmax or a norm, or by a constant"
        )
    return lower_mul(b, x, 1.0 / y)


def lower_square(b: Builder, x: Stream, exponent: Any) -> Stream | Form:
    """A square, as the product of a stream with itself; the first power is the stream."""
    if exponent not in (1, 2):
        raise b.fail(f"power {exponent}: only squares have a unit, the product of a stream with itself")
    return x if exponent == 1 else _gate(b, x, x)


def lower_neg(b: Builder, x: Stream | Form) -> Stream | Form:
    """The negative."""
    return lower_mul(b, x, -1.0)


def lower_sub(b: Builder, x: Any, y: Any, *, alpha: float = 1) -> Stream | Form:
    """A difference."""
    if y is None:  # what the largest score of each row in front of a softmax gives
        return cast(Stream, x)
    if alpha != 1:
        raise b.fail(f"alpha {alpha}: only plain subtraction is supported")
    return lower_add(b, x, lower_neg(b, y) if isinstance(y, Stream | Form) else -y)


def _gate(b: Builder, x: Stream, y: Stream) -> Stream:
    """X * sigmoid(s x) is SiLU for s = 1, quick GELU for s = 1.702; any other product multiplies streams of one shape."""
    x, y = b.rows_of_map(x), b.rows_of_map(y)
    for value, gate in ((x, y), (y, x)):
        unit = b.nodes[gate.node]
        unscaled = value.scale == gate.scale == 1.0
        if isinstance(unit, ECUnit) and unit.function == "sigmoid" and unscaled and unit.inputs == (b.elements(value)[0],):
            functions: dict[float, ECFunction] = {1.0: "silu", 1.702: "quick_gelu"}
            if unit.input_scale in functions:
                return lower_expectation(b, value, functions[unit.input_scale])
    ports, place = _alike(b, x, y)
    node = Gate(b.unique(dotted(b.where, "gate")), ports, (b.nodes[ports[0].node].tokens, ports[0].width))
    b.add(node)
    return Stream(node.name, place, x.scale * y.scale)
