"""Patterns of index tensors: which rectangle of a stream they fill, and how its elements are ordered there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class Rectangle(NamedTuple):
    """Tokens ``first : first+tokens``, channels ``start : start+channels`` of a stream that an index tensor fills exactly.

    `place` has the index tensor's shape: where in the rectangle, flat, each of its elements lies.
    """

    first: int
    tokens: int
    start: int
    channels: int
    place: torch.Tensor


def rectangle(index: torch.Tensor, width: int, *, copies: bool = False) -> Rectangle | None:
    """The rectangle whose every element an index tensor names once, of a stream that is `width` channels wide; None if none.

    With `copies` it may name each several times.
    """
    import torch

    token, channel = index // width, index % width
    first, start = int(token.min()), int(channel.min())
    tokens, channels = int(token.max()) + 1 - first, int(channel.max()) + 1 - start
    if tokens * channels > index.numel() or (tokens * channels < index.numel() and not copies):
        return None
    place = (token - first) * channels + (channel - start)
    met = torch.zeros(tokens * channels, dtype=torch.bool)
    met[place.reshape(-1)] = True
    return Rectangle(first, tokens, start, channels, place) if bool(met.all()) else None


def spanned(index: torch.Tensor, width: int) -> Rectangle:
    """The whole tokens, from the first to the last, among which an index tensor's elements lie."""
    first = int(index.min()) // width
    return Rectangle(first, int(index.max()) // width + 1 - first, 0, width, index - first * width)


class Digits(NamedTuple):
    """Places as ``arange(size).reshape(extents)`` gives them: of extents a range `taken`, copied along `repeats`, permuted."""

    extents: tuple[int, ...]
    taken: tuple[tuple[int, int], ...]
    order: tuple[int, ...]
    repeats: tuple[int, ...]


def digits(places: torch.Tensor, size: int) -> Digits | None:
    """The digits of which places, flat, below `size`, are made; None if they are made of none."""
    found: list[tuple[int, int]] = []
    rest = places
    while rest.numel() > 1:
        stride = int(rest[1] - rest[0])
        other = (rest.diff() != stride).nonzero()
        count = int(other[0]) + 1 if other.numel() else rest.numel()
        if stride < 0 or rest.numel() % count or bool((rest.reshape(-1, count).diff(dim=1) != stride).any()):
            return None
        found.append((stride, count))
        rest = rest[::count]
    outermost, offset = found[::-1], int(rest[0])
    by_stride = sorted((one for one in outermost if one[0]), reverse=True)
    extents, taken, limit = [], [], size
    for stride, count in by_stride:
        at = offset % limit // stride
        if limit % stride or at + count > limit // stride:
            return None
        extents.append(limit // stride)
        taken.append((at, at + count))
        limit = stride
    copied = iter(range(len(by_stride) + (limit > 1), len(outermost) + (limit > 1)))
    order = [by_stride.index(one) if one[0] else next(copied) for one in outermost]
    if limit > 1:  # one element of so many
        order.append(len(extents))
        extents.append(limit)
        taken.append((offset % limit, offset % limit + 1))
    whole = all((start, stop) == (0, extent) for (start, stop), extent in zip(taken, extents, strict=True))
    repeats = tuple(count for stride, count in outermost if not stride)
    return Digits(tuple(extents), () if whole else tuple(taken), tuple(order), repeats)
