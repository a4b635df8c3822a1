"""`synaptile trace`: jobs, messages and links cycle by cycle, as Perfetto, VCD or Parquet, or asked in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from synaptile.commands.options import OtherChip, RunDirectory, StreamImages, Synchronisation, hold
from synaptile.terminal import counted, output

Format = Literal["perfetto", "vcd", "parquet"]
Level = Literal["full", "aggregate"]
_NAMES = {"perfetto": "trace.pftrace", "vcd": "trace.vcd", "parquet": "trace.parquet"}


def trace(
    directory: RunDirectory,
    format: Annotated[
        Format, typer.Option("--format", help="perfetto (ui.perfetto.dev), vcd (waveforms) or parquet.")
    ] = "perfetto",
    level: Annotated[
        Level, typer.Option("--level", help="full: every job and message; aggregate: sums over bins of time.")
    ] = "full",
    cores: Annotated[str | None, typer.Option("--cores", help="Core numbers, such as 0,4-7.")] = None,
    links: Annotated[
        str | None, typer.Option("--links", help="Link names or patterns, comma-separated, such as x3y4_to_*.")
    ] = None,
    nodes: Annotated[
        str | None, typer.Option("--nodes", help="Node names or patterns, comma-separated, such as blocks.0.*.")
    ] = None,
    steps: Annotated[str | None, typer.Option("--steps", help="Time steps from 1, such as 2 or 1-3.")] = None,
    from_cycle: Annotated[int | None, typer.Option("--from", help="First cycle.")] = None,
    to_cycle: Annotated[int | None, typer.Option("--to", help="Cycle before which to end.")] = None,
    sql: Annotated[
        str | None, typer.Option("--sql", help="Ask the tables jobs, messages, links, cores; prints the answer.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--output", "-o", help="File (Parquet: folder) to write; in the run by default.")
    ] = None,
    chip: OtherChip = None,
    images: StreamImages = 1,
    synchronisation: Synchronisation = None,
) -> None:
    """Write what every core and link did, cycle by cycle; the size is announced first."""
    from synaptile.commands.ranges import names, numbers
    from synaptile.pipeline import schedule_run
    from synaptile.report.trace import Window, answer_table, estimate_size, query, write_trace
    from synaptile.studies.rundir import load_run

    console, kind = output(), "parquet" if sql is not None else format
    window = Window(
        cores=numbers(cores, "--cores"),
        links=names(links),
        nodes=names(nodes),
        from_cycle=from_cycle,
        to_cycle=to_cycle,
        steps=numbers(steps, "--steps"),
    )
    timeline = schedule_run(load_run(directory), chip, images, synchronisation)
    target = to or hold(directory) / _NAMES[kind]
    size = estimate_size(timeline, window, kind, level)
    console.print(f"{target}: about {size / 1e6:,.1f} MB", soft_wrap=True)
    with counted("writing the trace") as progress:
        write_trace(timeline, target, kind, window, level, progress)
    if sql is not None:
        console.print(answer_table(query(target, sql)))
