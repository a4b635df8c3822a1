"""Streams times constants, and sums of such: what a model writes as ``q * cos + rotate_half(q) * sin`` becomes one rotation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from synaptile.conversion.graph import Add, Rotation
from synaptile.conversion.lowering.builder import Builder
from synaptile.conversion.lowering.names import dotted
from synaptile.conversion.lowering.patterns import Rectangle, rectangle
from synaptile.conversion.lowering.values import Form, Stream

if TYPE_CHECKING:
    import torch


def as_form(b: Builder, x: Stream | Form) -> Form:
    """A value without a pending bias as a sum of terms."""
    import torch

    if isinstance(x, Form):
        return x
    assert x.bias is None
    return Form(x.node, ((x.index, torch.full(x.index.shape, x.scale, dtype=torch.float64)),), x.version)


def scaled(b: Builder, x: Stream | Form, factor: torch.Tensor) -> Form:
    """A value times a constant that spreads over its shape."""
    import torch

    form = as_form(b, x)
    factor = factor.double()
    terms = tuple((torch.broadcast_tensors(index, factor)[0], by * factor) for index, by in form.terms)
    return Form(form.node, terms, form.version)


def joined(b: Builder, parts: list[Stream | Form], join: Any) -> Stream | Form:
    """Values of one node put together by `join`, a function of a list of tensors."""
    forms = [as_form(b, part) for part in parts]
    count = max(len(form.terms) for form in forms)
    padded = [(*form.terms, *[(form.terms[0][0], form.terms[0][1] * 0)] * (count - len(form.terms))) for form in forms]
    terms = tuple((join([terms[i][0] for terms in padded]), join([terms[i][1] for terms in padded])) for i in range(count))
    return simplified(Form(forms[0].node, terms, forms[0].version))


def summed(b: Builder, x: Stream | Form, y: Stream | Form) -> Stream | Form:
    """The sum of two values of one node."""
    import torch

    left, right = as_form(b, x), as_form(b, y)
    shape = torch.broadcast_shapes(left.index.shape, right.index.shape)
    terms = [(index.expand(shape), by.expand(shape)) for index, by in left.terms]
    for index, by in right.terms:
        index, by = index.expand(shape), by.expand(shape)
        alike = next((i for i, (known, _) in enumerate(terms) if torch.equal(known, index)), None)
        if alike is None:
            terms.append((index, by))
        else:
            terms[alike] = index, terms[alike][1] + by
    return simplified(Form(left.node, tuple(terms), left.version))


def simplified(form: Form) -> Stream | Form:
    """A plain stream where one factor holds for all elements; terms of zeros are dropped."""
    terms = tuple(term for term in form.terms if term[1].any()) or form.terms[:1]
    index, by = terms[0]
    if len(terms) == 1 and bool((by == by.reshape(-1)[0]).all()):
        return Stream(form.node, index, float(by.reshape(-1)[0]), None, form.version)
    return Form(form.node, terms, form.version)


def settled(b: Builder, x: Any) -> Any:
    """The stream that a value stands for: of a form a rotation's, anything else is passed on. Raises ModelError."""
    if not isinstance(x, Form):
        return x
    x = simplified(x)
    if isinstance(x, Stream):
        return x
    x = b.rows_of_map(x)
    node = b.nodes[x.node]
    if len(x.terms) <= 2:
        for main, *others in (x.terms, x.terms[::-1]):
            box = rectangle(main[0], node.width)
            if box is not None and (turned := _rotation(b, x.node, box, main[1], *others)) is not None:
                return turned
    return _sum_of_terms(b, x)


def _sum_of_terms(b: Builder, form: Form) -> Stream:
    """Each term a stream of its own, in the order of the tensor, with its factors; and their sum."""
    import torch

    ports = []
    for index, factor in form.terms:
        shape = (-1, index.shape[-1])
        port = b.token_port(Stream(form.node, index.reshape(shape), 1.0, None, form.version))
        node, by = b.nodes[port.node], factor.reshape(shape)
        if bool((by != 1).any()):
            box = Rectangle(0, node.tokens, port.start, port.width, torch.arange(by.numel()).reshape(by.shape))
            port = b.whole(cast(Stream, _rotation(b, port.node, box, by)).node)
        ports.append(port)
    tokens, width = b.nodes[ports[0].node].tokens, ports[0].width
    node = Add(b.unique(dotted(b.where, "add")), tuple(ports), (tokens, width))
    return Stream(node.name, b.add(node).index.reshape(form.index.shape))


def _rotation(
    b: Builder, source: str, box: Rectangle, cosines: torch.Tensor, other: tuple[torch.Tensor, torch.Tensor] | None = None
) -> Stream | None:
    import torch

    shape, place, width = (box.tokens, box.channels), box.place.reshape(-1), b.nodes[source].width
    tables = {"cos": torch.empty(box.tokens * box.channels, dtype=torch.float64)}
    tables["cos"][place] = cosines.reshape(-1)
    block = 1
    if other is not None:
        index, by = (one.reshape(-1) for one in other)
        channel, partner = place % box.channels, index % width - box.start
        turns = by != 0
        block = 2 * int((partner - channel)[turns].abs().max())
        if block == 0 or box.channels % block:
            return None
        meant = channel // block * block + (channel + block // 2) % block
        same_token = index // width - box.first == place // box.channels
        if not bool((same_token & (partner == meant))[turns].all()):
            return None
        tables["sin"] = torch.empty_like(tables["cos"])
        tables["sin"][place] = by
    rows = {name: table.reshape(shape) for name, table in tables.items()}
    period = next(p for p in range(block, box.channels + 1, block) if box.channels % p == 0 and _repeats(rows.values(), p))
    port = b.box_port(source, box)
    node = Rotation(b.unique(f"{b.where}.rotation" if b.where else "rotation"), (port,), shape, block, period)
    b.add(node, **{name: row[:, :period].to(b.dtype).contiguous() for name, row in rows.items()})
    return Stream(node.name, box.place)


def _repeats(tables: Iterable[torch.Tensor], period: int) -> bool:
    """Whether all tables, (tokens, channels), are their first channels over and over."""
    return all(bool((table.reshape(len(table), -1, period) == table[:, None, :period]).all()) for table in tables)
