"""Mapping for time: every part cut and every core filled so that none works longer than a budget, the smallest that there is.

Multifit (Coffman, Garey and Johnson, SIAM J. Comput. 7, 1978): packing into as few cores as possible is what the mapper does for
room anyway. Time becomes one more resource of a core, and the smallest budget of cycles under which the cores of the board
suffice is found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from synaptile.conversion.graph import Neurons, PatchEmbedding, Source, SpikingGraph, TokenEmbedding
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import MAPPING_GOALS, MappingGoal
from synaptile.hwmodels import Chip
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.expected import PHASES, expected_interval, expected_latency, phase_loads
from synaptile.mapper.load import Budget, FiringRates, part_loads, stream_cycles
from synaptile.mapper.packing import Packing, pack
from synaptile.mapper.program import Balance, CoreKind
from synaptile.mapper.refusal import DoesNotFit
from synaptile.mapper.tiling import Tiling, tile

FRONT_WEIGHTS = (1.0, 4.0, 8.0)
"""What a cycle of the dense front end may count, in cycles of work at every step: all layers wait for it once per image."""

CLOSE = 1.03
"""Bisection ends when the largest budget that is too small is within this factor of the smallest that is not."""


class Layout(NamedTuple):
    """Parts, the cores that they were given, and whether they were cut "even" or "compact"."""

    tiling: Tiling
    packing: Packing
    cuts: str


def check_goal(graph: SpikingGraph, goal: str, rates: FiringRates | None, replicas: int | Mapping[str, int]) -> None:
    """Raise InputError for a goal that is unknown, or options that contradict it."""
    if goal not in MAPPING_GOALS:
        raise InputError(f"goal is {goal!r}, must be one of {', '.join(MAPPING_GOALS)}")
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
    graph: SpikingGraph, chip: Chip, goal: MappingGoal, rates: FiringRates, board: tuple[int, int], room: Layout
) -> tuple[Layout, Balance]:
    """The layout of least expected time on the cores of a board; that for room where none is faster."""
    available = {kind: cores_per_tile(chip, kind) * chip.mesh.tiles * board[0] * board[1] for kind in CoreKind}
    expected = expected_latency if goal == "latency" else expected_interval

    def cycles(layout: Layout) -> float:
        parts = layout.packing.parts
        return expected(graph, parts, part_loads(graph, chip, rates, parts), rates.steps)

    front = [node.name for node in graph.nodes.values() if isinstance(node, PatchEmbedding | TokenEmbedding)]
    weights = [dict.fromkeys(front, weight) for weight in (FRONT_WEIGHTS if front else FRONT_WEIGHTS[:1])]
    layouts = [room, *(_least_budget(graph, chip, Budget(rates, 0.0, 0.0, each), available, room) for each in weights)]
    times = [cycles(layout) for layout in layouts]
    best = int(np.argmin(times))
    return layouts[best], Balance(goal, rates.steps, times[best], times[0])


def _least_budget(graph: SpikingGraph, chip: Chip, budget: Budget, available: Mapping[CoreKind, int], room: Layout) -> Layout:
    """The layout of the smallest budget that the cores suffice for, first per phase, then in all; that for room without one."""
    parts, kinds = room.packing.parts, room.packing.core_kind
    loads = phase_loads(graph, parts, budget.charges(graph, parts, part_loads(graph, chip, budget.rates, parts)))
    share = max(loads[:, kinds == kind].sum(axis=1).max() / max(count, 1) for kind, count in available.items())
    best = room

    def suffices(budget: Budget) -> bool:
        nonlocal best
        layout = _within(graph, chip, budget, available, room.cuts)
        best = best if layout is None else layout
        return layout is not None

    least = max(share, stream_cycles(graph, chip, budget.rates), 1.0)
    cycles = _least(
        least, float(loads.max()), lambda cycles: suffices(budget._replace(cycles=cycles, core_cycles=PHASES * cycles))
    )
    _least(cycles, PHASES * cycles, lambda core: suffices(budget._replace(cycles=cycles, core_cycles=core)))
    return best


def _least(low: float, high: float, enough: Callable[[float], bool]) -> float:
    """The least value that is enough, to a factor CLOSE, if `high` is: `low` is tried first."""
    if low >= high or enough(low):
        return min(low, high)
    while high > CLOSE * low:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


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
