"""A Chip as a notebook shows it, and as a table of figures with their origins."""

from __future__ import annotations

import pyarrow as pa

from synaptile.foundation.html import card, facts, folded, grid, notes, prose
from synaptile.foundation.tables import arrow, choose
from synaptile.hwmodels.chip import Chip
from synaptile.hwmodels.figures import chip_figures, figure_text
from synaptile.hwmodels.sourced import ASSUMED
from synaptile.hwmodels.stored import chip_document

PROPERTY = "a property, not a figure"
"""Origin of what is no figure."""


def chip_html(chip: Chip) -> str:
    """Cores, memories and clock; what the chip lacks; every figure with its origin behind a click."""
    mesh, synapse, ec = chip.mesh, chip.synapse_core, chip.ec_core
    board = f", up to {mesh.max_chips:,} chips" if mesh.max_chips > 1 else ""
    lines = [
        ("mesh", f"{mesh.width:,} x {mesh.height:,} tiles{board}"),
        (
            "synapse cores",
            f"{mesh.tiles * mesh.synapse_cores_per_tile:,}, each {synapse.weight_memory_bits / 8192:,.1f} KiB of weights and "
            f"{synapse.state_memory_bits / 8192:,.1f} KiB of state, {synapse.lanes_per_cycle:,} lanes",
        ),
        (
            "EC cores",
            "none"
            if ec is None
            else f"{mesh.tiles * mesh.ec_cores_per_tile:,}, each {ec.state_memory_bits / 8192:,.1f} KiB of state, "
            f"{ec.multipliers_per_cycle:,} multipliers",
        ),
        ("spikes", f"{synapse.graded_spikes}, {'multicast' if chip.noc.multicast else 'unicast'}"),
        ("clock", f"{chip.clock_mhz:,.0f} MHz, {chip.process_nm:g} nm, {chip.voltage_v:g} V, {chip.synchronisation}"),
    ]
    assumed = sum(origin.startswith(ASSUMED) for origin in chip.sources.values())
    rows = [(name, figure_text(value), origin) for name, value, origin in _figures(chip)]
    return card(
        chip.name,
        prose(chip.description),
        facts(lines),
        folded(f"lacks {len(chip.lacks)} things", notes(chip.lacks)) if chip.lacks else prose("lacks nothing that it states"),
        folded(
            f"{len(chip.sources)} figures, {assumed} of them assumed",
            grid(("figure", "value", "where it comes from"), rows, left=3, most=len(rows)),
        ),
    )


def chip_arrow(chip: Chip, table: str | None = None) -> pa.Table:
    """Table `figures`: name, value and origin as text, and whether the figure is assumed."""
    choose(table, ("figures",), "a chip")
    found = _figures(chip)
    columns = {
        "figure": pa.array([name for name, _, _ in found], pa.string()),
        "value": pa.array([str(value) for _, value, _ in found], pa.string()),
        "origin": pa.array([origin.removeprefix(ASSUMED) for _, _, origin in found], pa.string()),
        "assumed": pa.array([origin.startswith(ASSUMED) for _, _, origin in found], pa.bool_()),
    }
    return arrow(columns, {"chip": chip.name, "digest": chip.digest})


def _figures(chip: Chip) -> list[tuple[str, object, str]]:
    return [(name, value, chip.sources.get(name, PROPERTY)) for name, value in chip_figures(chip_document(chip))]
