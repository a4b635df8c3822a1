"""What all nodes of a SpikingGraph share: ports, streams, and the contract that a kind of node fulfils.

A node is structure only: names, shapes and scalars. Its arrays (weights, biases, constants) live in
`SpikingGraph.arrays` under ``"<node>.<field>"``, so that a graph can be inspected, mapped and priced without them.

Every node produces one *stream* per time step. Streams have one of two shapes:

* ``(tokens, channels)``, the residual stream and everything computed token by token;
* ``(heads, tokens, keys)``, an attention map.

A kind of node is a frozen dataclass with a `kind` of its own, which registers it: graph files hold it, `verify` asks it for what
it must read and what it gives, and sentences of every length ask it for its shape.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, TypeAlias

from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]

Law: TypeAlias = Literal["mean", "sum", "difference"]
"""What a stream's values approximate: their mean over steps (ECMT), their sum (telescoping, SpikeZIP), or a running mean r by its
changes, r(t) = r(t-1) + x(t)/t (differential coding)."""

Injection: TypeAlias = Literal["every", "once"]
"""When a constant enters: at every step (its mean counts) or once, at t = 1 (its sum counts)."""

LATER = {"omit_default": True}
"""Metadata of fields that graph files written before them lack: absent where they hold their default."""

NODE_TYPES: dict[str, type[Node]] = {}
"""Every kind of node that a graph file may hold."""


@dataclass(frozen=True)
class Port:
    """Channels ``start:stop`` of the stream that `node` produces (heads, where that stream is an attention map).

    `delay` steps ago, zeros before the first: 0 reads the step itself. A port that looks back is no part of the topological
    order, so networks may be recurrent through it.
    """

    node: str
    start: int
    stop: int
    delay: int = 0

    @property
    def width(self) -> int:
        """Number of channels that the port takes."""
        return self.stop - self.start


class Read(NamedTuple):
    """What a port reads: a node, and the shape of the channels of its stream that the port takes."""

    node: Node
    shape: Shape


@dataclass(frozen=True)
class Node:
    """A unique dotted name, the ports that the node reads and the shape of the stream that it produces."""

    name: str
    inputs: tuple[Port, ...]
    shape: Shape

    kind: ClassVar[str] = "node"
    arity: ClassVar[int | None] = 1
    """Streams that the node reads; None: one or more."""
    reads_maps: ClassVar[bool] = True
    """Whether it may read an attention map."""

    def __init_subclass__(cls) -> None:
        if "kind" not in cls.__dict__:  # what several kinds share
            return
        known = NODE_TYPES.setdefault(cls.kind, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"node kind {cls.kind!r} of {cls.__qualname__} is taken by {known.__qualname__}: give it another name"
            )
        NODE_TYPES[cls.kind] = cls

    def array_shapes(self) -> dict[str, Shape]:
        """Names and shapes of the arrays that the node needs."""
        return {}

    def array_problem(self, name: str, array: NDArray[Any]) -> str:
        """Why a finite array of the right shape cannot be the node's array `name`; empty where it can."""
        return ""

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The shape that inputs and parameters give; a stream passes through unchanged unless a kind says otherwise.

        Raises GraphError, naming the node, for inputs or parameters that the kind cannot have.
        """
        return reads[0].shape

    def length_problem(self, reads: Sequence[Read]) -> str:
        """Why the node means nothing in a graph whose sentences differ in length; empty where it does."""
        return ""

    def at_length(self, length: int) -> Self:
        """The node, some of whose inputs have the tokens of the whole sentence, where that has `length` tokens."""
        return dataclasses.replace(self, shape=(self.shape[0], length, length) if self.is_map else (length, self.shape[1]))

    def gathers(self, number: int) -> bool:
        """Whether all tokens of input `number` must have arrived before the first token leaves."""
        return False

    @property
    def rows(self) -> int:
        """Input rows of a part that is not cut over its fan-in: the channels of the first port."""
        return self.inputs[0].width if self.inputs else 0

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass of one image, of Linears, convolutions and products."""
        return 0

    @property
    def is_map(self) -> bool:
        """True where the stream is an attention map, shape (heads, tokens, keys)."""
        return len(self.shape) == 3

    @property
    def tokens(self) -> int:
        """Tokens of the stream (query tokens of an attention map)."""
        return self.shape[-2]

    @property
    def width(self) -> int:
        """Channels of a token stream, heads of an attention map: the axis that a `Port` slices."""
        return self.shape[0] if self.is_map else self.shape[1]

    @property
    def size(self) -> int:
        """Elements of the stream, one time step and one image."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Source(Node):
    """Where samples enter, from off the chip: no core holds it. A graph has one."""

    arity = 0

    @property
    def last_step(self) -> int | None:
        """The last step at which anything enters; None where something may at every step."""
        return None


@dataclass(frozen=True)
class Neurons(Node):
    """A neuron site: at most one spike per element and step, worth +theta1*2^k or -theta2*2^k, k = 0..n-1."""

    if TYPE_CHECKING:  # Fields of some sites, properties of others: a property here would become a field's default.

        @property
        def theta1(self) -> float:
            """Value of the smallest positive spike."""

        @property
        def theta2(self) -> float:
            """Magnitude of the smallest negative spike."""

        @property
        def n(self) -> int:
            """Magnitudes per sign."""

    @property
    def rests(self) -> bool:
        """Whether neurons that nothing reaches and that do not spike stay silent until something reaches them."""
        return True

    @property
    def values(self) -> int:
        """Values that a spike may have; a spike carries log2 of them in bits."""
        return 2 * self.n


@dataclass(frozen=True)
class BinaryNeurons(Neurons):
    """Sites whose spikes have one value, 1."""

    @property
    def theta1(self) -> float:
        """Value of a spike."""
        return 1.0

    @property
    def theta2(self) -> float:
        """No spike is negative; what the kernels read in its place."""
        return 1.0

    @property
    def n(self) -> int:
        """One magnitude."""
        return 1

    @property
    def values(self) -> int:
        """One value: a spike carries nothing but its address."""
        return 1
