"""A graph on a chip that cannot hold it: phase after phase on the same tiles, each with weights of its own from DRAM.

Bundles of parts are given to phases in graph order, so that no part reads what a later phase makes. A phase ends where the next
bundle finds no core of its kind. What one phase hands to a later one is stored in between, off the mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numba import njit

from synaptile.conversion.graph import SpikingGraph
from synaptile.foundation.options import PlacementMethod
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.footprint import resources
from synaptile.mapper.multicast import Trees, trees_among
from synaptile.mapper.packing import WINDOW, Packing, bundle_sizes, in_graph_order
from synaptile.mapper.placement import Seats, place
from synaptile.mapper.program import CoreKind, PartTable, Placement
from synaptile.mapper.refusal import Shortfall
from synaptile.mapper.shortfalls import refuse
from synaptile.mapper.tiling import Tiling
from synaptile.mapper.traffic import Traffic


def pack_in_phases(graph: SpikingGraph, chip: Chip, tiling: Tiling) -> Packing:
    """Give every part a core of a phase; cores of a phase are no more than one chip has.

    Parts of a synapse that is split over its input stay in the phase of the neurons that they feed. Raises DoesNotFit where such
    a group needs more cores than the chip has.
    """
    parts = tiling.parts
    bundles = np.flatnonzero(tiling.bundle == np.arange(tiling.bundle.size))
    together = tiling.bundle[parts.owner[bundles]].astype(np.int64)
    order = np.lexsort((bundles, together))
    bundles, together = bundles[order], together[order]
    most = max(len(resources(chip, kind)) for kind in CoreKind)
    sizes = np.zeros((bundles.size, most), np.int64)
    limits = np.ones((len(CoreKind), most), np.int64)
    kinds = tiling.kind[bundles].astype(np.int64)
    for kind in CoreKind:
        bounds = np.array([resource.limit for resource in resources(chip, kind)], np.int64)
        limits[kind, : bounds.size] = bounds
        mine = kinds == kind
        sizes[mine, : bounds.size] = bundle_sizes(tiling, kind)[bundles[mine]]
    available = np.array([cores_per_tile(chip, kind) * chip.mesh.tiles for kind in CoreKind], np.int64)
    core, phase, failed = _fill(kinds, sizes, together, limits, available, WINDOW)
    if failed >= 0:
        raise _too_large(graph, chip, tiling, parts, bundles[failed], together[failed])
    core_of_bundle = np.full(tiling.bundle.size, -1, np.int64)
    core_of_bundle[bundles] = core
    core_kind = np.empty(phase.size, np.int64)
    core_kind[core] = kinds
    numbered, core_kind_ordered, order = in_graph_order(core_of_bundle[tiling.bundle], core_kind)
    return Packing(replace(parts, core=numbered), core_kind_ordered, phase[order].astype(np.int32))


def place_phases(
    chip: Chip,
    board: tuple[int, int],
    packing: Packing,
    traffic: Traffic,
    *,
    method: PlacementMethod,
    seed: int,
    moves: int | None,
    drawn_by: Callable[[], Traffic | Trees] | None = None,
) -> tuple[Seats, Placement]:
    """Place the cores of each phase by themselves: only they talk to one another over links."""
    if not packing.phase.any():
        return place(chip, board, packing.core_kind, traffic, method=method, seed=seed, moves=moves, drawn_by=drawn_by)
    cores = packing.core_kind.size
    seats = Seats(*(np.empty(cores, np.int32) for _ in Seats._fields))
    placements: list[Placement] = []
    for phase in range(int(packing.phase.max()) + 1):
        mine = np.flatnonzero(packing.phase == phase)
        found, placement = place(
            chip,
            board,
            packing.core_kind[mine],
            _among(traffic, mine),
            method=method,
            seed=seed,
            moves=moves,
            drawn_by=None if drawn_by is None else _lazily(drawn_by, mine),
        )
        for column, part in zip(seats, found, strict=True):
            column[mine] = part
        placements.append(placement)
    hops, baseline = (sum(getattr(p, name) for p in placements) for name in ("weighted_hops", "baseline_weighted_hops"))
    return seats, replace(placements[0], weighted_hops=hops, baseline_weighted_hops=baseline)


def _lazily(traffic: Callable[[], Traffic | Trees], cores: Int64) -> Callable[[], Traffic | Trees]:
    def among() -> Traffic | Trees:
        drawn = traffic()
        return trees_among(drawn, cores) if isinstance(drawn, Trees) else _among(drawn, cores)

    return among


def _among(traffic: Traffic, cores: Int64) -> Traffic:
    """The rows of some cores, in ascending order, that talk to none but one another."""
    number = np.full(traffic.offset.size - 1, -1, np.int64)
    number[cores] = np.arange(cores.size)
    lengths = np.diff(traffic.offset)[cores]
    rows = np.repeat(traffic.offset[cores] - np.append(0, np.cumsum(lengths)[:-1]), lengths) + np.arange(lengths.sum())
    return Traffic(np.append(0, np.cumsum(lengths)), number[traffic.neighbour[rows]], traffic.weight[rows])


def _too_large(graph: SpikingGraph, chip: Chip, tiling: Tiling, parts: PartTable, bundle: int, owner: int) -> Exception:
    kind = CoreKind(int(tiling.kind[bundle]))
    node = tiling.node_names[int(parts.node[bundle])]
    group = np.flatnonzero(parts.owner == owner)
    what = "synapse" if kind is CoreKind.SYNAPSE else "EC"
    figure = f"mesh.{'synapse' if kind is CoreKind.SYNAPSE else 'ec'}_cores_per_tile"
    levers = ("raise mesh.width or mesh.height", f"raise {figure}", f"raise {resources(chip, kind)[0].figure}")
    needed, held = np.unique(tiling.bundle[group]).size, cores_per_tile(chip, kind) * chip.mesh.tiles
    return refuse(
        graph.name, chip.name, [Shortfall("mesh.width", needed, held, f"{what} cores", f"one rectangle of {node!r}", levers)]
    )


@njit(cache=True)
def _fill(kind: Int64, sizes: Int64, together: Int64, limits: Int64, available: Int64, window: int) -> tuple[Int64, Int64, int]:
    """Core of each bundle (bundles,), phase of each core (cores,), and the first bundle that no empty chip holds, else -1.

    `together` numbers the groups that one phase must hold, side by side in the order of bundles. A bundle takes the newest of the
    last `window` cores of its kind in this phase that has room, else a new one.
    """
    bundles, resources = sizes.shape
    core = np.full(bundles, -1, np.int64)
    phase = np.zeros(bundles, np.int64)
    used = np.zeros((bundles, resources), np.int64)
    mine = np.zeros((available.size, bundles), np.int64)
    opened = np.zeros(available.size, np.int64)
    cores, now, first = 0, 0, 0
    while first < bundles:
        last = first
        while last < bundles and together[last] == together[first]:
            last += 1
        before, opened_before = cores, opened.copy()
        at = first
        while at < last:
            of = kind[at]
            chosen = -1
            for back in range(opened[of] - 1, max(opened[of] - 1 - window, -1), -1):
                room = True
                for r in range(resources):
                    if used[mine[of, back], r] + sizes[at, r] > limits[of, r]:
                        room = False
                if room:
                    chosen = mine[of, back]
                    break
            if chosen < 0:
                if opened[of] == available[of]:
                    break
                chosen = cores
                phase[chosen] = now
                mine[of, opened[of]] = chosen
                opened[of] += 1
                cores += 1
            for r in range(resources):
                used[chosen, r] += sizes[at, r]
            core[at] = chosen
            at += 1
        if at == last:
            first = last
            continue
        for undone in range(first, at):
            for r in range(resources):
                used[core[undone], r] -= sizes[undone, r]
        cores = before
        if opened_before.sum() == 0:
            return core, phase, at
        opened[:] = 0
        now += 1
    return core, phase[:cores], -1
