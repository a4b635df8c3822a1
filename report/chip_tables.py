"""Tables about chips: what is shipped, and one chip opened with the origin of every figure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from synaptile.hwmodels import Chip, chip_document, die_area_mm2
from synaptile.hwmodels.figures import chip_figures, figure_text
from synaptile.hwmodels.show import PROPERTY
from synaptile.mapper.homes import kinds_without_home
from synaptile.report.style import Sheet, new_sheet


def chip_list(chips: Sequence[Chip]) -> Sheet:
    """One row a chip: cores, memories, clock, what it lacks."""
    table = new_sheet(
        "Shipped chips",
        "chip",
        "tiles",
        "synapse cores",
        "EC cores",
        "weights",
        "clock",
        "spikes",
        "lacks",
        caption="`synaptile chips NAME` opens one: every figure with its source or assumption.",
    )
    for chip in chips:
        mesh, core = chip.mesh, chip.synapse_core
        cores = mesh.tiles * mesh.synapse_cores_per_tile
        table.add_row(
            chip.name,
            f"{mesh.tiles:,}",
            f"{cores:,}",
            f"{mesh.tiles * mesh.ec_cores_per_tile:,}",
            f"{cores * core.weight_memory_bits / 2**23:,.1f} MiB",
            f"{chip.clock_mhz:,.0f} MHz",
            core.graded_spikes,
            f"{len(chip.lacks)} things" if chip.lacks else "-",
        )
    return table


def print_chip(chip: Chip, console: Console) -> None:
    """Print one chip: description, lacks, nodes without a home, every figure with its origin.

    The die area follows where the chip states area figures.
    """
    console.print(f"[bold]{chip.name}[/]: {chip.description}\n", highlight=False)
    if chip.lacks:
        console.print("It lacks:")
        for lack in chip.lacks:
            console.print(f"- {lack}", highlight=False)
        console.print()
    if homeless := kinds_without_home(chip):
        console.print("Nodes of a converted transformer without a home here:")
        for home in homeless:
            console.print(f"- {home.kind}: {home.why} (would help: {home.lever})", highlight=False)
        console.print()
    table = new_sheet(f"Figures of {chip.name}", "figure", "value", "where it comes from", prose=("where it comes from",))
    for name, value in chip_figures(chip_document(chip)):
        table.add_row(name, figure_text(value), chip.sources.get(name, PROPERTY))
    console.print(table)
    if chip.area is not None:
        area = die_area_mm2(chip)
        console.print(
            f"Die: {area.total:,.0f} mm2 without pads, {area.reticles:.2f} of a reticle's {area.reticle_limit:,.0f} mm2 "
            f"(SRAM {area.sram:,.0f}, logic {area.logic:,.0f})."
        )
