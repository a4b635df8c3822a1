"""`synaptile report`: print a run's tables and write its report files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synaptile.commands.options import NumberFormat, PageFile, RunDirectory, Synchronisation, WithSchedule, hold
from synaptile.terminal import output

if TYPE_CHECKING:
    from synaptile.hwmodels import Chip
    from synaptile.simulator import Timeline
    from synaptile.studies.rundir import Run


def report(
    directory: RunDirectory,
    chip: Annotated[str | None, typer.Option("--chip", help="Bill at another chip's energies; the run's own by default.")] = None,
    number_format: NumberFormat = None,
    html: PageFile = None,
    with_schedule: WithSchedule = False,
    images: Annotated[
        int | None, typer.Option("--images", help="With --with-schedule: images to stream through; 4 if absent.")
    ] = None,
    synchronisation: Synchronisation = None,
) -> None:
    """Print accuracy and energy per step, where energy goes, how full cores are; write JSON, CSV, Markdown, figures, a page."""
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip
    from synaptile.pipeline import report_run, schedule_run
    from synaptile.report.page import write_page
    from synaptile.studies.rundir import load_run

    if not with_schedule and (images is not None or synchronisation is not None):
        raise InputError("--images and --synchronisation say how to schedule: add --with-schedule")
    run, console = load_run(directory), output()
    hold(directory)
    target = None if chip is None else load_chip(chip)
    timeline = schedule_run(run, chip, images, synchronisation) if with_schedule else _scheduled_again(run, directory, target)
    if timeline is not None:
        folder = directory if chip is None else directory / timeline.program.chip.name
        bill = report_run(run, folder, console, timeline=timeline, number_format=number_format)
    else:
        bill = report_run(run, directory, console, chip=target, number_format=number_format)
    if html is not None:
        write_page(bill, html, run.known_labels, ann_accuracy=run.ann_accuracy, ann_logits=run.ann_logits)
        console.print(f"Page: {html}", soft_wrap=True)


def _scheduled_again(run: Run, directory: Path, chip: Chip | None) -> Timeline | None:
    """The schedule that lies beside the reports to be written, made again: they reached its rungs, and keep them."""
    from synaptile.pipeline import schedule_run, scheduled_in

    done = scheduled_in(directory if chip is None else directory / chip.name, run)
    own = run.activity.program.chip
    if done is None or done.chip.digest != (chip or own).digest:
        return None
    return schedule_run(run, None if chip is None else done.chip, done.images, done.synchronisation)
