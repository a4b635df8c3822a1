"""Mapping for time: every part cut and every core filled so that none works longer than a budget, the smallest that there is.

Multifit (Coffman, Garey and Johnson, SIAM J. Comput. 7, 1978): packing into as few cores as possible is what the mapper does for
room anyway. Time becomes one more resource of a core, and the smallest budget of cycles under which the cores of the board
suffice is found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from synaptile.conversion.graph import Neurons, PatchEmbedding, Source, SpikingGraph, TokenEmbedding
from synaptile.foundation.errors import DoesNotFit, InputError
from synaptile.hwmodels import Chip
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.expected import PHASES, expected_interval, expected_latency, phase_of_nodes
from synaptile.mapper.load import Budget, FiringRates, part_loads
from synaptile.mapper.packing import Packing, pack
from synaptile.mapper.program import Balance, CoreKind
from synaptile.mapper.tiling import Tiling, tile

Goal: TypeAlias = Literal["room", "latency", "throughput"]
"""What a mapping is for: the fewest cores, the shortest time of one image, or the most images per second."""
GOALS: tuple[Goal, ...] = get_args(Goal)

FRONT_WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""What a cycle of the dense front end may count, in cycles of work at every step: all layers wait for it once per image."""

CLOSE = 1.02
"""Bisection ends when the largest budget that is too small is within this factor of the smallest that is not."""


class Layout(NamedTuple):
    """Parts, the cores that they were given, and whether they were cut "even" or "compact"."""

    tiling: Tiling
    packing: Packing
    cuts: str


def check_goal(graph: SpikingGraph, goal: str, rates: FiringRates | None, replicas: int | Mapping[str, int]) -> None:
    """Raise InputError for a goal that is unknown, or options that contradict it."""
    if goal not in GOALS:
        raise InputError(f"goal is {goal!r}, must be one of {', '.join(GOALS)}")
    if goal == "room":
        if rates is not None:
            raise InputError("rates are given and the goal is 'room', which does not read them: ask for latency or throughput")
        return
    if replicas != 1 and replicas != {}:
        raise InputError(
            f"replicas is {replicas} and the goal is {goal!r}, which cuts and copies by load itself: leave out one of the two"
        )
    unknown = [site for site in (rates.density if rates else ()) if not isinstance(graph.nodes.get(site), Neurons | Source)]
    if unknown:
        raise InputError(
            f"rates names {unknown[0]!r}, which is no site of graph {graph.name!r}: take rates of a run of this graph"
        )


def balanced(
    graph: SpikingGraph, chip: Chip, goal: Goal, rates: FiringRates, board: tuple[int, int], room: Layout
) -> tuple[Layout, Balance]:
    """The layout of least expected time on the cores of a board; that for room where none is faster."""
    available = {kind: cores_per_tile(chip, kind) * chip.mesh.tiles * board[0] * board[1] for kind in CoreKind}
    expected = expected_latency if goal == "latency" else expected_interval

    def cycles(layout: Layout) -> float:
        parts = layout.packing.parts
        return expected(graph, parts, part_loads(graph, chip, rates, parts), rates.steps)

    front = [node.name for node in graph.nodes.values() if isinstance(node, PatchEmbedding | TokenEmbedding)]
    layouts = [room]
    for weight in FRONT_WEIGHTS if front else FRONT_WEIGHTS[:1]:
        layouts.append(_least_budget(graph, chip, Budget(rates, 0.0, dict.fromkeys(front, weight)), available, room))
    times = [cycles(layout) for layout in layouts]
    best = int(np.argmin(times))
    return layouts[best], Balance(goal, rates.steps, times[best], times[0])


def _least_budget(graph: SpikingGraph, chip: Chip, budget: Budget, available: Mapping[CoreKind, int], room: Layout) -> Layout:
    """The layout of the smallest budget that the cores suffice for; that for room where none below its own load does."""
    parts, kinds = room.packing.parts, room.packing.core_kind
    charges = budget.charges(graph, parts, part_loads(graph, chip, budget.rates, parts))
    phase = phase_of_nodes(graph)[parts.node]
    load = np.array([np.bincount(parts.core[phase == p], charges[phase == p], kinds.size) for p in range(PHASES)])
    enough = float(load.max())
    too_small = max(load[:, kinds == kind].sum(axis=1).max() / max(count, 1) for kind, count in available.items())
    best = room
    while enough > CLOSE * max(too_small, 1.0):
        middle = float(np.sqrt(enough * max(too_small, 1.0)))
        layout = _within(graph, chip, budget._replace(cycles=middle), available, room.cuts)
        if layout is None:
            too_small = middle
        else:
            enough, best = middle, layout
    return best


def _within(graph: SpikingGraph, chip: Chip, budget: Budget, available: Mapping[CoreKind, int], cuts: str) -> Layout | None:
    """A layout whose cores keep a budget, as far as cuts can bring it about, if the cores suffice."""
    tiling = tile(graph, chip, compact=cuts == "compact", budget=budget)
    for largest_first in (False, True):
        try:
            packing = pack(graph, chip, tiling, compact=largest_first, budget=budget)
        except DoesNotFit:
            continue
        if all(np.count_nonzero(packing.core_kind == kind) <= count for kind, count in available.items()):
            return Layout(tiling, packing, cuts)
    return None
