"""Parts onto cores: what must share a core goes together, small tiles share, layers stay together."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.expected import PHASES, phase_loads
from synaptile.mapper.footprint import Footprint, cores_available, demands, resources
from synaptile.mapper.load import Budget, part_loads
from synaptile.mapper.program import CoreKind, PartTable
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import refuse
from synaptile.mapper.tiling import Tiling, cores_shortfall

WINDOW = 64
"""Cores, counted from the newest, that a tile is tried on before a new core is opened: keeps packing linear, layers together."""

COMPACT_WINDOW = 4096
"""The same where cores are short: wide enough to fill the gaps of a whole board."""


@dataclass(frozen=True)
class Packing:
    """Parts with their cores. `core_kind` has shape (cores,); cores are numbered in graph order of their first part."""

    parts: PartTable
    core_kind: Int32


def pack(graph: SpikingGraph, chip: Chip, tiling: Tiling, *, compact: bool = False, budget: Budget | None = None) -> Packing:
    """Give every part a core. `compact` packs the largest first: fewer cores, layers farther apart.

    With a budget time is one more resource of a core. A part that takes more than the budget has a core to itself.

    Raises DoesNotFit, naming each kind of core that the largest board has too few of.
    """
    bundles = np.flatnonzero(tiling.bundle == np.arange(tiling.bundle.size))
    core_of_part = np.full(tiling.bundle.size, -1, np.int64)
    kinds: list[Int64] = []
    shortfalls: list[Shortfall] = []
    opened = 0
    cycles = None if budget is None else _bundle_cycles(graph, chip, tiling, budget)
    for kind in CoreKind:
        chosen = bundles[tiling.kind[bundles] == kind]
        if not chosen.size:
            continue
        sizes = _bundle_sizes(tiling, kind)[chosen]
        limits = np.array([resource.limit for resource in resources(chip, kind)], np.int64)
        if budget is not None and cycles is not None:
            ends = np.array([int(budget.cycles)] * PHASES + [int(budget.core_cycles)])
            limits, sizes = np.append(limits, ends), np.column_stack([sizes, np.minimum(cycles[chosen], ends)])
        order, window = np.arange(chosen.size), WINDOW
        if compact:
            order, window = np.argsort(-(sizes / limits).max(axis=1), kind="stable"), COMPACT_WINDOW
        cores = np.empty(chosen.size, np.int64)
        cores[order] = _first_fit(np.ascontiguousarray(sizes[order]), limits, window)
        needed = int(cores.max()) + 1
        if needed > cores_available(chip, kind):
            shortfalls.append(
                cores_shortfall(graph, chip, kind, needed, (sizes.sum(axis=0) / limits)[: len(resources(chip, kind))])
            )
        core_of_part[chosen] = cores + opened
        kinds.append(np.full(needed, int(kind)))
        opened += needed
    if shortfalls:
        raise refuse(graph.name, chip.name, shortfalls)
    core, core_kind = _in_graph_order(core_of_part[tiling.bundle], np.concatenate(kinds))
    return Packing(replace(tiling.parts, core=core), core_kind)


def _bundle_cycles(graph: SpikingGraph, chip: Chip, tiling: Tiling, budget: Budget) -> Int64:
    """Cycles of each bundle that count against the budget, in each phase and in all; shape (parts, PHASES + 1), rounded up."""
    charges = budget.charges(graph, tiling.parts, part_loads(graph, chip, budget.rates, tiling.parts))
    in_phase = phase_loads(graph, replace(tiling.parts, core=tiling.bundle), charges)
    columns = np.zeros((tiling.bundle.size, PHASES + 1))
    columns[: in_phase.shape[1]] = np.vstack([in_phase, in_phase.sum(axis=0)]).T
    return np.ceil(columns).astype(np.int64)


def _bundle_sizes(tiling: Tiling, kind: CoreKind) -> Int64:
    """What each bundle takes of a core's resources, shape (parts, resources); rows of parts that follow others stay zero."""
    parts = tiling.parts
    neurons, axons = parts.neurons.astype(np.int64), parts.axons.astype(np.int64)
    needed = np.stack(demands(kind, Footprint(parts.weight_bits, parts.state_bits, neurons, axons)), axis=1)
    sizes = np.zeros_like(needed)
    np.add.at(sizes, tiling.bundle, needed)
    return sizes


def _in_graph_order(core: Int64, core_kind: Int64) -> tuple[Int32, Int32]:
    """Renumber cores by their first part."""
    first = np.full(core_kind.size, core.size, np.int64)
    np.minimum.at(first, core, np.arange(core.size))
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return rank[core].astype(np.int32), core_kind[order].astype(np.int32)


@njit(cache=True)
def _first_fit(sizes: Int64, limits: Int64, window: int) -> Int64:
    """Core of each item, shape (items,): the newest of the last `window` cores that has room for sizes[item], else a new one."""
    items, kinds = sizes.shape
    used = np.zeros((items, kinds), np.int64)
    core = np.empty(items, np.int64)
    opened = 0
    for item in range(items):
        chosen = opened
        for candidate in range(opened - 1, max(opened - 1 - window, -1), -1):
            room = True
            for kind in range(kinds):
                if used[candidate, kind] + sizes[item, kind] > limits[kind]:
                    room = False
            if room:
                chosen = candidate
                break
        if chosen == opened:
            opened += 1
        for kind in range(kinds):
            used[chosen, kind] += sizes[item, kind]
        core[item] = chosen
    return core
