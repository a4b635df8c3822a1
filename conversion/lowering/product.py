"""Matrix products of two streams: Q K^T and attention times V, each with MT neurons on both operands."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from synaptile.conversion.graph import Port, ProductUnit
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.linear import add_site
from synaptile.conversion.lowering.values import Stream

if TYPE_CHECKING:
    import torch


_CONSTANT = "write it as a Linear; of positions, take a model whose bias does not depend on the query"


def lower_matmul(b: Builder, x: Any, y: Any) -> Stream:
    """Recognise the form by its operands' layouts. Their scales stay pending, so that the sites see unscaled tensors."""
    if not isinstance(x, Stream):
        x = _constant_query(b, x)
    if not isinstance(y, Stream):
        raise b.fail(f"a matrix product with a constant operand, not a query: {_CONSTANT}")
    if x.bias is not None or y.bias is not None:
        raise b.fail("an attention bias is supported in front of a softmax only")
    stem = b.where or b.fx.name
    if b.map_port(_turned(y)) is not None:  # V^T times the transpose of attention, channels first
        return _turned(lower_matmul(b, _turned(y), _turned(x)))
    attention = b.map_port(x)
    if attention is None and (swapped := _swapped(b, y)) is not None:
        return lower_matmul(b, x, swapped)
    right = None if attention is None else b.head_port(y, transposed=False)
    if attention is not None and right is not None:
        port, heads, depth = right
        tokens, keys = b.nodes[attention.node].shape[1:]
        if heads != attention.width or b.nodes[port.node].tokens != keys:
            raise b.fail(
                f"map of {attention.width} heads and {keys} keys times {heads} heads of {b.nodes[port.node].tokens} tokens"
            )
        sites = (add_site(b, f"{stem}.softmax.out", attention), add_site(b, f"{stem}.v", port))
        node = ProductUnit(b.unique(f"{stem}.sv"), sites, (tokens, heads * depth), "sv", heads, keys, depth)
        rows = b.add(node).index.reshape(tokens, heads, depth).permute(1, 0, 2)
        return Stream(node.name, rows.reshape(*x.index.shape[:-1], depth), x.scale * y.scale)
    left, right = b.head_port(x, transposed=False), b.head_port(y, transposed=True)
    if left is None or right is None or left[1:] != right[1:]:
        raise b.fail(_mismatch(b, x, y, left, right))
    tokens, keys = b.nodes[left[0].node].tokens, b.nodes[right[0].node].tokens
    _, heads, depth = left
    sites = (add_site(b, f"{stem}.q", left[0]), add_site(b, f"{stem}.k", right[0]))
    node = ProductUnit(b.unique(f"{stem}.qk"), sites, (heads, tokens, keys), "qk", heads, keys, depth)
    index = b.add(node).index
    return Stream(node.name, index.reshape(*x.index.shape[:-1], keys), x.scale * y.scale)


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


def lower_einsum(b: Builder, equation: str, operands: Any, **_kwargs: Any) -> Stream:
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
    if not all(isinstance(operand, Stream) for operand in operands):
        raise b.fail(f"{equation!r} with a constant operand: {_CONSTANT}")
    if len(operands) != 2 or not once or not whole or not len(rows) == len(columns) == len(summed) == 1:
        raise b.fail(f"{equation!r}: supported only as the product of two streams, 'bhqd,bhkd->bhqk' or 'bhqk,bhkd->bhqd'")

    def ordered(stream: Stream, given: str | list[str], wanted: str | list[str]) -> Stream:
        return dataclasses.replace(stream, index=stream.index.permute([given.index(axis) for axis in wanted]))

    x = ordered(operands[0], left, [*shared, *rows, *summed])
    y = ordered(operands[1], right, [*shared, *summed, *columns])
    return ordered(lower_matmul(b, x, y), [*shared, *rows, *columns], result)
