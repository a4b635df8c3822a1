"""What a NIR node hands on while a graph is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from synaptile.conversion.graph import Port
from synaptile.conversion.graph.windows import Pair


@dataclass(frozen=True)
class Pooling:
    """Pooling that the synapse behind it takes in, by name of its node."""

    name: str
    kind: Literal["sum", "mean"]
    kernel: Pair
    stride: Pair
    padding: Pair


@dataclass(frozen=True)
class Value:
    """What a NIR node hands on: the stream of `node`, seen in `shape`, spikes or currents; `pooling` is still to be done.

    `image` is the shape of the stream itself, (channels, H, W) or (neurons,); spikes are those of `delay` steps ago, and
    `real` values in their place where the Input gives these.
    """

    node: str
    image: tuple[int, ...]
    shape: tuple[int, ...]
    spiking: bool
    pooling: Pooling | None = None
    delay: int = 0
    real: bool = False

    @property
    def port(self) -> Port:
        """What a node that reads it reads."""
        return Port(self.node, 0, int(np.prod(self.image)), self.delay)
