"""`synaptile compare`: two runs or two chips side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synaptile.commands.options import PageFile, WithSchedule
from synaptile.terminal import output

if TYPE_CHECKING:
    from synaptile.report.comparison import Changes, Side

_WHAT = "A run directory, or a chip by name or file."


def compare(
    a: Annotated[str, typer.Argument(help=_WHAT, metavar="A")],
    b: Annotated[str, typer.Argument(help=_WHAT, metavar="B")],
    html: PageFile = None,
    with_schedule: WithSchedule = False,
) -> None:
    """Show what changed from A to B, and by how much: two runs, or two chips."""
    from synaptile.foundation.errors import InputError
    from synaptile.report.page import write_comparison_page

    runs = [Path(name).is_dir() for name in (a, b)]
    if runs[0] != runs[1]:
        run, other = (a, b) if runs[0] else (b, a)
        raise InputError(f"{run} is a directory and {other} is not: compare two run directories, or two chips")
    if with_schedule and not runs[0]:
        raise InputError("--with-schedule schedules runs, and these are chips: leave it out, or give two run directories")
    parts = _runs(a, b, with_schedule) if runs[0] else _chips(a, b)
    console = output()
    for part in parts:
        console.print(part)
    if html is not None:
        write_comparison_page(parts, (a, b), html)
        console.print(f"Page: {html}", soft_wrap=True)


def _runs(a: str, b: str, with_schedule: bool) -> tuple[Changes, ...]:
    from synaptile.report.comparison import compare_runs

    return compare_runs(_side(a, with_schedule), _side(b, with_schedule))


def _side(directory: str, with_schedule: bool) -> Side:
    from synaptile.energy import price
    from synaptile.pipeline import run_of, schedule_run
    from synaptile.report.comparison import Side

    run, done = run_of(directory)
    timeline = schedule_run(run, None, None, None) if with_schedule and done is None else None
    if done is not None:  # a schedule that lies there is part of what is compared
        timeline = schedule_run(run, done.chip, done.images, done.synchronisation)
    activity = run.activity if timeline is None else timeline.activity
    chip = activity.program.chip if timeline is None else timeline.program.chip
    return Side(price(activity, chip, timeline=timeline), run.known_labels, run.ann_accuracy)


def _chips(a: str, b: str) -> tuple[Changes, ...]:
    from synaptile.hwmodels import load_chip
    from synaptile.report.comparison import compare_chips

    return compare_chips(load_chip(a), load_chip(b))
