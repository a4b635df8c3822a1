"""Nodes of networks in whole numbers, as chips with integer membranes execute them: currents in, spikes inside, membranes out.

Every array holds whole numbers (in floats that hold them exactly). A neuron integrates ``v = v (4096 - decay) / 4096``, rounded
towards zero, plus the current of the step; it fires where ``v > threshold`` and is then reset, within the step. A spike is
accumulated in the step in which it is sent; the sum reaches the membrane `delay` steps later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.leaky import SpikeSource
from synaptile.conversion.graph.node import LATER, BinaryNeurons, Node, Read, Shape, Source
from synaptile.conversion.graph.streams import ReadOut
from synaptile.conversion.graph.windows import Convolution2d, ways
from synaptile.foundation.errors import GraphError
from synaptile.foundation.options import Reset
from synaptile.foundation.types import Int64

DECAY_ONE = 4096
"""A decay of so much empties a membrane in one step."""

WEIGHT_LIMIT = 2**15 - 1
"""Largest magnitude of a weight before its exponent; a bias or threshold may be as large as an int32."""

WORD_LIMIT = 2**31 - 1

Overflow: TypeAlias = Literal["refuse", "wrap"]
"""What a membrane does beyond its bits: the run is refused, or the membrane wraps around, counted either way."""


Order: TypeAlias = tuple[tuple[int, ...], ...]
"""In which order a stream lists the neurons of an image: levels ``(axis, cut, cut, ...)``, axes channel, row, column from 0.

Neurons are sorted by their block along the first level's axis, then along the next one's, at last by channel, row and column. So
() is the order of `Convolution2d`, and levels that cut rows and columns everywhere put channels last.
"""


@lru_cache(maxsize=256)
def listed(extents: tuple[int, ...], order: Order) -> Int64:
    """Which neuron of an image (counted by channel, row, column) stands at each place of a stream, shape (neurons,)."""
    index = np.indices(extents).reshape(len(extents), -1)
    keys = [np.searchsorted(np.array(cuts), index[axis], side="right") for axis, *cuts in order]
    found = np.lexsort((np.arange(index.shape[1]), *reversed(keys))).astype(np.int64)
    found.flags.writeable = False  # it is handed out again
    return found


@dataclass(frozen=True)
class CurrentSource(Source):
    """A whole number per neuron, added at every step of a sample: a pixel. `extents`: (neurons,) or (channels, H, W)."""

    extents: tuple[int, ...]

    kind = "current_source"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All values as one token."""
        return (1, math.prod(self.extents))


@dataclass(frozen=True)
class InputCurrent(Node):
    """The input's currents as the input neurons' core holds them: written once per sample, added at every step."""

    image: tuple[int, int, int]
    order: Order = field(default=(), metadata=LATER)

    kind = "input_current"

    @property
    def places(self) -> Int64:
        """Which value of the source stands at each place of the stream."""
        return listed(self.image, self.order)

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A value per neuron."""
        if not isinstance(reads[0].node, CurrentSource):
            raise GraphError(f"input current {self.name!r} reads {reads[0].node.name!r}, must read the current source")
        if reads[0].shape != (1, math.prod(self.image)):
            raise GraphError(f"input current {self.name!r} is an image of {self.image}, its input has shape {reads[0].shape}")
        _check_order(self, self.order)
        return reads[0].shape


@dataclass(frozen=True)
class IntegerConvolution2d(Convolution2d):
    """A convolution of whole numbers, ``I = 2^exponent W x(t - delay) + b``; a Linear where the kernel is the whole image.

    Spikes of step t are accumulated, and counted, at step t; the bias enters at every step, from the first. `order` is that of
    its outputs, `image_order` that of the site; a part is any range of outputs in that order.
    """

    exponent: int = 0
    delay: int = 1
    order: Order = field(default=(), metadata=LATER)
    image_order: Order = field(default=(), metadata=LATER)

    kind = "integer_convolution2d"
    arity = 1

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """As of a convolution."""
        if not isinstance(reads[0].node, IntegerNeurons | SpikeSource):
            raise GraphError(f"integer synapse {self.name!r} reads {reads[0].node.name!r}: put integer neurons in front")
        if self.pooling != "none" or self.injection != "every":
            raise GraphError(f"integer synapse {self.name!r} pools, or adds its bias once: neither is supported")
        if not 0 <= self.exponent <= 16 or self.delay not in (0, 1):
            raise GraphError(
                f"integer synapse {self.name!r} has exponent {self.exponent} and delay {self.delay}: "
                "give an exponent from 0 to 16 and a delay of 0 or 1 step"
            )
        _check_order(self, self.order)
        _check_order(self, self.image_order)
        return super().output_shape(reads)

    @property
    def places(self) -> Int64:
        """Which output stands at each place of the stream."""
        return listed((self.channels, *self.plane), self.order)

    @property
    def image_places(self) -> Int64:
        """Which neuron of the image stands at each place of the site."""
        return listed(self.image, self.image_order)

    def part_channels(self, start: int, stop: int) -> int:
        """Output channels that a part of outputs ``start:stop`` has a share of."""
        return int(np.unique(self.places[start:stop] // math.prod(self.plane)).size)

    def part_axons(self, start: int, stop: int) -> int:
        """Neurons of the site that reach a part."""
        return int(np.count_nonzero(part_fan_outs(self, start, stop)[0]))

    def part_fan_in(self, start: int, stop: int) -> int:
        """Accumulates of a part where every neuron of the site spikes once."""
        return int(part_fan_outs(self, start, stop)[0].sum())

    def part_fetches(self, start: int, stop: int) -> int:
        """Weight rows that a part needs where every neuron of the site spikes once."""
        return int(part_fan_outs(self, start, stop)[1].sum())

    def part_span(self, start: int, stop: int) -> tuple[int, int]:
        """First and last (exclusive) neuron of the site that reaches a part; (0, 0) where none does."""
        reaching = np.flatnonzero(part_fan_outs(self, start, stop)[0])
        return (int(reaching[0]), int(reaching[-1]) + 1) if reaching.size else (0, 0)

    def array_problem(self, name: str, array: NDArray[Any]) -> str:
        """Fractions, or what a word does not hold."""
        return whole_problem(array, WEIGHT_LIMIT if name == "weight" else WORD_LIMIT)


@dataclass(frozen=True)
class IntegerNeurons(BinaryNeurons):
    """Neurons of whole numbers. Array: ``threshold`` (channels,).

    `reset` ``"value"`` sets the membrane to 0 (hard), ``"subtract"`` takes the threshold off it (soft). `decay` is in 4096ths per
    step. A membrane has `membrane_bits` bits, its sign among them, and beyond them does as `overflow` says.
    """

    reset: Reset = "value"
    decay: int = 0
    membrane_bits: int = 24
    overflow: Overflow = "refuse"

    kind = "integer_neurons"

    def array_shapes(self) -> dict[str, Shape]:
        """A threshold per neuron."""
        return {"threshold": (self.width,)}

    def array_problem(self, name: str, array: NDArray[Any]) -> str:
        """Fractions, and thresholds that no membrane can pass or none can stay below."""
        limit = self.largest
        if array.size and (array.min() < 0 or array.max() > limit):
            return f"goes from {array.min():g} to {array.max():g}, a threshold of {self.membrane_bits} bits is 0 to {limit:,}"
        return whole_problem(array, WORD_LIMIT)

    @property
    def largest(self) -> int:
        """Largest value of a membrane; the smallest is one below its negative."""
        return (1 << (self.membrane_bits - 1)) - 1

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per channel of the input."""
        if not isinstance(reads[0].node, IntegerConvolution2d | InputCurrent):
            raise GraphError(f"integer neurons {self.name!r} read {reads[0].node.name!r}: put an integer synapse in front")
        _check_decay(self, self.decay)
        if self.reset not in get_args(Reset) or self.overflow not in get_args(Overflow):
            raise GraphError(
                f"integer neurons {self.name!r} have reset {self.reset!r} and overflow {self.overflow!r}: "
                "give 'value' or 'subtract', and 'refuse' or 'wrap'"
            )
        if not 2 <= self.membrane_bits <= 32:
            raise GraphError(f"integer neurons {self.name!r} have membranes of {self.membrane_bits} bits, needs 2 to 32")
        return reads[0].shape


@dataclass(frozen=True)
class IntegerReadOut(ReadOut):
    """Membranes that never fire, read out after every step: logits are ``v``, decaying by `decay` 4096ths per step."""

    decay: int = 0

    kind = "integer_readout"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A membrane per channel of the input."""
        if not isinstance(reads[0].node, IntegerConvolution2d) or not self.off_chip:
            raise GraphError(f"membrane read-out {self.name!r} must read an integer synapse, and be off the chip")
        _check_decay(self, self.decay)
        return reads[0].shape


@lru_cache(maxsize=4096)
def part_fan_outs(node: IntegerConvolution2d, start: int, stop: int) -> tuple[Int64, Int64]:
    """Of each neuron of the site, shape (neurons,): outputs of a part that its spike reaches, and weight rows that it needs."""
    height, width = node.plane
    outputs = node.places[start:stop]
    group = outputs // (height * width) // (node.channels // node.groups)
    cells = group * (height * width) + outputs % (height * width)
    counts = np.stack([np.bincount(cells, minlength=node.groups * height * width)] * 2)
    counts[1] = counts[1] > 0  # a row serves all output channels of its group
    rows, columns = (ways(node, axis).astype(np.float64) for axis in (0, 1))
    met = np.einsum("yh,xw,kghw->kgyx", rows, columns, counts.reshape(2, node.groups, height, width), optimize=True)
    by_channel = np.repeat(met, node.image[0] // node.groups, axis=1).reshape(2, -1)
    found = np.rint(by_channel[:, node.image_places]).astype(np.int64)
    found.flags.writeable = False  # it is handed out again
    return found[0], found[1]


def whole_problem(array: NDArray[Any], limit: int) -> str:
    """Why an array is none of whole numbers up to a magnitude; empty where it is."""
    broken = np.flatnonzero((array != np.rint(array)) | (np.abs(array) > limit))
    if not broken.size:
        return ""
    value = array.ravel()[broken[0]]
    return f"holds {broken.size} values that are no whole numbers of up to {limit:,} either way, first {value:g}: scale and round"


def _check_order(node: Node, order: Order) -> None:
    if any(not level or not 0 <= level[0] <= 2 or list(level[1:]) != sorted(set(level[1:])) for level in order):
        raise GraphError(f"{node.name!r} lists its neurons in the order {order}: levels are an axis from 0 to 2 and rising cuts")


def _check_decay(node: Node, decay: int) -> None:
    if not 0 <= decay <= DECAY_ONE:
        raise GraphError(f"{node.name!r} has a decay of {decay} 4096ths, needs 0 to {DECAY_ONE}")
