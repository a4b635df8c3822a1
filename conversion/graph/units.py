"""Nodes that compute: Linears, the units of non-linearities and products, and the neurons in front of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph.node import LATER, BinaryNeurons, Injection, Law, Neurons, Node, Read, Shape
from synaptile.foundation.errors import GraphError
from synaptile.foundation.types import Array

ECFunction: TypeAlias = Literal[
    "layer_norm", "rms_norm", "softmax", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "sigmoid", "tanh",
    "relu6", "hard_sigmoid", "hard_swish",
]  # fmt: skip


@dataclass(frozen=True)
class ECUnit(Node):
    """Unit of a non-linearity F that emits increments, S being the running sum of its input.

    Law ``mean`` (expectation compensation; paper, Eq. 15): ``O(t) = t F(S(t)/t) - (t-1) F(S(t-1)/(t-1))``, O(1) = F(x(1)).
    Law ``sum`` (telescoping, SpikeZIP): ``O(t) = F(S(t)) - F(S(t-1))``, with F(S(0)) taken as zero.
    Law ``difference``: ``O(t) = t (F(r(t)) - F(r(t-1)))`` of the running mean ``r(t) = r(t-1) + x(t)/t``, F(r(0)) taken as zero.
    The argument of F is multiplied by `input_scale` (the attention scale, for softmax).

    A norm (layer_norm, rms_norm) is taken of each of `groups` of channels, 1 unless heads are normalised apart. Each of its
    factors holds for `spread` elements on end (the positions of a channel); `apart`: each row of the stream has its own.

    Arrays: layer_norm has ``weight`` and ``bias`` (channels of a group / spread,), (rows, the same) where `apart`, rms_norm
    ``weight``; softmax has ``bias`` (heads, tokens, keys) where `biased` (relative position bias, added after scaling; a shorter
    sentence takes its first entries).
    """

    function: ECFunction
    eps: float = 0.0
    input_scale: float = 1.0
    biased: bool = False
    law: Law = field(default="mean", metadata=LATER)
    groups: int = field(default=1, metadata=LATER)
    spread: int = field(default=1, metadata=LATER)
    apart: bool = field(default=False, metadata=LATER)

    kind = "ec"

    @property
    def normalises(self) -> bool:
        """Whether F is a norm of rows of channels."""
        return self.function in ("layer_norm", "rms_norm")

    @property
    def whole_rows(self) -> bool:
        """Whether F takes all channels of a token together, so that no part may hold some of them."""
        return (self.normalises and self.groups == 1) or (self.function == "softmax" and not self.is_map)

    @property
    def row(self) -> int:
        """Elements that F takes together, of norms and softmax."""
        return self.shape[-1] // self.groups

    def per_element(self, factors: Array) -> Array:
        """An array of a norm as it meets rows: (row,); where `apart` (tokens, row), or (tokens, groups, row) of several."""
        wide = np.repeat(factors, self.spread, axis=-1) if self.spread > 1 else factors
        return wide.reshape(self.tokens, self.groups, -1) if self.apart and self.groups > 1 else wide

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """That of the input."""
        if self.groups != 1 and (not self.normalises or self.groups < 1 or self.width % self.groups):
            raise GraphError(
                f"EC unit {self.name!r} ({self.function}) has {self.groups} groups of {self.width} channels: only norms have "
                "groups, of equal size"
            )
        if (self.spread != 1 or self.apart) and (not self.normalises or self.spread < 1 or self.row % self.spread):
            raise GraphError(
                f"EC unit {self.name!r} ({self.function}) has factors for {self.spread} of {self.row} elements each: only norms "
                "have factors, for parts of a row of equal size"
            )
        return reads[0].shape

    def array_shapes(self) -> dict[str, Shape]:
        """What the function learns."""
        if self.normalises:
            factors = self.row // self.spread
            shape = (self.tokens * self.groups, factors) if self.apart else (factors,)
            return dict.fromkeys(("weight", "bias")[: 1 + (self.function == "layer_norm")], shape)
        return {"bias": self.shape} if self.function == "softmax" and self.biased else {}


@dataclass(frozen=True)
class ProductUnit(Node):
    """Product EC unit (paper, Eq. 16-18), per head.

    `form` ``"qk"``: A (tokens, heads*d) times B (keys, heads*d) transposed, giving an attention map.
    `form` ``"sv"``: an attention map times B (keys, heads*d), giving (tokens, heads*d).
    ``d(t) = A(t) S_B(t) + S_A(t-1) B(t)``, which is S_A(t) S_B(t) - S_A(t-1) S_B(t-1). Law ``mean``:
    ``S_K(t) = S_K(t-1) + d(t)``, ``O(t) = S_K(t)/t - S_K(t-1)/(t-1)``. Law ``sum`` (telescoping): ``O(t) = d(t)``.
    Law ``difference``: as ``sum``, of running means ``S(t) = S(t-1) + x(t)/t``, times the ``gain`` of each channel, which makes
    real values of the operands' units: in front of the sums of a map (qk), behind the product of one (sv).

    Array, by law ``difference``: ``gain`` (heads*d,).
    """

    form: Literal["qk", "sv"]
    heads: int
    keys: int
    head_width: int
    law: Law = field(default="mean", metadata=LATER)

    kind = "product"
    arity = 2

    def gathers(self, number: int) -> bool:
        """The second operand."""
        return number == 1

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass of one image."""
        return self.heads * self.tokens * self.keys * self.head_width

    def array_shapes(self) -> dict[str, Shape]:
        """A gain per channel where operands count in units of their channels."""
        return {"gain": (self.heads * self.head_width,)} if self.law == "difference" else {}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """An attention map (form qk), or tokens (sv)."""
        if other := [read.node.name for read in reads if not isinstance(read.node, Neurons)]:
            raise GraphError(f"product {self.name!r} reads {other[0]!r}: both operands must be neurons")
        attention, rows = (self.heads, self.tokens, self.keys), (self.tokens, self.heads * self.head_width)
        left, result = (rows, attention) if self.form == "qk" else (attention, rows)
        needed = [left, (self.keys, rows[1])]
        if [read.shape for read in reads] != needed:
            raise GraphError(
                f"product {self.name!r} reads shapes {reads[0].shape} and {reads[1].shape}, needs {needed[0]} and {needed[1]}"
            )
        return result

    def at_length(self, length: int) -> Self:
        """As many keys as tokens."""
        return replace(super().at_length(length), keys=length)


@dataclass(frozen=True)
class MTNeurons(Neurons):
    """Multi-threshold neurons (paper, Eq. 19-25): thresholds +theta1*2^k and -theta2*2^k, k = 0..n-1, soft reset."""

    theta1: float
    theta2: float
    n: int

    kind = "mt"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per element of the input."""
        if not (0 < self.theta1 < math.inf and 0 < self.theta2 < math.inf) or not 1 <= self.n <= 16:
            raise GraphError(
                f"MT site {self.name!r} has theta1 {self.theta1}, theta2 {self.theta2}, n {self.n}: "
                "thresholds must be positive and finite, n from 1 to 16"
            )
        return reads[0].shape


@dataclass(frozen=True)
class STBIFNeurons(Neurons):
    """Ternary bipolar integrate-and-fire neurons with a spike tracer (SpikeZIP-TF, ST-BIF+).

    Membrane q (in steps) starts at 0.5, tracer S at 0. At each step ``q += x / step_size``; a spike o = +1 where q >= 1 and
    S < `high`, else o = -1 where q < 0 and S > `low`; ``S += o``, ``q -= o``; emitted is o * step_size. At rest S is
    ``clamp(floor(X / step_size + 0.5), low, high)`` of the input's sum X: the quantiser that the site stands for.
    """

    step_size: float
    low: int
    high: int

    kind = "stbif"

    @property
    def theta1(self) -> float:
        """Value of a positive spike."""
        return self.step_size

    @property
    def theta2(self) -> float:
        """Magnitude of a negative spike."""
        return self.step_size

    @property
    def n(self) -> int:
        """One magnitude per sign."""
        return 1

    @property
    def levels(self) -> int:
        """Levels of the quantiser."""
        return self.high - self.low + 1

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per element of the input."""
        if not 0 < self.step_size < math.inf or not self.low <= 0 < self.high:
            raise GraphError(
                f"ST-BIF site {self.name!r} has step size {self.step_size:g}, levels {self.low}..{self.high}: "
                "the step must be positive and finite, the levels hold 0 and 1"
            )
        return reads[0].shape


@dataclass(frozen=True)
class DifferentialNeurons(Neurons):
    """Multi-threshold neurons that send changes of a running mean (differential coding; Huang et al., ICML 2025).

    At step t (from 1) ``m = m t/(t-1) + x`` (m = x at first); the largest of n thresholds theta/2^k, k = 0..n-1, with
    ``abs(m) >= 3/4 theta/2^k`` gives ``s = sign(m) theta/2^k``; ``m -= s``. With the running means e of what comes and goes this
    is the published ``m += x + e_in - e_out``: m(t) = t (e_in(t) - e_out(t)), so that the membrane holds both.

    Emitted is s in units of its channel's theta, 2^-k: theta rides in the weights behind. Array: ``theta`` (channels,), or
    (heads,) of an attention map.
    """

    n: int

    kind = "differential"

    @property
    def theta1(self) -> float:
        """Value of the smallest positive spike, in units of theta."""
        return float(2.0 ** (1 - self.n))

    @property
    def theta2(self) -> float:
        """Magnitude of the smallest negative spike."""
        return self.theta1

    @property
    def rests(self) -> bool:
        """False: what a membrane holds grows until it is sent."""
        return False

    def array_shapes(self) -> dict[str, Shape]:
        """A largest threshold per channel, or head."""
        return {"theta": (self.width,)}

    def array_problem(self, name: str, array: NDArray[Any]) -> str:
        """Thresholds that nothing reaches, or everything."""
        return "" if (array > 0).all() else f"holds {int((array <= 0).sum())} thresholds that are not positive"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """A neuron per element of the input."""
        if not 1 <= self.n <= 16:
            raise GraphError(f"differential site {self.name!r} has n {self.n}: give 1 to 16 thresholds per sign")
        return reads[0].shape


@dataclass(frozen=True)
class Synapse(Node):
    """A Linear: ``I = W x(t) + b``, the bias added every step or once.

    It may read several sites of binary spikes, and sites some steps ago (recurrence): x is then what its ports read, one after
    another, as the axons of one dendrite.

    `spiking` synapses accumulate weight rows for the spikes of the neurons in front; the others (the head of preset
    ``released``) multiply a real-valued stream. `unit_spikes`: those in front are worth powers of two, alike in both signs, so
    that no threshold is multiplied with. Arrays: ``weight`` (channels, fan_in) and ``bias`` (channels,).
    """

    fan_in: int
    spiking: bool = True
    injection: Injection = field(default="every", metadata=LATER)
    unit_spikes: bool = field(default=False, metadata=LATER)

    kind = "synapse"
    arity: ClassVar[int | None] = None

    @property
    def rows(self) -> int:
        """The fan-in: those of all ports."""
        return self.fan_in

    def first_row(self, number: int) -> int:
        """The input row at which port `number` begins."""
        return sum(port.width for port in self.inputs[:number])

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass of one image."""
        return self.tokens * self.fan_in * self.width

    def array_shapes(self) -> dict[str, Shape]:
        """A row of weights and a bias per channel."""
        return {"weight": (self.width, self.fan_in), "bias": (self.width,)}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The tokens of the input."""
        source, given = reads[0]
        fan_in = sum(read.shape[-1] for read in reads)
        if any(len(read.shape) != 2 or read.shape[0] != given[0] for read in reads) or fan_in != self.fan_in:
            shapes = ", ".join(str(read.shape) for read in reads)
            raise GraphError(f"synapse {self.name!r} has fan-in {self.fan_in}, its input has shape {shapes}")
        for read in reads:
            if self.spiking is not isinstance(read.node, Neurons):
                how = "spiking" if self.spiking else "real-valued"
                raise GraphError(f"synapse {self.name!r} is {how}, its input {read.node.name!r} is not")
            if len(reads) > 1 and not isinstance(read.node, BinaryNeurons):
                raise GraphError(f"synapse {self.name!r} reads {len(reads)} sites, {read.node.name!r} sends more than one value")
        if self.unit_spikes is not isinstance(source, DifferentialNeurons):
            raise GraphError(
                f"synapse {self.name!r}: unit_spikes is {self.unit_spikes}, its input is {source.name!r} ({source.kind})"
            )
        return (given[0], self.width)
