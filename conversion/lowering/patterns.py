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


class Digits(NamedTuple):
    """Places as ``arange(size).reshape(extents)``, copied along further axes `repeats`, gives them by ``permute(order)``."""

    extents: tuple[int, ...]
    order: tuple[int, ...]
    repeats: tuple[int, ...]


def digits(places: torch.Tensor) -> Digits | None:
    """The digits of which places, flat, are made; None if they are made of none."""
    found: list[tuple[int, int]] = []
    rest = places
    while rest.numel() > 1:
        stride = int(rest[1] - rest[0])
        other = (rest.diff() != stride).nonzero()
        size = int(other[0]) + 1 if other.numel() else rest.numel()
        if stride < 0 or rest.numel() % size or bool((rest.reshape(-1, size).diff(dim=1) != stride).any()):
            return None
        found.append((stride, size))
        rest = rest[::size]
    outermost = found[::-1]
    by_stride = sorted((one for one in outermost if one[0]), reverse=True)
    expected = 1
    for stride, size in reversed(by_stride):
        if stride != expected:
            return None
        expected *= size
    if int(rest[0]) or expected != int(places.max()) + 1:
        return None
    repeats = [size for stride, size in outermost if not stride]
    copied = iter(range(len(by_stride), len(outermost)))
    order = tuple(by_stride.index(one) if one[0] else next(copied) for one in outermost)
    return Digits(tuple(size for _, size in by_stride), order, tuple(repeats))
