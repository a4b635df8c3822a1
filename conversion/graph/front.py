"""Where images and sentences enter: their sources, and the dense embeddings that read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from synaptile.conversion.graph.node import LATER, Injection, Node, Read, Shape, Source
from synaptile.foundation.errors import GraphError

Presentation: TypeAlias = Literal["constant", "analog", "rate"]
"""How a sample is shown: at every step, at t = 1 alone, or a part of it at each of the first steps."""


class PresentedSource(Source):
    """A source whose sample is shown at every step, at the first, or a `rate_steps`-th of it for as many steps."""

    presentation: Presentation
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

    @property
    def shown_badly(self) -> bool:
        """Whether `rate_steps` contradicts `presentation`."""
        return (self.presentation == "rate") != (self.rate_steps > 0)


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
    presentation: Presentation = field(default="constant", metadata=LATER)
    rate_steps: int = field(default=0, metadata=LATER)

    kind = "source"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """All pixels as one token."""
        if self.shown_badly:
            raise GraphError(
                f"image source {self.name!r} has input {self.presentation!r} over {self.rate_steps} steps: "
                "'rate' needs rate_steps of at least 1, the others 0"
            )
        return (1, math.prod(self.image_shape))


@dataclass(frozen=True)
class TokenSource(PresentedSource):
    """Token numbers of a sentence, 0 to `vocabulary` - 1, from the host. `shape` is ``(tokens, 1)``: the longest sentence.

    `presentation` and `rate_steps` say, as of `ImageSource`, how the embedding is shown: at every step, at t = 1, or a
    `rate_steps`-th of it for as many steps.
    """

    vocabulary: int
    presentation: Presentation = field(default="constant", metadata=LATER)
    rate_steps: int = field(default=0, metadata=LATER)

    kind = "token_source"

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """One number per token."""
        if self.shown_badly or self.vocabulary < 1:
            raise GraphError(
                f"token source {self.name!r} has a vocabulary of {self.vocabulary} and input {self.presentation!r} over "
                f"{self.rate_steps} steps: needs a word, 'rate' needs steps, the others 0"
            )
        return (self.tokens, 1)


@dataclass(frozen=True)
class PatchEmbedding(Node):
    """Dense front end on real pixels: a strided convolution, computed once per image; its current is added as the image is shown.

    `surplus`: rows and columns of zeros below and right beyond `padding`. The bias enters by `injection`. Arrays: ``weight``
    (channels, image_channels*kh*kw) and ``bias`` (channels,).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)
    image_channels: int = 3
    injection: Injection = field(default="every", metadata=LATER)
    surplus: tuple[int, int] = field(default=(0, 0), metadata=LATER)

    kind = "patch_embedding"

    @property
    def fan_in(self) -> int:
        """Multiply-accumulates per output element."""
        return self.image_channels * self.kernel[0] * self.kernel[1]

    def plane_of(self, size: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of patches of an image of `size`."""
        extents = zip(size, self.kernel, self.stride, self.padding, self.surplus, strict=True)
        height, width = ((size + 2 * pad + more - kernel) // stride + 1 for size, kernel, stride, pad, more in extents)
        return height, width

    def array_shapes(self) -> dict[str, Shape]:
        """A row of weights and a bias per channel."""
        return {"weight": (self.width, self.fan_in), "bias": (self.width,)}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """One token per patch."""
        source = reads[0].node
        if not isinstance(source, ImageSource):
            raise GraphError(f"patch embedding {self.name!r} must read the image source, reads {source.name!r}")
        if source.image_shape[0] != self.image_channels or min(*self.kernel, *self.stride) < 1 or min(self.padding) < 0:
            raise GraphError(
                f"patch embedding {self.name!r} has kernel {self.kernel}, stride {self.stride}, padding {self.padding} on "
                f"{self.image_channels} channels of {source.image_shape[0]}: read all channels, kernel and stride positive"
            )
        return (math.prod(self.plane_of(source.image_shape[1:])), self.width)


@dataclass(frozen=True)
class TokenEmbedding(Node):
    """Front end of text: a token's word embedding plus that of its position, looked up and added once per sentence.

    Rows of words come from outside the chip, one per token; positions are held on it. Arrays: ``word`` (vocabulary, channels) and
    ``position`` (tokens, channels).
    """

    vocabulary: int

    kind = "token_embedding"

    def array_shapes(self) -> dict[str, Shape]:
        """A row per word and per position."""
        return {"word": (self.vocabulary, self.width), "position": self.shape}

    def output_shape(self, reads: Sequence[Read]) -> Shape:
        """The sentence's tokens."""
        source = reads[0].node
        if not isinstance(source, TokenSource) or source.vocabulary != self.vocabulary:
            raise GraphError(
                f"token embedding {self.name!r} holds {self.vocabulary:,} words, it must read a token source of as many, "
                f"reads {source.name!r}"
            )
        return (reads[0].shape[0], self.width)
