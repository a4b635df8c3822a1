"""Small networks under differential coding: synthetic ViTs after calibration on noise, in float64."""

from __future__ import annotations

from functools import cache

import numpy as np

from synaptile.conversion.differential import Differential
from synaptile.conversion.graph import SpikingGraph
from tests.graphs import vit_graph
from tests.simulator.runs import some_images


@cache
def differential_vit(depth: int = 1, n: int = 8, scale: float = 2.0, dtype: str = "float64") -> SpikingGraph:
    """A ViT of `depth` blocks, five tokens, two heads, 3 classes."""
    lowered = vit_graph(depth, 5, 8, 2, 16, 3, dtype=np.dtype(dtype))
    return Differential(n, scale).apply(lowered, some_images(lowered, 16, seed=1))
