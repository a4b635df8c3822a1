"""`synaptile sweep`: a study file's grid or search over chips, mappings and conversions, and its Pareto front."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import hold
from synaptile.terminal import counted, output


def sweep(
    study: Annotated[
        Path, typer.Argument(help="A study file (YAML); docs/sweeps.md says what may stand in it.", metavar="STUDY")
    ],
    to: Annotated[Path | None, typer.Option("--output", "-o", help="Directory of the sweep; sweep-STUDY by default.")] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes on this machine; 1 needs no dask.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Address of a dask scheduler whose workers see the same files under the same paths."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Also write a page with the Pareto chart: one HTML file, no network.", dir_okay=False),
    ] = None,
    sql: Annotated[str | None, typer.Option("--sql", help="Ask the table `points`; prints the answer alone.")] = None,
) -> None:
    """Evaluate every point of a study: the network is executed once for all chips that share it; write the Pareto front.

    Every point is kept as it is done: run the same command again to go on after an interruption.
    """
    from synaptile.pipeline import sweep as run_study
    from synaptile.report.page.sweep import write_sweep_page
    from synaptile.report.sql import answer, answer_table
    from synaptile.studies.sweeping.parquet import FILE, TABLE, read_points
    from synaptile.studies.sweeping.plan import plan_of

    directory = hold(to or plan_of(study).default_directory)
    with counted("points") as shown:

        def progress(what: str, done: int, total: int) -> None:
            if what == "points":
                shown(done, total)

        swept = run_study(study, directory, workers=workers, scheduler=scheduler, progress=progress)
    console = output()
    if sql is not None:
        console.print(answer_table(answer({TABLE: read_points(directory / FILE)}, sql)))
    else:
        console.print(swept)
        written = [FILE, "sweep.json", *(["pareto.png", "pareto.svg"] if swept.evaluated else [])]
        console.print(f"Written to {directory}: {', '.join(written)}", soft_wrap=True)
    if html is not None:
        write_sweep_page(swept, html)
        console.print(f"Page: {html}", soft_wrap=True)
