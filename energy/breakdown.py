"""Where the energy goes: lines of the audit, groups of nodes, pieces of the SNN's total, and what each core holds and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.graph import ECUnit, Node, ProductUnit, layer_of
from synaptile.energy.accountings import Comparison
from synaptile.energy.bill import CHIP, NO_CORE, Bill
from synaptile.energy.flits import link_energy
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.hwmodels.area import tile_area_mm2
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.schedule.timeline import Timeline

LINE_COLUMNS = (
    "side",
    "accounting",
    "node",
    "kind",
    "layer",
    "role",
    "op",
    "step",
    "count",
    "images",
    "pj_per_op",
    "energy_pj_per_image",
    "source",
    "activity",
)
"""Columns of `line_rows`; `activity` says whether spikes were executed or synthetic.

ANN lines have no `step`, unpriced lines neither `pj_per_op` nor `energy_pj_per_image`."""

SPLITS = ("rung", "node", "core", "step", "link")
"""What a total can be split by."""


@dataclass(frozen=True)
class GroupEnergy:
    """One group of nodes at one step, cumulative, in pJ per image.

    `ratio` is SNN over ANN inside the group, None where the ANN spends nothing there (MT neurons); `share` is the group's
    part in the ratio of the whole network: shares sum to it.
    """

    name: str
    snn_pj: float
    ann_pj: float
    ratio: float | None
    share: float


def kind_of(node: Node) -> str:
    """What a node is called in tables: its kind, with the function of an EC unit and the form of a product."""
    match node:
        case ECUnit():
            return f"ec {node.function}"
        case ProductUnit() if node.kind == ProductUnit.kind:
            return f"product {node.form}"
        case _:
            return node.kind


def site_kind(name: str) -> str:
    """A node's name without the number of its layer: ``blocks.*.attn.q`` for ``blocks.3.attn.q``."""
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


KEYS: dict[str, Callable[[Node], str]] = {
    "kind": kind_of,
    "layer": lambda node: layer_of(node.name),
    "node": lambda node: node.name,
}
"""Groupings by name."""


def grouped(comparison: Comparison, nodes: tuple[Node, ...], key: str, step: int) -> tuple[GroupEnergy, ...]:
    """Energy of each group through `step`, in graph order; groups without energy on both sides are left out.

    What no node answers for (leakage) is the last group, "(chip)".

    Raises InputError for a grouping that `KEYS` does not have.
    """
    if key not in KEYS:
        raise InputError(f"nodes cannot be grouped by {key!r}: use one of {', '.join(KEYS)}")
    labels = [*(KEYS[key](node) for node in nodes), CHIP]
    names = list(dict.fromkeys(labels))
    of_node = np.array([names.index(label) for label in labels], np.int32)
    snn = _through(comparison.snn.energy_by(of_node[comparison.snn.node], len(names)), step)
    ann = _through(comparison.ann.energy_by(of_node[comparison.ann.node], len(names)), 1)
    whole = comparison.ann_pj
    return tuple(
        GroupEnergy(name, float(s), float(a), float(s / a) if a else None, float(s / whole) if whole else 0.0)
        for name, s, a in zip(names, snn, ann, strict=True)
        if s or a
    )


@dataclass(frozen=True)
class Split:
    """One piece in pJ per image; `share` is its part of the SNN's total, `ann_pj` the ANN's piece, None where it has none."""

    name: str
    snn_pj: float
    share: float
    ann_pj: float | None = None


Piece = tuple[str, float, float | None]
"""Name, SNN and ANN of what a total is split into."""


def by_core(bill: Bill, cores: int, step: int) -> list[Piece]:
    """Energy of each core; what no core answers for (routers, idle cores, pixels) last."""
    group = np.where(bill.core == NO_CORE, cores, bill.core).astype(np.int32)
    energy = _through(bill.energy_by(group, cores + 1), step)
    names = [*(str(core) for core in range(cores)), "no core in use"]
    return [(name, float(pj), None) for name, pj in zip(names, energy, strict=True) if pj]


def by_link(timeline: Timeline | None, noc: Comparison | None) -> list[Piece]:
    """Energy of each link. Raises InputError without a schedule or the rung `noc`."""
    if timeline is None or noc is None:
        raise InputError("energy per link needs a schedule: price(activity, chip, timeline=schedule(activity, chip))")
    pj = {op: price.pj or 0.0 for op, price in noc.snn.prices.items()}
    return [(name, energy, None) for name, energy in link_energy(timeline, pj).items()]


def line_rows(bills: Mapping[str, Comparison], nodes: Mapping[str, Node], origin: str) -> Iterator[tuple[Any, ...]]:
    """Rows under `LINE_COLUMNS` per (side, accounting, node, role, op, step), cores summed, None where a cell stays empty.

    SNN lines of each accounting in `bills` come before those of the ANN.
    """
    for accounting, comparison in bills.items():
        for side, bill in (("snn", comparison.snn), ("ann", comparison.ann)):
            merged = bill.merged_over_cores()
            steps = range(1, bill.steps + 1) if side == "snn" else (None,)
            for line in (line for step in steps for line in merged.lines(step=step)):
                node = nodes.get(line.node)
                kind, layer = (CHIP, CHIP) if node is None else (kind_of(node), layer_of(node.name))
                figures = (line.role, line.op, line.step, line.count, line.images, line.price.pj, line.energy_pj)
                yield (side, accounting, line.node, kind, layer, *figures, line.price.source, origin)


@dataclass(frozen=True)
class CoreUse:
    """One core of a run. Operations and energy are over all steps.

    `neurons` and `neurons_limit` are the core's. Memory is in bits: on a synapse core weights and state have memories of their
    own; on an EC core both share the state memory, so `weight_bits_available` is None and `state_bits_used` includes weights.
    `ops` is exact over all images of the run. `energy_pj` is per image, up to `rung`, `share` its part in that of all cores.
    `area_mm2` is None on a chip that states none, `w_per_mm2` (that energy over the time of an image in the schedule) also
    without a schedule.
    """

    core: int
    kind: str
    x: int
    y: int
    slot: int
    neurons: int
    neurons_limit: int
    weight_bits_used: int
    weight_bits_available: int | None
    state_bits_used: int
    state_bits_available: int
    ops: int
    rung: str
    energy_pj: float
    share: float
    area_mm2: float | None
    w_per_mm2: float | None

    @property
    def pj_per_mm2(self) -> float | None:
        """Energy per image and area."""
        return None if self.area_mm2 is None else self.energy_pj / self.area_mm2

    @property
    def weight_share(self) -> float | None:
        """Used part of the weight memory, 0..1; None on an EC core, whose weights lie in its state memory."""
        return None if self.weight_bits_available is None else self.weight_bits_used / self.weight_bits_available

    @property
    def memory_use(self) -> float:
        """Used part of the memory that matters on the core, 0..1: weights of a synapse core, state of an EC core."""
        return self.state_bits_used / self.state_bits_available if self.weight_share is None else self.weight_share


def core_use(program: CoreProgram, executed: Bill, top: Comparison, chip: Chip, seconds: float | None) -> tuple[CoreUse, ...]:
    """One `CoreUse` per core of the program, in core order; an image takes `seconds` on `chip` where that was scheduled."""
    cores = program.cores
    count = len(cores.kind)
    group = np.where(top.snn.core == NO_CORE, count, top.snn.core).astype(np.int32)
    energy = top.snn.energy_by(group, count + 1)[:count].sum(axis=1)
    ops = executed.counts_by(executed.core, count)
    areas = _core_areas_mm2(chip)
    whole = float(energy.sum())
    limits = {kind: program.limits(kind) for kind in CoreKind if np.any(cores.kind == kind)}
    uses = []
    for core in range(count):
        kind = CoreKind(int(cores.kind[core]))
        weights, (state, state_limit) = limits[kind].get("weight memory"), limits[kind]["state memory"]
        uses.append(
            CoreUse(
                core=core,
                kind=kind.name.lower(),
                x=int(cores.x[core]),
                y=int(cores.y[core]),
                slot=int(cores.slot[core]),
                neurons=int(cores.neurons_used[core]),
                neurons_limit=limits[kind]["neurons"][1],
                weight_bits_used=int(cores.weight_bits_used[core]),
                weight_bits_available=None if weights is None else weights[1],
                state_bits_used=int(state[core]),
                state_bits_available=state_limit,
                ops=int(ops[core]),
                rung=top.name,
                energy_pj=float(energy[core]),
                share=float(energy[core]) / whole if whole else 0.0,
                area_mm2=areas.get(kind),
                w_per_mm2=float(energy[core]) * 1e-12 / seconds / areas[kind] if seconds and kind in areas else None,
            )
        )
    return tuple(uses)


def _core_areas_mm2(chip: Chip) -> dict[CoreKind, float]:
    """Area of one core of each kind, mm2; empty for a chip that states none."""
    if chip.area is None:
        return {}
    tile, mesh = tile_area_mm2(chip), chip.mesh
    found = {CoreKind.SYNAPSE: (tile.synapse_sram + tile.synapse_logic) / mesh.synapse_cores_per_tile}
    if mesh.ec_cores_per_tile:
        found[CoreKind.EC] = (tile.ec_sram + tile.ec_logic) / mesh.ec_cores_per_tile
    return found


def _through(energy: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    total: NDArray[np.float64] = energy[:, :step].sum(axis=1)
    return total
