"""Matrix products of two streams: Q K^T and attention times V, each with MT neurons on both operands."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import Port, ProductUnit
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.convolution import Windows, convolved
from synaptile.conversion.lowering.linear import add_site, lower_linear, owner
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


def lower_matmul(b: Builder, x: Any, y: Any) -> Stream:
    """Recognise the form by its operands' layouts. Their scales stay pending, so that the sites see unscaled tensors."""
    if not isinstance(x, Stream):
        x = _constant_query(b, x)
    if not isinstance(y, Stream):
        return _constant_right(b, x, y)
    x, y = (b.rows_of_map(one) if one.bias is not None else one for one in (x, y))
    stem = b.where or b.fx.name
    if b.map_port(_turned(y)) is not None:  # V^T times the transpose of attention, channels first
        return _turned(lower_matmul(b, _turned(y), _turned(x)))
    attention = b.map_port(x)
    if attention is None and (swapped := _swapped(b, y)) is not None:
        return lower_matmul(b, x, swapped)
    x, y = _spread(x, y)
    right = None if attention is None or b.nodes[y.node].is_map else b.head_port(y, transposed=False)
    if attention is not None and right is not None and right[1] == attention.width:
        port, heads, depth = right
        tokens, keys = b.nodes[attention.node].shape[1:]
        sites = (add_site(b, f"{stem}.softmax.out", attention), add_site(b, f"{stem}.v", port))
        node = ProductUnit(b.unique(f"{stem}.sv"), sites, (tokens, heads * depth), "sv", heads, keys, depth)
        rows = b.add(node).index.reshape(tokens, heads, depth).permute(1, 0, 2)
        return Stream(node.name, rows.reshape(*x.index.shape[:-1], depth), x.scale * y.scale)
    x, y = b.rows_of_map(x), b.rows_of_map(y)
    left, right = b.head_port(x, transposed=False), b.head_port(y, transposed=True)
    if left is None or right is None or left[1:] != right[1:]:
        raise b.fail(_mismatch(b, x, y, left, right))
    tokens, keys = b.nodes[left[0].node].tokens, b.nodes[right[0].node].tokens
    _, heads, depth = left
    sites = (add_site(b, f"{stem}.q", left[0]), add_site(b, f"{stem}.k", right[0]))
    node = ProductUnit(b.unique(f"{stem}.qk"), sites, (heads, tokens, keys), "qk", heads, keys, depth)
    index = b.add(node).index
    return Stream(node.name, index.reshape(*x.index.shape[:-1], keys), x.scale * y.scale)


def _spread(x: Stream, y: Stream) -> tuple[Stream, Stream]:
    """Operands with as many heads each: one that all share stands once for each."""
    import torch

    heads = torch.broadcast_shapes(x.index.shape[:-2], y.index.shape[:-2])
    x, y = (dataclasses.replace(one, index=one.index.expand(*heads, *one.index.shape[-2:])) for one in (x, y))
    return x, y


def _constant_right(b: Builder, x: Stream, y: torch.Tensor) -> Stream:
    """A constant matrix, one for all: a Linear; one for each of several rows of matrices: a grouped Linear."""
    import torch

    x = b.rows_of_map(x)
    columns = y.shape[-1]
    y = y.expand(*torch.broadcast_shapes(x.index.shape[:-2], y.shape[:-2]), *y.shape[-2:]).reshape(-1, *y.shape[-2:])
    if bool((y == y[:1]).all()):
        return lower_linear(b, x, y[0].t().contiguous())
    rows = x.index.reshape(len(y), *x.index.shape[-2:])  # groups, tokens, channels: an image a row high, channels grouped
    image = dataclasses.replace(x, index=rows.permute(0, 2, 1).reshape(1, -1, 1, rows.shape[1]))
    sizes = Windows((1, 1), (1, 1), (0, 0), (0, 0), (1, 1), len(y))
    weight = y.transpose(1, 2).reshape(-1, y.shape[1], 1, 1).contiguous()
    name = owner(b) or b.where or "product"
    found = convolved(b, image, weight, torch.zeros(len(weight), dtype=weight.dtype), sizes, name)
    index = found.index.reshape(len(y), columns, -1).transpose(1, 2)
    return dataclasses.replace(found, index=index.reshape(*x.index.shape[:-1], columns))


def _turned(x: Stream) -> Stream:
    """The transpose of a matrix, or of each of many."""
    return dataclasses.replace(x, index=x.index.transpose(-1, -2))


def _swapped(b: Builder, y: Stream) -> Stream | None:
    """A product K^T V that is multiplied from the left (linear attention), as the transpose of V^T K; None for anything else."""
    product = b.nodes[y.node]
    if not isinstance(product, ProductUnit) or product.form != "qk" or b.map_port(y) is None:
        return None
    heads, tokens, keys = product.shape
    name = b.unique(f"{product.name}.transposed")
    other = dataclasses.replace(product, name=name, inputs=product.inputs[::-1], shape=(heads, keys, tokens), keys=tokens)
    index = b.add(other).index.transpose(-1, -2)
    return Stream(name, index.reshape(y.index.shape), y.scale)


def _mismatch(b: Builder, x: Stream, y: Stream, *heads: tuple[Port, int, int] | None) -> str:
    """Why two operands are no Q K^T, and what to do."""
    shapes = f"operands of shapes {tuple(x.index.shape)} and {tuple(y.index.shape)} are neither Q K^T nor attention times V"
    wrong = [name for name, found in zip(("left", "right transposed"), heads, strict=True) if found is None]
    if not wrong:
        return f"{shapes}: heads or their widths differ; give q and k as many heads of one width"
    return (
        f"{shapes}: the {' and the '.join(wrong)} is no (heads, tokens, d) whose channels lie side by side in one node: take q "
        "and k from Linears, each head's channels together"
    )


def _constant_query(b: Builder, q: torch.Tensor) -> Stream:
    """A learned query (1, heads, tokens, d), as pooling by attention has it, from a constant stream (tokens, heads * d)."""
    if q.ndim not in (3, 4) or (q.ndim == 4 and q.shape[0] != 1):
        raise b.fail(f"a constant left operand of shape {tuple(q.shape)} is no query of (1, heads, tokens, d)")
    heads, tokens, depth = q.shape[-3:]
    rows = q.reshape(heads, tokens, depth).permute(1, 0, 2).reshape(1, tokens, heads * depth)
    stream = b.constant(f"{b.where or b.fx.name}.query", rows)
    index = stream.index.reshape(tokens, heads, depth).permute(1, 0, 2)
    return dataclasses.replace(stream, index=index.reshape(q.shape))


def lower_einsum(b: Builder, equation: str, operands: Any, **_kwargs: Any) -> Any:
    """An einsum that is a matrix product, as Q K^T and attention times V are; its axes are put in the product's order."""
    terms, _, result = equation.replace(" ", "").partition("->")
    left, _, right = terms.partition(",")
    shared = [axis for axis in result if axis in left and axis in right]
    rows, columns, summed = (
        [axis for axis in one if axis not in shared and (axis in other) == both]
        for one, other, both in ((left, right, False), (right, left, False), (left, right, True))
    )
    once = all(len(set(term)) == len(term) for term in (left, right, result)) and "." not in equation
    whole = sorted(result) == sorted([*shared, *rows, *columns])
    if len(operands) != 2 or not once or not whole or not (len(columns) == len(summed) == 1 <= len(rows)):
        raise b.fail(f"{equation!r}: supported only as the product of two streams, 'bhqd,bhkd->bhqk' or 'bhqk,bhkd->bhqd'")

    def ordered(value: Any, given: str | list[str], wanted: str | list[str]) -> Any:
        return _of_index(value, lambda index: index.permute([given.index(axis) for axis in wanted]))

    x = ordered(operands[0], left, [*shared, *rows, *summed])
    y = ordered(operands[1], right, [*shared, *summed, *columns])
    start, stop = len(shared), len(shared) + len(rows)
    extents = (x.index if isinstance(x, Stream) else x).shape[start:stop]
    x = _of_index(x, lambda index: index.flatten(start, stop - 1))
    product = _of_index(lower_matmul(b, x, y), lambda index: index.unflatten(start, extents))
    return ordered(product, [*shared, *rows, *columns], result)


def _of_index(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A constant, or the index of a stream, laid out anew."""
    return dataclasses.replace(value, index=change(value.index)) if isinstance(value, Stream) else change(value)
