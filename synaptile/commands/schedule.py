"""`synaptile schedule`: a run in cycles, on its own chip or another."""

from __future__ import annotations

from typing import Annotated

import typer

from synaptile.commands.options import NumberFormat, OtherChip, RunDirectory, StreamImages, Synchronisation, hold
from synaptile.terminal import output


def schedule(
    directory: RunDirectory,
    chip: OtherChip = None,
    images: StreamImages = 1,
    synchronisation: Synchronisation = None,
    number_format: NumberFormat = None,
    relief: Annotated[
        bool, typer.Option("--relief", help="Also what doubling each resource brings: a schedule for each.")
    ] = False,
) -> None:
    """Replay a run in cycles: latency, throughput, stalls, links, critical path, the whole energy ladder."""
    from synaptile.pipeline import relieve_run, report_run, report_schedule, schedule_run
    from synaptile.studies.rundir import load_run

    run, console = load_run(directory), output()
    hold(directory)
    timeline = schedule_run(run, chip, images, synchronisation)
    folder = directory if chip is None else directory / timeline.program.chip.name
    report_schedule(timeline, folder, console)
    if relief:
        console.print(relieve_run(run, chip, images, synchronisation))
    report_run(run, folder, console, timeline=timeline, number_format=number_format)
