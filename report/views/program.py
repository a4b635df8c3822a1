"""A CoreProgram: what a mapping takes of its board, how full its cores are, what its placement saves."""

from __future__ import annotations

import numpy as np

from synaptile.mapper.board import cores_per_tile
from synaptile.mapper.program import CoreKind, CoreProgram
from synaptile.report.numbers import percent
from synaptile.report.views.document import Document, Sheet


def program_document(program: CoreProgram) -> Document:
    """Cores in use of each kind, how full the fullest is, and what the placement saves."""
    columns, rows = program.board
    facts = (
        ("board", f"{columns:,} x {rows:,} chips, {columns * rows * program.chip.mesh.tiles:,} tiles"),
        ("flows", f"{len(program.flows.source):,} over {len(program.routes.source_core):,} multicast trees"),
    )
    title = f"{program.graph.name} on {program.chip.name}: {len(program.cores.kind):,} cores"
    return Document(title, (program_table(program), limits_table(program), placement_table(program)), facts=facts)


def program_table(program: CoreProgram) -> Sheet:
    """What a mapping takes of its board: cores of each kind, parts, and how full their memories are together."""
    cores, chip = program.cores, program.chip
    columns, rows = program.board
    in_use = {kind: cores.kind == kind for kind in CoreKind}
    cells = tuple(
        (
            kind.name.lower(),
            f"{program.seats(kind):,}",
            f"{columns * rows * chip.mesh.tiles * cores_per_tile(chip, kind):,}",
            f"{int(own[program.parts.core].sum()):,}",
            f"{cores.weight_bits_used[own].sum() / 2**23:,.2f} MiB",
            f"{cores.state_bits_used[own].sum() / 2**23:,.2f} MiB",
        )
        for kind, own in in_use.items()
        if own.any()
    )
    header = ("kind", "cores used", "of", "parts", "weights", "state")
    phased = f", {program.phases} phases one after the other" if program.phases > 1 else ""
    return Sheet(f"{program.graph.name} on {columns * rows} x {chip.name}{phased}", header, cells)


def limits_table(program: CoreProgram) -> Sheet:
    """The fullest core of every limit."""
    rows = tuple(
        (kind.name.lower(), limit, f"{core}", _amount(limit, used), _amount(limit, of), percent(used / of))
        for kind, limit, core, used, of in fullest(program)
    )
    return Sheet("Fullest cores", ("kind", "limit", "core", "uses", "of", "share"), rows, left=2)


def fullest(program: CoreProgram) -> list[tuple[CoreKind, str, int, int, int]]:
    """Kind, limit, core, use and size of the limit for the fullest core of every limit of every kind in use."""
    found = []
    for kind in CoreKind:
        own = np.flatnonzero(program.cores.kind == kind)
        for limit, (used, size) in program.limits(kind).items() if own.size else ():
            core = int(own[np.argmax(used[own])])
            found.append((kind, limit, core, int(used[core]), size))
    return found


def placement_table(program: CoreProgram) -> Sheet:
    """Traffic-weighted hops of the placement beside the baseline's, and what multicast saves over unicast."""
    placement, routes = program.placement, program.routes
    columns, rows = program.board
    pairs = (
        ("weighted hops per step", placement.baseline_weighted_hops, placement.weighted_hops),
        ("links of the routes", float(routes.unicast_hops.sum()), float(routes.hops.sum())),
    )
    return Sheet(
        f"Placement of {program.graph.name}: {len(program.cores.kind)} cores on {columns * rows} x {program.chip.name} "
        f"({placement.method}, seed {placement.seed})",
        ("", "baseline", "used", "saved"),
        tuple(
            (what, f"{baseline:,.0f}", f"{used:,.0f}", percent(1 - used / baseline) if baseline else "-")
            for what, baseline, used in pairs
        ),
        caption=f"Weighted hops: messages expected per step (at density {placement.assumed_density:g}) times links crossed. "
        "Baseline: row-major order of creation, and unicast.",
    )


def _amount(limit: str, value: int) -> str:
    return f"{value:,} bits" if limit.endswith("memory") else f"{value:,}"
