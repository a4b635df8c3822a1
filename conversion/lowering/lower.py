"""The lowering itself: walk the exported ATen graph, fold constants, run layouts on indices, hand the rest to operators."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from synaptile.conversion.graph import ImageSource, PatchEmbedding, ReadOut, SpikingGraph
from synaptile.conversion.graph.needed import without_dead_nodes
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.convolution import pixels
from synaptile.conversion.lowering.forms import settled
from synaptile.conversion.lowering.operators import (
    IDENTITIES,
    IGNORED,
    LAYOUTS,
    NEAREST,
    OF_FORMS,
    OF_MAPS,
    OF_PIXELS,
    OPERATORS,
    supported_operators,
)
from synaptile.conversion.lowering.values import Form, Length, Padded, Stream
from synaptile.conversion.trace import TracedModel
from synaptile.foundation.errors import ModelError, UnsupportedOperator


def lower(traced: TracedModel, *, shares: bool = False) -> SpikingGraph:
    """A SpikingGraph of ECMT structure with every MT threshold still at 1, n at 8; `shares`: its weights may be the model's.

    Raises UnsupportedOperator for an operator without a rule and ModelError for a known one in a layout no unit can read.
    """
    import torch

    floating = (tensor.dtype for tensor in traced.constants.values() if tensor.is_floating_point())
    builder = Builder(traced.name, traced.constant_names, next(floating, torch.float32), shares=shares)
    values: dict[str, Any] = {}
    done_with = _last_uses(traced)
    result: Any = None
    alive = _alive(traced)
    for fx_node in traced.program.graph.nodes:
        builder.fx = fx_node
        if fx_node.op == "call_function" and fx_node.name not in alive:
            continue
        if fx_node.op == "placeholder":
            values[fx_node.name] = _placeholder(builder, traced, fx_node.name)
        elif fx_node.op == "output":
            result = _resolve(fx_node.args[0], values)
        elif fx_node.op == "call_function":
            with torch.no_grad():
                values[fx_node.name] = _call(builder, traced, fx_node, values)
        else:
            raise UnsupportedOperator(f"model {traced.name}: graph entry {fx_node.op!r} ({fx_node.target}) is not supported")
        for name in done_with.get(fx_node.name, ()):
            values.pop(name, None)
    return _finish(builder, traced, result)


def _alive(traced: TracedModel) -> set[str]:
    """Entries that the output depends on: attention weights that nobody reads, for one, need no rule."""
    alive: set[str] = set()
    for fx_node in reversed(list(traced.program.graph.nodes)):
        if fx_node.op == "output" or fx_node.name in alive:
            alive.update(source.name for source in fx_node.all_input_nodes)
    return alive


def _last_uses(traced: TracedModel) -> dict[str, list[str]]:
    """Values to drop after each entry: indices of attention maps are large, and no later entry reads them."""
    dropped: dict[str, list[str]] = {}
    seen: set[str] = set()
    for fx_node in reversed(list(traced.program.graph.nodes)):
        for source in fx_node.all_input_nodes:
            if source.name not in seen:
                seen.add(source.name)
                dropped.setdefault(fx_node.name, []).append(source.name)
    return dropped


def _placeholder(builder: Builder, traced: TracedModel, name: str) -> Any:
    if name in traced.constants:
        return traced.constants[name]
    if any(isinstance(node, ImageSource) for node in builder.nodes.values()):
        raise ModelError(f"model {traced.name} takes more than one input ({name!r} besides the image): one image is supported")
    source = builder.add(traced.source)
    return dataclasses.replace(source, index=source.index.reshape(1, *traced.source.image_shape))


def _call(builder: Builder, traced: TracedModel, fx_node: Any, values: dict[str, Any]) -> Any:
    import torch

    args = _resolve(fx_node.args, values)
    kwargs = _resolve(dict(fx_node.kwargs), values)
    target = _free(fx_node.target)
    name = getattr(target, "_overloadpacket", target)
    name = getattr(name, "__name__", str(name))
    if not _has_stream(args) and not _has_stream(kwargs):
        return target(*args, **kwargs)
    if name in IGNORED:
        return None
    if name in IDENTITIES:
        builder.rounds |= builder.dtype == torch.float64 and torch.float32 in (*args, *kwargs.values())
        return args[0]
    if name in LAYOUTS and isinstance(args[0], Length):  # spread over what is divided by it
        return args[0]
    if name in LAYOUTS:
        return _lay_out(builder, name, target, args, kwargs)
    if name not in OF_PIXELS:
        args, kwargs = (_each(value, lambda one: _as_pixels(builder, one)) for value in (args, kwargs))
    if name not in OF_FORMS:
        args, kwargs = (_each(value, lambda one: settled(builder, one)) for value in (args, kwargs))
    if name not in OF_MAPS:
        args, kwargs = (_each(value, lambda one: _as_rows(builder, one)) for value in (args, kwargs))
    if name in OPERATORS:
        rule = OPERATORS[name]
        try:
            inspect.signature(rule).bind(builder, *args, **kwargs)
        except TypeError as error:
            raise builder.fail(f"this overload is not supported: {error}") from None
        return rule(builder, *args, **kwargs)
    remedy = NEAREST.get(name.rstrip("_"), "write it with supported operators, or add a rule (docs/extend.md)")
    raise UnsupportedOperator(
        f"model {traced.name}: operator {target} in module {builder.where or '(root)'!r} is not supported: {remedy}; "
        f"supported: {', '.join(supported_operators())}"
    )


def _as_pixels(builder: Builder, value: Any) -> Any:
    image = isinstance(value, Stream) and isinstance(builder.nodes[value.node], ImageSource)
    return pixels(builder, value) if image else value


def _as_rows(builder: Builder, value: Any) -> Any:
    return builder.rows_of_map(value) if isinstance(value, Stream | Form) else value


def _free(target: Any) -> Any:
    """A view as a reshape: strides are those of the tensor in the model, not of an index, which may lie in another order."""
    import torch

    aten = torch.ops.aten
    views = {aten.view.default: aten.reshape.default, aten._unsafe_view.default: aten.reshape.default}
    return views.get(target, aten.reshape_as.default if target is aten.view_as.default else target)


def _lay_out(builder: Builder, name: str, target: Any, args: Any, kwargs: Any) -> Any:
    """A value in another layout; a part that no node could read from where it stands is read from a stream put in order."""
    import torch

    others = _each(args[1:], lambda one: one.index if isinstance(one, Stream | Form) else one)  # of which the shape counts
    if name in ("view_as", "reshape_as"):
        others = (list(others[0].shape),)
    if "view" in name or name == "reshape_as":  # views fit the memory of the model's tensor, not of these indices
        target = torch.ops.aten.reshape.default
    moved = _run_layout(target, (args[0], *others), kwargs)
    cut = name in ("slice", "narrow") and isinstance(moved, Stream) and moved.bias is None
    whole = builder.cut(args[0], moved.index) if cut else None  # tokens that filled up windows are left out again
    return moved if whole is None else _run_layout(target, (whole, *others), kwargs)


def _run_layout(target: Any, args: Any, kwargs: Any) -> Any:
    """Apply a layout operator to the index tensor; scale, bias and version ride along."""
    import torch

    stream = args[0]
    if isinstance(stream, tuple | list):  # getitem on the result of unbind, split or chunk
        return target(*args, **kwargs)
    if isinstance(stream, Form):
        terms = [[target(tensor, *args[1:], **kwargs) for tensor in term] for term in stream.terms]
        if isinstance(terms[0][0], torch.Tensor):
            return dataclasses.replace(stream, terms=tuple((index, by) for index, by in terms))
        pieces = range(len(terms[0][0]))
        return [dataclasses.replace(stream, terms=tuple((index[i], by[i]) for index, by in terms)) for i in pieces]
    moved = target(stream.index, *args[1:], **kwargs)

    bias = None if stream.bias is None else target(stream.bias, *args[1:], **kwargs)
    if isinstance(moved, torch.Tensor):
        return dataclasses.replace(stream, index=moved, bias=bias)
    return [dataclasses.replace(stream, index=index, bias=None if bias is None else bias[i]) for i, index in enumerate(moved)]


def _finish(builder: Builder, traced: TracedModel, result: Any) -> SpikingGraph:
    output = _as_rows(builder, settled(builder, result[0] if isinstance(result, tuple | list) else result))
    if not isinstance(output, Stream) or (isinstance(result, tuple | list) and len(result) != 1):
        raise ModelError(f"model {traced.name} returns {type(result).__name__}, needs one tensor of logits")
    port = builder.token_port(output)
    if builder.nodes[port.node].tokens != 1:
        raise ModelError(f"model {traced.name} returns {builder.nodes[port.node].tokens} tokens of features: pool them to one")
    builder.add(ReadOut("readout", (port,), (1, port.width), output.scale))
    nodes, arrays = without_dead_nodes(builder.nodes, builder.arrays, "readout")
    for node in nodes:
        reads_pixels = any(isinstance(builder.nodes[port.node], ImageSource) for port in node.inputs)
        if reads_pixels and not isinstance(node, PatchEmbedding):
            raise ModelError(
                f"model {traced.name}: {node.kind} {node.name!r} computes on pixels: the first convolution or Linear reads the "
                "image as it is; scale and shift images in front of the model (the mean and std of its configuration)"
            )
    facts = {"model": traced.name} | ({"rounds": "float32"} if builder.rounds else {})
    return SpikingGraph.build(traced.name, nodes, arrays, facts)


def _resolve(value: Any, values: dict[str, Any]) -> Any:
    import torch

    return _each(value, lambda one: values[one.name] if isinstance(one, torch.fx.Node) else one)


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """A value, or each of those that it is made of, changed."""
    if isinstance(value, tuple | list):
        return type(value)(_each(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _each(item, change) for key, item in value.items()}
    return change(value)


def _has_stream(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return (
        any(_has_stream(item) for item in value)
        if isinstance(value, tuple | list)
        else isinstance(value, Stream | Form | Length | Padded)
    )
