"""The mesh: what every core holds, issues and costs, what lies on it, and the load of links."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from synaptile.energy import Bill, EnergyReport
from synaptile.energy.bill import NO_CORE
from synaptile.mapper.board import board_shape
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.simulator.schedule.timeline import UNITS, LinkKind, Timeline

LINES_A_CORE = 8
"""Heaviest lines listed per core."""

MOST_LINES = 250_000
"""Lines of all cores together: a board beyond it lists none per core, or the page would grow past what a browser likes."""


def mesh_document(report: EnergyReport) -> dict[str, Any]:
    """Extents of the board in tiles, slots of a tile, limits of a core of each kind."""
    program = shown_program(report)
    chip = program.chip
    width, height = board_shape(chip, program.board)
    limits = {kind.name.lower(): {name: limit for name, (_, limit) in program.limits(kind).items()} for kind in _kinds(program)}
    return {
        "width": width,
        "height": height,
        "chip_width": chip.mesh.width,
        "chip_height": chip.mesh.height,
        "slots": [chip.mesh.synapse_cores_per_tile, chip.mesh.ec_cores_per_tile],
        "limits": limits,
        "cores": len(program.cores.kind),
        "remapped": not own_cores(report),
        "queue_flits": chip.noc.input_queue_flits,
    }


def _kinds(program: CoreProgram) -> list[CoreKind]:
    return [kind for kind in CoreKind if np.any(program.cores.kind == kind)]


def shown_program(report: EnergyReport) -> CoreProgram:
    """The mapping that the page draws: that of the schedule where there is one."""
    return report.activity.program if report.timeline is None else report.timeline.program


def own_cores(report: EnergyReport) -> bool:
    """Whether the cores drawn are those of the run: a schedule may be of a new mapping, or of a sentence's length on the same."""
    return shown_program(report).cores is report.activity.program.cores


def core_columns(report: EnergyReport) -> dict[str, Any]:
    """Columns of shape (cores,): place, `uses` of each limit (memory in bits), energy in pJ per image, cycles where scheduled.

    Energy and operations are null where the schedule re-mapped the network: they belong to other cores.
    """
    program, timeline = shown_program(report), report.timeline
    cores = program.cores
    columns: dict[str, Any] = {name: getattr(cores, name).tolist() for name in ("kind", "x", "y", "slot")}
    uses: dict[str, NDArray[np.integer]] = {}
    for kind in _kinds(program):
        own_kind = cores.kind == kind
        for name, (used, _) in program.limits(kind).items():
            uses[name] = np.where(own_kind, used, uses.get(name, 0))
    columns["uses"] = {name: used.tolist() for name, used in uses.items()}
    own = own_cores(report)
    columns["ops"] = [core.ops for core in report.cores] if own else None
    columns["energy_pj"] = _energy(report, "executed").tolist() if own else None
    columns["top_pj"] = _energy(report, report.top).tolist() if own else None
    power = [core.w_per_mm2 for core in report.cores]
    columns["w_per_mm2"] = [_digits(value) for value in power if value is not None] if own and all(power) else None
    columns["cycles"] = None
    if timeline is not None:
        cycles = timeline.cores
        columns["cycles"] = {
            name: getattr(cycles, name).tolist() for name in ("busy", "stalled_input", "stalled_network", "idle")
        }
        columns["cycles"]["units"] = {unit: cycles.unit_busy[:, at].tolist() for at, unit in enumerate(UNITS)}
    return columns


def part_columns(report: EnergyReport) -> dict[str, list[int]]:
    """Columns of shape (parts,), sorted by core: what lies where."""
    parts = shown_program(report).parts
    order = np.argsort(parts.core, kind="stable")
    names = ("node", "core", "token_start", "token_stop", "out_start", "out_stop", "in_start", "in_stop")
    return {name: getattr(parts, name)[order].tolist() for name in (*names, "replica", "weight_bits", "state_bits")}


def core_lines(report: EnergyReport) -> dict[str, Any] | None:
    """The heaviest lines of each core over all steps, what the rungs add among them; None on a board with too many.

    Columns sorted by core, then energy: `core`, `node`, `count`, `pj`, `images`, and `role`, `op`, `rung` as indices into lists.
    """
    if not own_cores(report):
        return None
    bills = {"executed": report.comparisons["executed"].snn, **{name: one.snn for name, one in report.additions.items()}}
    chunks = [_core_rows(bill, at) for at, bill in enumerate(bills.values())]
    roles = [role for bill in bills.values() for role in bill.roles]
    ops = [op for bill in bills.values() for op in bill.ops]
    starts = np.cumsum([0, *(len(bill.roles) for bill in bills.values())])
    op_starts = np.cumsum([0, *(len(bill.ops) for bill in bills.values())])
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    columns["role"] += starts[columns["rung"]]
    columns["op"] += op_starts[columns["rung"]]
    energy = columns["count"] * columns["pj"] / columns["images"]
    order = np.lexsort((-energy, columns["core"]))
    core = columns["core"][order]
    rank = np.arange(core.size) - np.searchsorted(core, core)
    kept = order[rank < LINES_A_CORE]
    if kept.size > MOST_LINES:
        return None
    lists = {"roles": roles, "ops": ops, "rungs": list(bills), "lines": np.bincount(core, minlength=len(report.cores)).tolist()}
    return {name: column[kept].tolist() for name, column in columns.items()} | lists


def link_columns(timeline: Timeline) -> dict[str, Any]:
    """Links between routers: tiles joined, flits, busy cycles, longest queue. Shape (links,)."""
    links = timeline.links
    width, height = board_shape(timeline.program.chip, timeline.program.board)
    between_tiles = np.maximum(links.source, links.target) < width * height  # a tree's routers have no place on the floor
    mesh = np.flatnonzero((links.kind == LinkKind.MESH) & between_tiles)
    return {
        name: getattr(links, name)[mesh].tolist() for name in ("source", "target", "flits", "busy_cycles", "peak_queue_flits")
    }


def _energy(report: EnergyReport, accounting: str) -> NDArray[np.float64]:
    """Energy of each core up to a rung, all steps, shape (cores,)."""
    bill = report.comparison(accounting).snn
    cores = len(report.cores)
    group = np.where(bill.core == NO_CORE, cores, bill.core).astype(np.int32)
    energy = bill.energy_by(group, cores + 1).sum(axis=1)[:cores]
    return np.array([_digits(value) for value in energy.tolist()])


def _core_rows(bill: Bill, rung: int) -> dict[str, NDArray[Any]]:
    count = bill.count.sum(axis=1)
    rows = np.flatnonzero((bill.core != NO_CORE) & (count != 0))
    pj = np.array([bill.prices[op].pj or 0.0 for op in bill.ops])
    images = np.array([bill.images_of(op) for op in bill.ops], np.int64)
    op = bill.op[rows].astype(np.int64)
    return {
        "core": bill.core[rows].astype(np.int64),
        "node": bill.node[rows].astype(np.int64),
        "role": bill.role[rows].astype(np.int64),
        "op": op,
        "rung": np.full(rows.size, rung, np.int64),
        "count": count[rows],
        "pj": pj[op],
        "images": images[op],
    }


def _digits(value: float) -> float:
    """Seven significant digits: the page shows four, and boards have tens of thousands of cores."""
    return float(f"{value:.7g}")
