"""Nodes of networks trained as spiking: neurons by difference equations, and what stands between layers of a spiking transformer.

Streams are images as one token, (1, channels * positions), positions of a channel side by side, as convolutions have them. A
channel of a spiking transformer belongs to a head: (heads, depth, positions).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from synaptile.conversion.graph.node import BinaryNeurons, Neurons, Node, Read, Shape
from synaptile.conversion.graph.units import ProductUnit
from synaptile.conversion.graph.windows import Pair, plane_of
from synaptile.foundation.errors import GraphError
from synaptile.foundation.options import Reset

Axis: TypeAlias = Literal["depth", "positions"]
"""What is summed, or what a mask is spread over: the channels of a head at each position, or the positions of each channel."""


@dataclass(frozen=True)
class DiscreteNeurons(BinaryNeurons):
    """One-threshold neurons stepped as SpikingJelly writes them; a neuron fires where ``v >= v_threshold``.

    ``v += x`` without leak (`tau` 0); else, r being `v_reset` (0 with reset "subtract"), ``v += (x - (v - r)) / tau`` with
    `decay_input`, ``v = v (1 - 1/tau) + x`` (r = 0) or ``v = v - (v - r)/tau + x`` without. A spike then sets v to `v_reset`
    ("value") or takes `v_threshold` off ("subtract"). At first v is r.
    """

    reset: Reset
    tau: float
    decay_input: bool
    v_threshold: float
    v_reset: float

    kind = "discrete"

    @property
    def rest(self) -> float:
        """Where membranes start and leak to."""
        return self.v_reset if self.reset == "value" else 0.0

    @property
    def keeps(self) -> bool:
        """Whether a membrane outlasts its step: with tau 1 it is the current of the step alone, as a gate has it."""
        return not (self.tau == 1.0 and self.decay_input and self.reset == "value" and self.v_reset == 0.0)

    @property
    def rests(self) -> bool:
        """False: a leak may lift a membrane, and the threshold may be at rest."""
        return False

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per element of the input."""
        numbers = (self.tau, self.v_threshold, self.v_reset)
        if not all(map(math.isfinite, numbers)) or (self.tau != 0.0 and self.tau < 1.0) or self.v_threshold <= self.rest:
            raise GraphError(
                f"{self.name!r} has tau {self.tau:g}, v_threshold {self.v_threshold:g}, v_reset {self.v_reset:g}: tau must be 0 "
                "(no leak) or at least 1, the threshold above the rest, all finite"
            )
        return reads[0].shape


@dataclass(frozen=True)
class MaxPool2d(Node):
    """The largest value of each window of an image (channels, H, W); beyond the border there is nothing."""

    image: tuple[int, int, int]
    kernel: Pair
    stride: Pair
    padding: Pair = (0, 0)

    kind = "max_pool"

    @property
    def plane(self) -> Pair:
        """Height and width of the output."""
        return plane_of((self.image[1], self.image[2]), self.kernel, self.stride, self.padding, (1, 1))

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All channels, pooled, as one token."""
        fine = min(*self.kernel, *self.stride) >= 1 and all(
            0 <= 2 * p <= k for p, k in zip(self.padding, self.kernel, strict=True)
        )
        if not fine or reads[0].shape != (1, math.prod(self.image)) or min(self.plane) < 1:
            raise GraphError(
                f"max pool {self.name!r} has kernel {self.kernel}, stride {self.stride}, padding {self.padding} on an image of "
                f"{self.image}, and reads shape {reads[0].shape}: the image must be what it reads and hold a window, padding at "
                "most half of it"
            )
        return (1, self.image[0] * math.prod(self.plane))


@dataclass(frozen=True)
class _ByHead(Node):
    """What knows channels by head: `heads` of `depth` channels at `positions`."""

    heads: int
    depth: int
    positions: int
    over: Axis

    @property
    def elements(self) -> int:
        """Elements of a whole stream."""
        return self.heads * self.depth * self.positions

    @property
    def fewer(self) -> int:
        """Elements where one axis is gone."""
        return self.elements // (self.depth if self.over == "depth" else self.positions)

    def _check(self, reads: Sequence[Read], needed: Sequence[int], spikes: bool) -> None:
        found = [read.shape for read in reads]
        if found != [(1, size) for size in needed]:
            raise GraphError(f"{self.name!r} reads shapes {found}, needs {[(1, size) for size in needed]}")
        if spikes and (other := [read.node.name for read in reads if not isinstance(read.node, Neurons)]):
            raise GraphError(f"{self.name!r} multiplies spikes, and reads {other[0]!r}, which does not spike: put neurons there")


@dataclass(frozen=True)
class Reduce(_ByHead):
    """`scale` times the sum over one axis, shape (1, what is left); of two inputs, spikes both, the sum of their products.

    `spiking`: it reads spikes, not real values.

    Over positions it is the sum of a column of spike-driven self-attention, or a mean; over depth that of token attention.
    """

    scale: float = 1.0
    spiking: bool = True

    kind = "reduce"
    arity = None

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """What is left."""
        if len(reads) > 2 or not (math.isfinite(self.scale) and self.scale):
            raise GraphError(f"{self.name!r} sums {len(reads)} streams times {self.scale}: needs one or two, and a scale")
        self._check(reads, [self.elements] * len(reads), spikes=self.spiking)
        return (1, self.fewer)


@dataclass(frozen=True)
class Mask(_ByHead):
    """Spikes of the first input where the second, spread over one axis, has a spike: an AND. Values 0 and 1."""

    kind = "mask"
    arity = 2

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """That of the first input."""
        self._check(reads, [self.elements, self.fewer], spikes=True)
        return reads[0].shape


@dataclass(frozen=True)
class SpikeAttention(ProductUnit):
    """``scale Q K^T V`` of spikes at one step, without softmax and without state; per head Q, K, V are (positions, depth).

    `order` ``"qk"``: the map Q K^T first; it reads ports (q, v, k): a spike of q adds a row of K^T to the map, a spike of v a
    column of the map to the result. ``"kv"``: K^T V first; it reads (q, k, v): a spike of k adds a row of V, one of q a row of
    K^T V. Sums are whole numbers either way, and equal.

    As a product it has form "sv" and law "sum"; `head_width` are the elements of a head, `keys` its positions.
    """

    depth: int = 1
    scale: float = 1.0
    order: Literal["qk", "kv"] = "qk"

    kind = "spike_attention"
    arity = 3

    @property
    def columns(self) -> int:
        """Accumulates per spike of the first two inputs."""
        return self.keys if self.order == "qk" else self.depth

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass of one image."""
        return 2 * self.heads * self.keys * self.depth * self.columns

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """That of each operand."""
        shape = (1, self.heads * self.head_width)
        shapes: list[Any] = [read.shape for read in reads]
        if (self.form, self.law) != ("sv", "sum") or self.head_width != self.depth * self.keys or shapes != [shape] * 3:
            raise GraphError(
                f"spike attention {self.name!r} has {self.heads} heads of {self.depth} channels at {self.keys} positions, form "
                f"{self.form!r}, law {self.law!r}, and reads {shapes}: needs three streams {shape}, form 'sv', law 'sum'"
            )
        if not math.isfinite(self.scale) or self.scale == 0.0:
            raise GraphError(f"spike attention {self.name!r} has a scale of {self.scale}")
        if other := [read.node.name for read in reads if not isinstance(read.node, Neurons)]:
            raise GraphError(f"spike attention {self.name!r} reads {other[0]!r}, which does not spike: put neurons there")
        return shape
