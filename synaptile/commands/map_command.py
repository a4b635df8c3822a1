"""`synaptile map`: a graph file onto the cores of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import ChipName, HostEC, Seed, with_suffix
from synaptile.foundation.options import PlacementMethod
from synaptile.terminal import output, phases


def map_(
    graph: Annotated[Path, typer.Argument(help="A graph file (.spk).")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Mapped program to write (.map).")],
    chip: ChipName = "ecmt45",
    seed: Seed = 0,
    replicas: Annotated[
        int, typer.Option("--replicas", help="Copies of every synapse's weights, tokens divided among them.")
    ] = 1,
    host_ec: HostEC = False,
    placement: Annotated[PlacementMethod, typer.Option("--placement", help="How cores are seated on the mesh.")] = "anneal",
) -> None:
    """Map a graph onto a chip: tiles, packing, placement, multicast routes. Says what does not fit, and why."""
    from synaptile.conversion.graph import load_graph
    from synaptile.hwmodels import load_chip, with_host_ec
    from synaptile.mapper import map_graph, save_program
    from synaptile.report import placement_table, program_table

    with_suffix(to, ".map", "a mapped program")
    target = with_host_ec(load_chip(chip)) if host_ec else load_chip(chip)
    with phases("mapping") as progress:
        program = map_graph(load_graph(graph), target, seed=seed, replicas=replicas, placement=placement, progress=progress)
        progress("writing")
        save_program(program, to)
    console = output()
    console.print(program_table(program))
    console.print(placement_table(program))
    console.print(f"{to}: written")
