"""Node types of a SpikingGraph.

A node is structure only: names, shapes and scalars. Its arrays (weights, biases, constants) live in
`SpikingGraph.arrays` under ``"<node>.<field>"``, so that a graph can be inspected, mapped and priced without them.

Every node produces one *stream* a time step. Streams have one of two shapes:

* ``(tokens, channels)``, the residual stream and everything computed token by token;
* ``(heads, tokens, keys)``, an attention map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

Shape: TypeAlias = tuple[int, ...]


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
class ImageSource(Node):
    """The image, constant over time. `shape` is ``(1, 3*H*W)``; `image_shape` is ``(3, H, W)``.

    `mean`, `std`, `crop_fraction`, `crop_mode` and `interpolation` say how timm preprocesses an image file for the model.
    """

    image_shape: tuple[int, int, int]
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    crop_fraction: float = 1.0
    interpolation: str = "bicubic"
    crop_mode: str = "center"

    kind = "source"


@dataclass(frozen=True)
class PatchEmbedding(Node):
    """Dense front end on real pixels: a strided convolution, computed once an image; its current is re-added every step.

    Arrays: ``weight`` (channels, image_channels*kh*kw) and ``bias`` (channels,).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)
    image_channels: int = 3

    kind = "patch_embedding"
    arrays = ("weight", "bias")

    @property
    def fan_in(self) -> int:
        """Multiply-accumulates per output element."""
        return self.image_channels * self.kernel[0] * self.kernel[1]


@dataclass(frozen=True)
class ConstantStream(Node):
    """A constant injected every step: class token, position embedding. Array: ``value`` (tokens, channels)."""

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
    """Expectation-compensation unit of a non-linearity F (paper, Eq. 15).

    ``O(t) = t F(S(t)/t) - (t-1) F(S(t-1)/(t-1))`` with S the running sum of the input and O(1) = F(x(1)).
    The argument of F is ``input_scale * S(t)/t`` (the attention scale, for softmax).

    Arrays: layer_norm has ``weight`` and ``bias`` (channels,); softmax has ``bias`` (heads, tokens, keys) where
    `biased` (relative position bias, added after scaling).
    """

    function: ECFunction
    eps: float = 0.0
    input_scale: float = 1.0
    biased: bool = False

    kind = "ec"
    arrays = ("weight", "bias")


@dataclass(frozen=True)
class ProductUnit(Node):
    """Product EC unit (paper, Eq. 16-18), per head.

    `form` ``"qk"``: A (tokens, heads*d) times B (keys, heads*d) transposed, giving an attention map.
    `form` ``"sv"``: an attention map times B (keys, heads*d), giving (tokens, heads*d).
    ``S_K(t) = S_K(t-1) + A(t) S_B(t) + S_A(t-1) B(t)``; ``O(t) = S_K(t)/t - S_K(t-1)/(t-1)``.
    """

    form: Literal["qk", "sv"]
    heads: int
    keys: int
    head_width: int

    kind = "product"

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass, one image."""
        return self.heads * self.tokens * self.keys * self.head_width


@dataclass(frozen=True)
class MTNeurons(Node):
    """Multi-threshold neurons (paper, Eq. 19-25): thresholds +theta1*2^k and -theta2*2^k, k = 0..n-1, soft reset."""

    theta1: float
    theta2: float
    n: int

    kind = "mt"


@dataclass(frozen=True)
class Synapse(Node):
    """A Linear: ``I = W x(t) + b``, the bias added every step.

    `spiking` synapses accumulate weight rows for the spikes of the MT neurons in front; the others (the head of preset
    ``released``) multiply a real-valued stream. Arrays: ``weight`` (channels, fan_in) and ``bias`` (channels,).
    """

    fan_in: int
    spiking: bool = True

    kind = "synapse"
    arrays = ("weight", "bias")

    @property
    def macs(self) -> int:
        """Dense multiply-accumulates of one pass, one image."""
        return self.tokens * self.fan_in * self.width


@dataclass(frozen=True)
class ReadOut(Node):
    """Logits at step t: ``scale`` times the sum of the input so far over t. Shape (1, classes)."""

    scale: float = 1.0

    kind = "readout"


NODE_TYPES: dict[str, type[Node]] = {
    cls.kind: cls
    for cls in (
        ImageSource,
        PatchEmbedding,
        ConstantStream,
        Concatenate,
        Add,
        TokenSelect,
        TokenMean,
        ECUnit,
        ProductUnit,
        MTNeurons,
        Synapse,
        ReadOut,
    )
}
