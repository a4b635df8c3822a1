"""A CoreProgram as a notebook shows it, and as tables of cores and parts."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np

from synaptile.foundation.html import Fragment, card, facts, grid
from synaptile.foundation.tables import arrow, choose, words
from synaptile.mapper.program import CoreKind, CoreProgram

if TYPE_CHECKING:
    import pyarrow as pa

_USED = (("weights", "weight_bits_used"), ("state", "state_bits_used"), ("neurons", "neurons_used"), ("axons", "axons_used"))


def program_html(program: CoreProgram) -> str:
    """Cores in use of each kind, how full the fullest is, and what the placement saves."""
    cores, chip, placement, routes = program.cores, program.chip, program.placement, program.routes
    columns, rows = program.board
    tiles = columns * rows * chip.mesh.tiles
    used = {kind: cores.kind == kind for kind in CoreKind}
    slots = {CoreKind.SYNAPSE: chip.mesh.synapse_cores_per_tile, CoreKind.EC: chip.mesh.ec_cores_per_tile}
    table = [
        (
            kind.name.lower(),
            f"{int(own.sum()):,}",
            f"{tiles * slots[kind]:,}",
            f"{int(own[program.parts.core].sum()):,}",
            f"{cores.weight_bits_used[own].sum() / 2**23:,.2f} MiB",
            f"{cores.state_bits_used[own].sum() / 2**23:,.2f} MiB",
        )
        for kind, own in used.items()
        if own.any()
    ]
    lines = [
        ("board", f"{columns:,} x {rows:,} chips, {tiles:,} tiles"),
        ("flows", f"{len(program.flows.source):,} over {len(routes.source_core):,} multicast trees"),
        (
            f"placement ({placement.method}, seed {placement.seed})",
            f"{placement.weighted_hops:,.0f} weighted hops a step, baseline {placement.baseline_weighted_hops:,.0f}",
        ),
        ("links of the routes", f"{routes.hops.sum():,}, unicast {routes.unicast_hops.sum():,}"),
    ]
    header = ("kind", "cores used", "of", "parts", "weights", "state")
    parts = [facts(lines), grid(header, table), *(_fullest(program, kind) for kind, own in used.items() if own.any())]
    return card(f"{program.graph.name} on {chip.name}: {len(cores.kind):,} cores", *parts)


def _fullest(program: CoreProgram, kind: CoreKind) -> Fragment:
    """The fullest core of each limit of one kind."""
    own = np.flatnonzero(program.cores.kind == kind)
    core, rows = program.chip.synapse_core, []
    for what, column in _USED:
        used = getattr(program.cores, column)[own]
        if kind is CoreKind.SYNAPSE:
            limit = {
                "weights": core.weight_memory_bits,
                "state": core.state_memory_bits,
                "neurons": core.max_neurons,
                "axons": core.max_axons,
            }[what]
        else:
            ec = program.chip.ec_core
            # The mapper never makes an EC core on a chip that has none.
            assert ec is not None
            if what in ("weights", "axons"):  # weights share the state memory, and rows of it have no limit
                continue
            if what == "state":
                used = used + program.cores.weight_bits_used[own]
            limit = ec.state_memory_bits if what == "state" else ec.max_neurons
        at = int(np.argmax(used))
        unit = " bits" if what in ("weights", "state") else ""
        rows.append((what, str(int(own[at])), f"{int(used[at]):,}{unit}", f"{limit:,}{unit}", f"{100 * used[at] / limit:.1f} %"))
    return grid((f"fullest {kind.name.lower()} core", "core", "uses", "limit", ""), rows)


def program_arrow(program: CoreProgram, table: str | None = None) -> pa.Table:
    """Table `cores`, or `parts` with the names of their nodes."""
    chosen = choose(table, ("cores", "parts"), "a core program")
    source = program.cores if chosen == "cores" else program.parts
    columns = {field.name: getattr(source, field.name) for field in fields(source)}
    if chosen == "cores":
        columns["kind"] = words([kind.name.lower() for kind in CoreKind], program.cores.kind)
        columns = {"core": np.arange(len(program.cores.kind), dtype=np.int32), **columns}
    else:
        columns["node"] = words(program.node_names, program.parts.node)
    about = {"graph": program.graph.name, "graph_digest": program.graph.digest}
    return arrow(columns, {**about, "chip": program.chip.name, "chip_digest": program.chip.digest})
