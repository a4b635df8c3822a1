"""Values that the lowering passes between ATen operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stream:
    """A tensor that varies with the image.

    `index` has the ATen tensor's shape (batch 1 included) and gives, per element, its flat position in the stream of `node`.
    The tensor's values are ``scale`` times those elements, plus `bias` where an attention bias is pending for a softmax.
    `version` is the node's fold count when the value was taken: a LayerScale folded later would change it.
    """

    node: str
    index: torch.Tensor
    scale: float = 1.0
    bias: torch.Tensor | None = None
    version: int = 0


@dataclass(frozen=True)
class Padded:
    """An image with rows and columns of zeros around it, which a convolution or pool behind takes as its own padding."""

    of: Stream
    sides: tuple[int, int, int, int]
    """Above, below, left and right."""


@dataclass(frozen=True)
class Length:
    """The Euclidean length of a stream along an axis, at least `least`: what a division may read."""

    of: Stream
    axis: int
    least: float = 0.0


@dataclass(frozen=True)
class Form:
    """A sum of elements of one node's stream times constants: no node of the graph until something reads it.

    `terms` are (index as of `Stream`, factor in float64), all of the tensor's shape.
    """

    node: str
    terms: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    version: int = 0

    @property
    def index(self) -> torch.Tensor:
        """That of the first term, whose shape is the tensor's."""
        return self.terms[0][0]
