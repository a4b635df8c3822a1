"""`synaptile report`: print a run's tables and write its report files."""

from __future__ import annotations

from typing import Annotated

import typer

from synaptile.commands.options import NumberFormat, RunDirectory
from synaptile.terminal import output


def report(
    directory: RunDirectory,
    chip: Annotated[str | None, typer.Option("--chip", help="Bill at another chip's energies; the run's own by default.")] = None,
    number_format: NumberFormat = None,
) -> None:
    """Print accuracy and energy per step, where energy goes, how full cores are; write JSON, CSV, Markdown, figures."""
    from hwmodels import load_chip
    from synaptile.pipeline import report_run
    from synaptile.rundir import load_run

    run = load_run(directory)
    report_run(run, directory, output(), chip=None if chip is None else load_chip(chip), number_format=number_format)
