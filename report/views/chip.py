"""Chips: what is shipped, and one chip opened with the origin of every figure."""

from __future__ import annotations

from collections.abc import Sequence

from synaptile.hwmodels import Chip, die_area_mm2
from synaptile.hwmodels.banks import slow_banks
from synaptile.hwmodels.parameters import KIB_BITS
from synaptile.hwmodels.sourced import ASSUMED
from synaptile.mapper.homes import kinds_without_home
from synaptile.report.numbers import figure_text
from synaptile.report.views.document import Document, Sheet


def chips_table(chips: Sequence[Chip]) -> Sheet:
    """One row per chip: cores, memories, clock, what it lacks."""
    rows = []
    for chip in chips:
        mesh, core = chip.mesh, chip.synapse_core
        cores = mesh.tiles * mesh.synapse_cores_per_tile
        rows.append(
            (
                chip.name,
                f"{mesh.tiles:,}",
                f"{cores:,}",
                f"{mesh.tiles * mesh.ec_cores_per_tile:,}",
                f"{cores * core.weight_memory_bits / 2**23:,.1f} MiB",
                f"{chip.clock_mhz:,.0f} MHz",
                core.graded_spikes,
                f"{len(chip.lacks)} things" if chip.lacks else "-",
            )
        )
    return Sheet(
        "Shipped chips",
        ("chip", "tiles", "synapse cores", "EC cores", "weights", "clock", "spikes", "lacks"),
        tuple(rows),
        caption="`synaptile chips NAME` opens one: every figure with its source or assumption.",
    )


def chip_document(chip: Chip) -> Document:
    """Cores, memories and clock; nodes without a home; every figure with its origin; what the chip lacks.

    The die area follows where the chip states area figures.
    """
    homeless = tuple((home.kind, home.why, home.lever) for home in kinds_without_home(chip))
    assumed = sum(origin.startswith(ASSUMED) for origin in chip.sources.values())
    title = f"{len(chip.sources)} figures, {assumed} of them assumed"
    figures = Sheet(title, ("figure", "value", "where it comes from"), figure_rows(chip), left=3, folded=True)
    homes = Sheet(
        "Nodes of a converted transformer without a home here", ("node", "why", "would help"), homeless, left=3, folded=True
    )
    lacks = f"lacks {len(chip.lacks)} things" if chip.lacks else ""
    return Document(
        chip.name,
        (*((homes,) if homeless else ()), figures),
        slow_banks(chip),
        facts=(("description", chip.description), *_facts(chip)),
        notes=chip.lacks or ("lacks nothing that it states",),
        notes_title=lacks,
    )


def figure_rows(chip: Chip) -> tuple[tuple[str, str, str], ...]:
    """Every figure and property: dotted name, value and where it comes from."""
    return tuple((name, figure_text(value), origin) for name, value, origin in chip.figures())


def _facts(chip: Chip) -> tuple[tuple[str, str], ...]:
    mesh, synapse, ec = chip.mesh, chip.synapse_core, chip.ec_core
    board = f", up to {mesh.max_chips:,} chips" if mesh.max_chips > 1 else ""
    facts = [
        ("mesh", f"{mesh.width:,} x {mesh.height:,} tiles{board}"),
        (
            "synapse cores",
            f"{mesh.tiles * mesh.synapse_cores_per_tile:,}, each {synapse.weight_memory_bits / KIB_BITS:,.1f} KiB of weights and "
            f"{synapse.state_memory_bits / KIB_BITS:,.1f} KiB of state, {synapse.lanes_per_cycle:,} lanes",
        ),
        (
            "EC cores",
            "none"
            if ec is None
            else f"{mesh.tiles * mesh.ec_cores_per_tile:,}, each {ec.state_memory_bits / KIB_BITS:,.1f} KiB of state, "
            f"{ec.multipliers_per_cycle:,} multipliers",
        ),
        ("spikes", f"{synapse.graded_spikes}, {'multicast' if chip.noc.multicast else 'unicast'}, {chip.noc.spike_format}"),
        (
            "network",
            f"{chip.noc.topology}, {chip.routers:,} routers, queues {chip.noc.flow_control}"
            + ("" if chip.noc.flow_control == "unbounded" else f", {chip.noc.input_queue_flits} flits"),
        ),
        (
            "clock",
            f"{chip.clock_mhz:,.0f} MHz, {chip.process_nm:g} nm, {chip.voltage_v:g} V (scaling: {chip.scaling}), "
            f"{chip.synchronisation}",
        ),
    ]
    if chip.area is not None:
        area = die_area_mm2(chip)
        facts.append(
            (
                "die",
                f"{area.total:,.0f} mm2 without pads, {area.reticles:.2f} of a reticle's {area.reticle_limit:,.0f} mm2 "
                f"(SRAM {area.sram:,.0f}, logic {area.logic:,.0f})",
            )
        )
    return tuple(facts)
