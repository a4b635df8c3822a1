"""Mapping for time: every part cut and every core filled so that none works longer than a budget, the smallest that there is.

Multifit (Coffman, Garey and Johnson, SIAM J. Comput. 7, 1978): packing into as few cores as possible is what the mapper does for
room anyway. Time becomes one more resource of a core, and the smallest budget of cycles under which the cores of the board
suffice is found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from synaptile.conversion.graph import Neurons, ProductUnit, Source, SpikingGraph, TokenMean
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.load import Budget, FiringRates, Load, core_loads, part_loads
from synaptile.mapper.packing import Packing, pack
from synaptile.mapper.program import Balance, CoreKind, PartTable
from synaptile.mapper.refusal import DoesNotFit
from synaptile.mapper.tiling import Tiling, tile

Goal: TypeAlias = Literal["room", "latency", "throughput"]
"""What a mapping is for: the fewest cores, the shortest time of one image, or the most images per second."""
GOALS: tuple[Goal, ...] = get_args(Goal)

ONCE_WEIGHTS = (1.0, 2.0, 4.0, 8.0, 16.0)
"""What a cycle at the first step alone (the dense front end) may count for latency, in cycles of work at every step."""

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

    def cycles(layout: Layout) -> float:
        return expected_cycles(graph, goal, rates, layout.packing.parts, part_loads(graph, chip, rates, layout.packing.parts))

    weights = ONCE_WEIGHTS if goal == "latency" else ONCE_WEIGHTS[:1]
    layouts = [_least_budget(graph, chip, Budget(rates, 0.0, once), available, room) for once in weights]
    best = min([room, *layouts], key=cycles)
    return best, Balance(goal, rates.steps, cycles(best), cycles(room))


def expected_cycles(graph: SpikingGraph, goal: Goal, rates: FiringRates, parts: PartTable, load: Load) -> float:
    """Load of the busiest core per image, or for latency how long an image takes where nothing is lost on the network.

    An image of T steps takes its first step, layer after layer, and T - 1 times what the busiest core does per step. Of a layer
    the first token leaves when one job after another has had it; the last when the slowest part has had them all.
    """
    cores = core_loads(parts, load)
    if goal == "throughput":
        return float(cores.image(rates.steps).max())
    longest = np.zeros(len(graph.nodes))
    np.maximum.at(longest, parts.node, load.first)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for node, whole in zip(graph.nodes.values(), longest.tolist(), strict=True):
        job = whole / max(node.tokens, 1)
        waits_for_all = [
            isinstance(node, TokenMean) or (isinstance(node, ProductUnit) and n == 1) for n in range(len(node.inputs))
        ]
        ready = [last[port.node] if all_ else first[port.node] for port, all_ in zip(node.inputs, waits_for_all, strict=True)]
        begun = max(ready, default=0.0)
        first[node.name] = begun + job
        last[node.name] = max(begun + whole, max((last[port.node] for port in node.inputs), default=0.0) + job)
    return max(last.values()) + (rates.steps - 1) * float(cores.later.max())


def _least_budget(graph: SpikingGraph, chip: Chip, budget: Budget, available: Mapping[CoreKind, int], room: Layout) -> Layout:
    """The layout of the smallest budget that the cores suffice for; that for room where none below its own load does."""
    parts, kinds = room.packing.parts, room.packing.core_kind
    load = budget.of(core_loads(parts, part_loads(graph, chip, budget.rates, parts)))
    enough, too_small = float(load.max()), max(load[kinds == kind].sum() / max(count, 1) for kind, count in available.items())
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
