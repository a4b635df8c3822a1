"""Levels of the quantisers, and what an accumulator must hold for them."""

from __future__ import annotations

import numpy as np

from synaptile.conversion.graph import ProductUnit, SpikingGraph, Synapse
from synaptile.foundation.errors import InputError

LOWEST_LEVELS = 4
ACCUMULATOR_LIMIT = 2**31 - 1
"""Largest sum of a core's 32-bit accumulator."""
LARGEST_WEIGHT = 127
"""Largest integer weight of a core's 8-bit synapses."""


def check_levels(levels: int) -> int:
    """The number of levels as a plain integer. Raises InputError unless it is a power of two of at least 4."""
    if isinstance(levels, bool) or not isinstance(levels, int | np.integer) or levels < LOWEST_LEVELS or levels & (levels - 1):
        raise InputError(
            f"levels is {levels!r}, needs to be a power of two of at least {LOWEST_LEVELS} (the paper uses 32): "
            "a quantiser of L levels fills log2(L) bits"
        )
    return int(levels)


def level_range(levels: int, *, signed: bool) -> tuple[int, int]:
    """Lowest and highest level: -L/2 .. L/2-1 signed, 0 .. L-1 unsigned."""
    return (-levels // 2, levels // 2 - 1) if signed else (0, levels - 1)


def check_accumulators(graph: SpikingGraph, levels: int) -> None:
    """Raises InputError where integer sums of a settled run could leave a 32-bit accumulator.

    A synapse sums up to fan-in * 127 * (L-1), a product up to depth * (L-1)^2.
    """
    for node in graph.nodes.values():
        if isinstance(node, Synapse):
            worst, what = node.fan_in * LARGEST_WEIGHT * (levels - 1), f"synapse {node.name!r} with fan-in {node.fan_in}"
        elif isinstance(node, ProductUnit):
            depth = node.head_width if node.form == "qk" else node.keys
            worst, what = depth * (levels - 1) ** 2, f"product {node.name!r} with depth {depth}"
        else:
            continue
        if worst > ACCUMULATOR_LIMIT:
            raise InputError(
                f"{what} can sum to {worst:,} at {levels:,} levels, over the 32-bit accumulator's {ACCUMULATOR_LIMIT:,}: "
                "use fewer levels"
            )
