"""Nodes that move, join and read out streams: nothing in them learns or spikes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from synaptile.conversion.graph.node import LATER, Injection, Law, Node, Read, Shape
from synaptile.foundation.errors import GraphError


@dataclass(frozen=True)
class ConstantStream(Node):
    """A constant injected every step or once: class token, position embedding. Array: ``value`` (tokens, channels)."""

    injection: Injection = field(default="every", metadata=LATER)

    kind = "constant"
    arity = 0

    def array_shapes(self) -> dict[str, Shape]:
        """The constant itself."""
        return {"value": self.shape}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """Any."""
        return self.shape

    def length_problem(self, reads: Sequence[Read]) -> str:
        """Its tokens would be those of the longest sentence."""
        return "is a constant stream: positions belong into the embedding"


@dataclass(frozen=True)
class Concatenate(Node):
    """Streams laid one after another along the token axis."""

    kind = "concatenate"
    arity = None
    reads_maps = False

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The tokens of all inputs."""
        shapes = [read.shape for read in reads]
        if any(shape[1] != shapes[0][1] for shape in shapes):
            raise GraphError(f"{self.name!r} concatenates streams of different widths: {shapes}")
        return (sum(shape[0] for shape in shapes), shapes[0][1])


@dataclass(frozen=True)
class Add(Node):
    """Sum of streams of one shape: residual add, position embedding, two heads' mean (after scaling)."""

    kind = "add"
    arity = None

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The shape that all inputs have."""
        shapes = [read.shape for read in reads]
        if any(shape != shapes[0] for shape in shapes):
            raise GraphError(f"{self.name!r} adds streams of different shapes: {shapes}")
        return shapes[0]


@dataclass(frozen=True)
class _TokenRange(Node):
    """Tokens ``start:stop`` of the input stream."""

    start: int
    stop: int

    reads_maps = False

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The tokens of the range."""
        tokens, channels = reads[0].shape
        if not 0 <= self.start < self.stop <= tokens:
            raise GraphError(f"{self.name!r} takes tokens {self.start}:{self.stop} of {tokens}")
        return (self.stop - self.start, channels)


@dataclass(frozen=True)
class TokenSelect(_TokenRange):
    """Tokens ``start:stop`` of the input stream."""

    kind = "token_select"

    def length_problem(self, reads: Sequence[Read]) -> str:
        """A range beyond the first token."""
        if (self.start, self.stop) == (0, 1):
            return ""
        return f"selects tokens {self.start}:{self.stop}: every sentence has a first token, and perhaps no other"

    def at_length(self, length: int) -> Self:
        """The first token, at every length."""
        return self


@dataclass(frozen=True)
class TokenMean(_TokenRange):
    """Mean over tokens ``start:stop`` of the input stream, shape (1, channels)."""

    kind = "token_mean"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """One token."""
        return (1, super().output_shape(reads)[1])

    def length_problem(self, reads: Sequence[Read]) -> str:
        """A mean over a part of the sentence."""
        if (self.start, self.stop) == (0, reads[0].node.tokens):
            return ""
        return f"takes the mean of tokens {self.start}:{self.stop}: a mean must cover the whole sentence"

    def at_length(self, length: int) -> Self:
        """The mean of all tokens."""
        return replace(self, stop=length)


@dataclass(frozen=True)
class ReadOut(Node):
    """Logits at step t: ``scale`` times the sum of the input so far, over t by law ``mean``. Shape (1, classes).

    Law ``difference``: ``scale`` times the running mean ``r(t) = r(t-1) + x(t)/t``.

    `off_chip`: what it reads leaves the chip and is summed by the host, as spike counts are; no core holds it.
    `normalised`: the logits are divided by their Euclidean norm, as sentence embeddings are (0 stays 0).
    """

    scale: float = 1.0
    law: Law = field(default="mean", metadata=LATER)
    off_chip: bool = field(default=False, metadata=LATER)
    normalised: bool = field(default=False, metadata=LATER)

    kind = "readout"
    reads_maps = False

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """One row of classes."""
        return (1, reads[0].shape[1])
