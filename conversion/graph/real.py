"""Nodes on streams of real values, besides adds: rotations by position, products element by element, other orders of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.node import LATER, Law, Node, Read, Shape
from synaptile.foundation.errors import GraphError
from synaptile.foundation.types import Int64

T = TypeVar("T", bound="np.generic[Any]")


@dataclass(frozen=True)
class Rotation(Node):
    """Pairs of channels turned by an angle of their token (rotary position embedding, RoPE), of a stream (tokens, channels).

    ``y[t, c] = cos[t, c'] x[t, c] + sin[t, c'] x[t, partner(c)]``, c' = c mod `period`: heads turn alike where that is less than
    the width. Partners lie half a `block` of channels apart: halves of a head, or neighbours for a block of 2. A block of 1 has
    no partners: a factor per element. Linear, so that it is the same under every law. Arrays: ``cos`` and, for a block of 2
    or more, ``sin``, (tokens, period) each.
    """

    block: int
    period: int

    kind = "rotation"
    reads_maps = False

    def array_shapes(self) -> dict[str, Shape]:
        """Factors of a channel and of its partner."""
        return dict.fromkeys(("cos", "sin")[: 1 + (self.block > 1)], (self.tokens, self.period))

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """That of the input."""
        block, period, width = self.block, self.period, reads[0].shape[1]
        if block < 1 or (block > 1 and block % 2) or period < 1 or width % period or period % block:
            raise GraphError(
                f"rotation {self.name!r} has blocks of {block}, period {period}, {width} channels: blocks are 1 or even, the "
                "period a multiple of the block, the channels one of the period"
            )
        return reads[0].shape

    def length_problem(self, reads: Sequence[Read]) -> str:
        """Its factors are those of the longest sentence."""
        return "turns by position: sentences of other lengths have no rule yet"

    def partners(self, channels: int) -> Int64:
        """The partner of each channel, shape (channels,)."""
        c, block = np.arange(channels, dtype=np.int64), self.block
        return c // block * block + (c + block // 2) % block


@dataclass(frozen=True)
class Gate(Node):
    """Product of two streams element by element (gated MLPs), S_A and S_B being running sums of real values.

    As an EC unit of F(a, b) = a b: law ``mean`` ``O(t) = t F(S_A/t, S_B/t) - (t-1) F(...)``, law ``sum`` ``O(t) = S_A S_B (t) -
    S_A S_B (t-1)``, law ``difference`` ``O(t) = t (r_A r_B (t) - r_A r_B (t-1))`` of running means.
    """

    law: Law = field(default="mean", metadata=LATER)

    kind = "gate"
    arity = 2
    reads_maps = False

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The shape that both inputs have."""
        if reads[0].shape != reads[1].shape:
            raise GraphError(f"gate {self.name!r} reads shapes {reads[0].shape} and {reads[1].shape}: they must be alike")
        return reads[0].shape


@dataclass(frozen=True)
class Rearrange(Node):
    """The elements of a stream in another order, as ``roll(x.reshape(extents), shifts).permute(order).reshape(shape)``.

    `extents` split what the port reads, tokens times channels, from the outermost; a transpose is extents (tokens, channels),
    order (1, 0). `shifts` roll each extent, as windows that are shifted do; none where there are none. `repeats` are axes behind
    the extents, along which every element is copied so often: a factor per channel spread over an image, a larger image.
    `taken` is the range of each extent, rolled, that is kept; all of it where there is none: heads of q out of q, k and v.
    An attention map is read whole, heads times tokens times keys, and becomes a stream.
    """

    extents: tuple[int, ...]
    order: tuple[int, ...]
    shifts: tuple[int, ...] = field(default=(), metadata=LATER)
    repeats: tuple[int, ...] = field(default=(), metadata=LATER)
    taken: tuple[tuple[int, int], ...] = field(default=(), metadata=LATER)

    kind = "rearrange"

    def gathers(self, number: int) -> bool:
        """Any token may need the last."""
        return True

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """Any of as many elements as are taken, copies counted."""
        kept = [stop - start for start, stop in self.taken] or self.extents
        if (
            sorted(self.order) != list(range(len(self.extents) + len(self.repeats)))
            or len(self.shape) != 2
            or len(self.shifts) not in (0, len(self.extents))
            or min(self.repeats, default=1) < 1
            or len(self.taken) not in (0, len(self.extents))
            or any(not 0 <= start < stop <= size for (start, stop), size in zip(self.taken, self.extents, strict=False))
            or math.prod(self.extents) != math.prod(reads[0].shape)
            or (reads[0].node.is_map and self.inputs[0].width != reads[0].node.width)
            or math.prod(kept) * math.prod(self.repeats) != math.prod(self.shape)
        ):
            raise GraphError(
                f"rearrange {self.name!r} has extents {self.extents}, taken {self.taken}, repeats {self.repeats}, order "
                f"{self.order}, shape {self.shape} of {reads[0].shape}"
            )
        return self.shape

    def length_problem(self, reads: Sequence[Read]) -> str:
        """Its extents are those of the longest sentence."""
        return "puts tokens and channels in another order, which depends on the sentence"

    @cached_property
    def places(self) -> Int64:
        """The place, flat, in what the port reads of each element of the stream; shape `shape`."""
        places: Int64 = self.moved(np.arange(math.prod(self.extents), dtype=np.int64)[None])[0]
        return places

    def moved(self, rows: NDArray[T]) -> NDArray[T]:
        """Streams (rows, elements read) in the new order, (rows, *shape)."""
        split = rows.reshape(len(rows), *self.extents)
        if self.shifts:
            split = np.roll(split, self.shifts, tuple(range(1, split.ndim)))
        split = split[:, *(slice(start, stop) for start, stop in self.taken)]
        copied = np.broadcast_to(split.reshape(*split.shape, *(1 for _ in self.repeats)), (*split.shape, *self.repeats))
        return copied.transpose(0, *(axis + 1 for axis in self.order)).reshape(len(rows), *self.shape)
