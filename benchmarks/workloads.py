"""What is measured: random events of a given density, and synthetic networks of a given activity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import SpikingGraph
from synaptile.conversion.images import source_of
from synaptile.conversion.thresholds import with_thresholds
from synaptile.hwmodels import load_chip
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator.kernels.fire import Events, empty_events, make_thresholds
from tests.graphs import vit_graph

LEVELS = 8
EMITTED = make_thresholds(0.25, 0.25, LEVELS, np.dtype(np.float32)).emitted
"""What the spikes of `random_events` are worth, by code."""
TOKEN_THETA, MAP_THETA = 1.44, 0.01
"""Thresholds at which about half the neurons fire: a unit normal passes 0.72 in magnitude 47 % of the time."""


def random_events(rows: int, width: int, density: float, seed: int = 0) -> Events:
    """Events in which a fraction `density` of (rows, width) neurons spike, with random signs and levels."""
    rng = np.random.default_rng(seed)
    events = empty_events(rows, width, 1)
    signs, levels = rng.choice(np.array([-1, 1], np.int8), (rows, width)), rng.integers(1, LEVELS + 1, (rows, width))
    events.codes[:] = np.where(rng.random((rows, width)) < density, signs * levels, 0)
    events.counts[:, 0] = np.count_nonzero(events.codes, axis=1)
    return events


def network(
    depth: int = 12, tokens: int = 197, width: int = 384, heads: int = 6, classes: int = 1000, patch: int = 16
) -> SpikingGraph:
    """A vision transformer with random weights of which about half the neurons fire; ViT-S/16 by default."""
    graph = vit_graph(depth, tokens, width, heads, 4 * width, classes, n=LEVELS, patch=patch)
    thetas = {site.name: MAP_THETA if site.is_map else TOKEN_THETA for site in graph.sites}
    return with_thresholds(graph, {name: (theta, theta, LEVELS) for name, theta in thetas.items()})


def program_of(graph: SpikingGraph, chip: str = "ecmt45") -> CoreProgram:
    """The graph on a chip, placed without annealing: where a core sits does not change what it computes."""
    return map_graph(graph, load_chip(chip), placement="row_major")


def random_images(graph: SpikingGraph, count: int = 1) -> NDArray[Any]:
    """Normal pixels, float32."""
    shape = source_of(graph).image_shape
    return np.random.default_rng(1).standard_normal((count, *shape)).astype(np.float32)
