"""`synaptile map`: a graph file onto the cores of a chip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import ChipName, HostEC, Seed, with_suffix
from synaptile.foundation.options import MappingGoal, PlacementMethod
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
    goal: Annotated[
        MappingGoal, typer.Option("--for", help="Fewest cores (room), or all of the board for least latency or most throughput.")
    ] = "room",
    partition: Annotated[
        Path | None, typer.Option("--partition", help="Map as this file says (docs/integer.md): cuts, cores, seats.")
    ] = None,
    write_partition: Annotated[
        Path | None, typer.Option("--write-partition", help="Write the mapping as such a file, to edit and map again.")
    ] = None,
    rates: Annotated[
        Path | None,
        typer.Option("--rates", metavar="RUN", help="Balance for the steps and firing rates of this run; assumed without."),
    ] = None,
) -> None:
    """Map a graph onto a chip: tiles, packing, placement, multicast routes. Says what does not fit, and why."""
    from synaptile.conversion.graph.storage import graph_to_check_in
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip, with_host_ec
    from synaptile.hwmodels.banks import slow_banks
    from synaptile.mapper import map_graph, map_partition, partition_of, save_partition
    from synaptile.mapper.storage import saving_program
    from synaptile.report import placement_table, program_table
    from synaptile.report.views.relief import balance_text
    from synaptile.simulator.firing import firing_rates
    from synaptile.simulator.schedule.transfers import handed_on_note
    from synaptile.simulator.storage import load_activity

    with_suffix(to, ".map", "a mapped program")
    if partition is not None and (replicas != 1 or goal != "room" or rates is not None):
        raise InputError("--partition says how everything is cut: leave --replicas, --for and --rates out")
    target = with_host_ec(load_chip(chip)) if host_ec else load_chip(chip)
    with phases("mapping") as progress:
        measured = None if rates is None else firing_rates(load_activity(rates))
        loaded, check = graph_to_check_in(graph)
        with saving_program(loaded, to) as save:
            if partition is not None:
                program = map_partition(loaded, target, partition, seed=seed, placement=placement, progress=progress)
            else:
                program = map_graph(
                    loaded,
                    target,
                    seed=seed,
                    replicas=replicas,
                    placement=placement,
                    goal=goal,
                    rates=measured,
                    progress=progress,
                )
            progress("writing")
            check()
            save(program)
        if write_partition is not None:
            save_partition(partition_of(program), write_partition)
    console = output()
    for warning in filter(None, (*slow_banks(target), handed_on_note(program))):
        console.print(warning, style="bold red")
    console.print(program_table(program))
    if (chips := program.board[0] * program.board[1]) > 1:
        console.print(f"{program.graph.name} takes {chips} chips of {target.name}: one alone does not hold it.", soft_wrap=True)
    console.print(placement_table(program))
    if text := balance_text(program):
        console.print(text)
    console.print(f"{to}: written")
