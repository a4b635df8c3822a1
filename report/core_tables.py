"""Tables about cores: utilisation, placement, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synaptile.energy import CoreUse, EnergyReport
from synaptile.energy.units import energy_text, share_text
from synaptile.foundation.errors import DoesNotFit
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.report.style import Sheet, bar, new_sheet, percent


def utilisation_table(report: EnergyReport) -> Sheet:
    """Least, median and most used core of each kind, for neurons, memories and energy."""
    table = new_sheet(
        f"Use of the {len(report.cores)} cores on {report.activity.program.chip.name}",
        "kind",
        "cores",
        "what",
        "least",
        "median",
        "most",
        "limit a core",
        "median",
        bars=(2, 7),
    )
    for kind in dict.fromkeys(core.kind for core in report.cores):
        cores = [core for core in report.cores if core.kind == kind]
        first = True
        for what, used, limit in _resources(cores):
            middle = float(np.median(used))
            table.add_row(
                kind if first else "",
                f"{len(cores):,}" if first else "",
                what,
                _amount(what, min(used)),
                _amount(what, middle),
                _amount(what, max(used)),
                "-" if limit is None else _amount(what, limit),
                "" if limit is None else bar(middle / limit),
            )
            first = False
    return table


def fullest_cores_table(report: EnergyReport, count: int = 10) -> Sheet:
    """The `count` cores whose memory is fullest, with what they issue and cost."""
    fullest = sorted(report.cores, key=lambda core: (-core.memory_use, core.core))[:count]
    table = new_sheet(
        f"The {len(fullest)} fullest cores",
        "core",
        "tile",
        "neurons",
        "weights",
        "",
        "state",
        "",
        "ops/image",
        "energy",
        "of all",
        bars=(4, 6),
        caption="The memory of an EC core holds state and weights together.",
    )
    for core in fullest:
        table.add_row(
            f"{core.core} {core.kind}",
            f"{core.x},{core.y}",
            percent(core.neurons / core.neurons_limit),
            "in state" if core.weight_bits_available is None else percent(core.weight_bits_used / core.weight_bits_available),
            "" if core.weight_bits_available is None else bar(core.weight_bits_used / core.weight_bits_available, 6),
            percent(core.state_bits_used / core.state_bits_available),
            bar(core.state_bits_used / core.state_bits_available, 6),
            f"{core.ops / report.activity.images:,.0f}",
            energy_text(core.energy_pj),
            share_text(core.share),
        )
    return table


def program_table(program: CoreProgram) -> Sheet:
    """What a mapping takes of its board: cores of each kind, parts, and how full their memories are together."""
    cores, chip = program.cores, program.chip
    columns, rows = program.board
    tiles = columns * rows * chip.mesh.tiles
    table = new_sheet(
        f"{program.graph.name} on {columns * rows} x {chip.name}", "kind", "cores used", "of", "parts", "weights", "state"
    )
    for kind in CoreKind:
        used = cores.kind == kind
        if not used.any():
            continue
        slots = chip.mesh.synapse_cores_per_tile if kind is CoreKind.SYNAPSE else chip.mesh.ec_cores_per_tile
        table.add_row(
            "synapse" if kind is CoreKind.SYNAPSE else "ec",
            f"{int(used.sum()):,}",
            f"{tiles * slots:,}",
            f"{int(used[program.parts.core].sum()):,}",
            f"{cores.weight_bits_used[used].sum() / 2**23:,.2f} MiB",
            f"{cores.state_bits_used[used].sum() / 2**23:,.2f} MiB",
        )
    return table


def placement_table(program: CoreProgram) -> Sheet:
    """Traffic-weighted hops of the placement beside the baseline's, and what multicast saves over unicast."""
    placement, routes = program.placement, program.routes
    columns, rows = program.board
    table = new_sheet(
        f"Placement of {program.graph.name}: {len(program.cores.kind)} cores on {columns * rows} x {program.chip.name} "
        f"({placement.method}, seed {placement.seed})",
        "",
        "baseline",
        "used",
        "saved",
        caption=f"Weighted hops: messages expected a step (at density {placement.assumed_density:g}) times links crossed. "
        "Baseline: row-major order of creation, and unicast.",
    )
    for what, baseline, used in (
        ("weighted hops a step", placement.baseline_weighted_hops, placement.weighted_hops),
        ("links of the routes", float(routes.unicast_hops.sum()), float(routes.hops.sum())),
    ):
        table.add_row(what, f"{baseline:,.0f}", f"{used:,.0f}", percent(1 - used / baseline) if baseline else "-")
    return table


def does_not_fit_table(error: DoesNotFit) -> Sheet:
    """What a graph lacks on a chip: resource, demand, limit and gap, the binding one first, with what would fix it."""
    table = new_sheet(
        f"{error.graph} does not fit {error.chip}",
        "resource",
        "needs",
        "limit",
        "short by",
        "demand / limit",
        "where",
        prose=("where",),
    )
    for shortfall in error.shortfalls:
        table.add_row(
            shortfall.resource,
            f"{shortfall.demand:,}",
            f"{shortfall.limit:,}",
            f"{shortfall.demand - shortfall.limit:,}",
            f"{shortfall.demand / shortfall.limit:.2f}x" if shortfall.limit else "none there",
            shortfall.where.rstrip(","),
        )
    table.caption = "\n".join(f"{s.resource}: {'; or '.join(s.levers)}" for s in error.shortfalls)
    return table


def _resources(cores: Sequence[CoreUse]) -> list[tuple[str, list[float], float | None]]:
    """What a kind of core uses: name, use of each core, limit of one core."""
    found: list[tuple[str, list[float], float | None]] = [("neurons", [core.neurons for core in cores], cores[0].neurons_limit)]
    if cores[0].weight_bits_available is not None:
        found.append(("weight KiB", [core.weight_bits_used / 8192 for core in cores], cores[0].weight_bits_available / 8192))
    found.append(("state KiB", [core.state_bits_used / 8192 for core in cores], cores[0].state_bits_available / 8192))
    found.append(("energy", [core.energy_pj for core in cores], None))
    return found


def _amount(what: str, value: float) -> str:
    return energy_text(value) if what == "energy" else f"{value:,.1f}" if what.endswith("KiB") else f"{value:,.0f}"
