"""Node types of a SpikingGraph.

A node is structure only: names, shapes and scalars. Its arrays (weights, biases, constants) live in
`SpikingGraph.arrays` under ``"<node>.<field>"``, so that a graph can be inspected, mapped and priced without them.

Every node produces one *stream* a time step. Streams have one of two shapes:

* ``(tokens, channels)``, the residual stream and everything computed token by token;
* ``(heads, tokens, keys)``, an attention map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]

Law: TypeAlias = Literal["mean", "sum"]
"""What a stream's values approximate: their mean over steps (ECMT) or their sum (telescoping, SpikeZIP)."""

Injection: TypeAlias = Literal["every", "once"]
"""When a constant enters: at every step (its mean counts) or once, at t = 1 (its sum counts)."""

LATER = {"omit_default": True}
"""Metadata of fields that graph files written before them lack: absent where they hold their default."""


@dataclass(frozen=True)
class Port:
    """Channels ``start:stop`` of the stream that `node` produces (heads, where that stream is an attention map)."""

    node: str
    start: int
    stop: int

    @property
    def width(self) -> int:
        """Number of channels that the port takes."""
        return self.stop - self.start


@dataclass(frozen=True)
class Node:
    """What all nodes share: a unique dotted name, the ports it reads and the shape of the stream it produces."""

    name: str
    inputs: tuple[Port, ...]
    shape: Shape

    kind: ClassVar[str] = "node"
    arrays: ClassVar[tuple[str, ...]] = ()

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
        product = 1
        for extent in self.shape:
            product *= extent
        return product


@dataclass(frozen=True)
class Source(Node):
    """Where samples enter, from off the chip: no core holds it. A graph has one."""

    @property
    def last_step(self) -> int | None:
        """The last step at which anything enters; None where something may at every step."""
        return None


class PresentedSource(Source):
    """A source whose sample is shown at every step, at the first, or a `rate_steps`-th of it for as many steps."""

    presentation: Literal["constant", "analog", "rate"]
    rate_steps: int

    @property
    def last_step(self) -> int | None:
        """The last step at which anything enters; None where it enters at every step."""
        return {"constant": None, "analog": 1, "rate": self.rate_steps}[self.presentation]

    def share(self, t: int) -> float:
        """What part of the sample enters at step t (from 1)."""
        if self.last_step is None:
            return 1.0
        return 1.0 / self.last_step if t <= self.last_step else 0.0


@dataclass(frozen=True)
class ImageSource(PresentedSource):
    """The image. `shape` is ``(1, 3*H*W)``; `image_shape` is ``(3, H, W)``.

    `presentation`: ``"constant"``, the image at every step (ECMT); ``"analog"``, the image at t = 1, then zeros; ``"rate"``,
    the image over `rate_steps` for that many steps, then zeros.

    `mean`, `std`, `crop_fraction`, `crop_mode` and `interpolation` say how timm preprocesses an image file for the model.
    """

    image_shape: tuple[int, int, int]
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    crop_fraction: float = 1.0
    interpolation: str = "bicubic"
    crop_mode: str = "center"
    presentation: Literal["constant", "analog", "rate"] = field(default="constant", metadata=LATER)
    rate_steps: int = field(default=0, metadata=LATER)

    kind = "source"


@dataclass(frozen=True)
class PatchEmbedding(Node):
    """Dense front end on real pixels: a strided convolution, computed once an image; its current is added as the image is shown.

    The bias enters by `injection`. Arrays: ``weight`` (channels, image_channels*kh*kw) and ``bias`` (channels,).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)
    image_channels: int = 3
    injection: Injection = field(default="every", metadata=LATER)

    kind = "patch_embedding"
    arrays = ("weight", "bias")

    @property
    def fan_in(self) -> int:
        """Multiply-accumulates per output element."""
        return self.image_channels * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class ConstantStream(Node):
    """A constant injected every step or once: class token, position embedding. Array: ``value`` (tokens, channels)."""

    injection: Injection = field(default="every", metadata=LATER)

    kind = "constant"
    arrays = ("value",)


@dataclass(frozen=True)
class Concatenate(Node):
    """Streams laid one after another along the token axis."""

    kind = "concatenate"


@dataclass(frozen=True)
class Add(Node):
    """Sum of streams of one shape: residual add, position embedding, two heads' mean (after scaling)."""

    kind = "add"


@dataclass(frozen=True)
class TokenSelect(Node):
    """Tokens ``start:stop`` of the input stream."""

    start: int
    stop: int

    kind = "token_select"


@dataclass(frozen=True)
class TokenMean(Node):
    """Mean over tokens ``start:stop`` of the input stream, shape (1, channels)."""

    start: int
    stop: int

    kind = "token_mean"


ECFunction: TypeAlias = Literal["layer_norm", "softmax", "gelu", "gelu_tanh", "quick_gelu", "silu", "relu", "sigmoid", "tanh"]


@dataclass(frozen=True)
class ECUnit(Node):
    """Unit of a non-linearity F that emits increments, S being the running sum of its input.

    Law ``mean`` (expectation compensation; paper, Eq. 15): ``O(t) = t F(S(t)/t) - (t-1) F(S(t-1)/(t-1))``, O(1) = F(x(1)).
    Law ``sum`` (telescoping, SpikeZIP): ``O(t) = F(S(t)) - F(S(t-1))``, with F(S(0)) taken as zero.
    The argument of F is multiplied by `input_scale` (the attention scale, for softmax).

    Arrays: layer_norm has ``weight`` and ``bias`` (channels,); softmax has ``bias`` (heads, tokens, keys) where
    `biased` (relative position bias, added after scaling).
    """

    function: ECFunction
    eps: float = 0.0
    input_scale: float = 1.0
    biased: bool = False
    law: Law = field(default="mean", metadata=LATER)

    kind = "ec"
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class ProductUnit(Node):
    """Product EC unit (paper, Eq. 16-18), per head.

    `form` ``"qk"``: A (tokens, heads*d) times B (keys, heads*d) transposed, giving an attention map.
    `form` ``"sv"``: an attention map times B (keys, heads*d), giving (tokens, heads*d).
    ``d(t) = A(t) S_B(t) + S_A(t-1) B(t)``, which is S_A(t) S_B(t) - S_A(t-1) S_B(t-1). Law ``mean``:
    ``S_K(t) = S_K(t-1) + d(t)``, ``O(t) = S_K(t)/t - S_K(t-1)/(t-1)``. Law ``sum`` (telescoping): ``O(t) = d(t)``.
    """

    form: Literal["qk", "sv"]
    heads: int
    keys: int
    head_width: int
    law: Law = field(default="mean", metadata=LATER)

    kind = "product"

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass, one image."""
        return self.heads * self.tokens * self.keys * self.head_width


@dataclass(frozen=True)
class Neurons(Node):
    """A neuron site: at most one spike an element and step, worth +theta1*2^k or -theta2*2^k, k = 0..n-1."""

    if TYPE_CHECKING:  # Fields of some sites, properties of others: a property here would become a field's default.

        @property
        def theta1(self) -> float:
            """Value of the smallest positive spike."""

        @property
        def theta2(self) -> float:
            """Magnitude of the smallest negative spike."""

        @property
        def n(self) -> int:
            """Magnitudes a sign."""

    @property
    def values(self) -> int:
        """Values that a spike may have; a spike carries log2 of them in bits."""
        return 2 * self.n


@dataclass(frozen=True)
class MTNeurons(Neurons):
    """Multi-threshold neurons (paper, Eq. 19-25): thresholds +theta1*2^k and -theta2*2^k, k = 0..n-1, soft reset."""

    theta1: float
    theta2: float
    n: int

    kind = "mt"


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
        """One magnitude a sign."""
        return 1

    @property
    def levels(self) -> int:
        """Levels of the quantiser."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class Synapse(Node):
    """A Linear: ``I = W x(t) + b``, the bias added every step or once.

    `spiking` synapses accumulate weight rows for the spikes of the neurons in front; the others (the head of preset
    ``released``) multiply a real-valued stream. Arrays: ``weight`` (channels, fan_in) and ``bias`` (channels,).
    """

    fan_in: int
    spiking: bool = True
    injection: Injection = field(default="every", metadata=LATER)

    kind = "synapse"
    arrays = ("weight", "bias")

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass, one image."""
        return self.tokens * self.fan_in * self.width


@dataclass(frozen=True)
class ReadOut(Node):
    """Logits at step t: ``scale`` times the sum of the input so far, over t by law ``mean``. Shape (1, classes).

    `off_chip`: what it reads leaves the chip and is summed by the host, as spike counts are; no core holds it.
    `normalised`: the logits are divided by their Euclidean norm, as sentence embeddings are (0 stays 0).
    """

    scale: float = 1.0
    law: Law = field(default="mean", metadata=LATER)
    off_chip: bool = field(default=False, metadata=LATER)
    normalised: bool = field(default=False, metadata=LATER)

    kind = "readout"
