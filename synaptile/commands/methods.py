"""`synaptile methods`: runs of one network, converted by several methods, side by side; and when each image may stop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from synaptile.commands.options import WithSchedule
from synaptile.terminal import output

if TYPE_CHECKING:
    from synaptile.energy import EnergyReport
    from synaptile.studies.rundir import Run

_NAMES = {"ecmt": "ECMT", "spikezip": "SpikeZIP", "differential": "differential", "torch_snn": "trained"}


def methods(
    runs: Annotated[list[Path], typer.Argument(help="Run directories, one per method, of the same images.", metavar="RUN...")],
    agreement: Annotated[
        float,
        typer.Option(
            "--agreement", help="Share of images to be answered as the dense network does; of sentences, the mean cosine."
        ),
    ] = 0.95,
    figure: Annotated[Path | None, typer.Option("--figure", help="Also draw it, to FIGURE.png and .svg.")] = None,
    rung: Annotated[str, typer.Option("--rung", help="Accounting or rung of the steps and the figure.")] = "executed",
    calibrate: Annotated[
        list[Path] | None,
        typer.Option("--calibrate", help="For each run, in order, one of other images: from it, when an image may stop."),
    ] = None,
    measure: Annotated[
        Literal["margin", "entropy"], typer.Option("--measure", help="What tells that an image may stop.")
    ] = "margin",
    against_first: Annotated[
        bool,
        typer.Option("--against-first", help="Hold all against the dense network of the first run, not each against its own."),
    ] = False,
    with_schedule: WithSchedule = False,
) -> None:
    """Compare conversions of a network on one chip: steps, agreement, accuracy, every rung, latency, energy-delay product."""
    from synaptile.foundation.errors import InputError
    from synaptile.report import MethodRun, method_figure, method_steps_table, method_table
    from synaptile.report.stopping import stopping_table
    from synaptile.studies.rundir import load_run
    from synaptile.studies.stopping import calibrate_stopping

    if calibrate and len(calibrate) != len(runs):
        raise InputError(f"--calibrate is given {len(calibrate)} times for {len(runs)} runs: give one of other images for each")
    loaded = [load_run(directory) for directory in runs]
    _check_alike(loaded)
    bills = [_bill(run, with_schedule) for run in loaded]
    named = [
        MethodRun(name, bill, (loaded[0] if against_first else run).ann_logits, run.known_labels, _embeds(run))
        for name, run, bill in zip(_named(loaded, runs), loaded, bills, strict=True)
    ]
    console, last = output(), max(bill.steps for bill in bills)
    shown = sorted({1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, last} & set(range(1, last + 1)))
    console.print(method_table(named, agreement))
    console.print(method_steps_table(named, rung, shown))
    for run, bill, directory in zip(loaded, bills, calibrate or (), strict=False):
        other = load_run(directory)
        if set(other.files) & set(run.files):
            raise InputError(f"{directory} holds images of the run that is reported: calibrate on others")
        rule = calibrate_stopping(other.activity.logits, other.ann_logits, measure)
        console.print(stopping_table(bill, rule, run.ann_logits, run.known_labels))
    if figure is not None:
        for path in method_figure(named, figure, rung=rung):
            console.print(f"Figure: {path}", soft_wrap=True)


def _bill(run: Run, with_schedule: bool) -> EnergyReport:
    from synaptile.energy import price
    from synaptile.pipeline import schedule_run

    timeline = schedule_run(run, None, None, None) if with_schedule else None
    return price(run.activity, run.activity.program.chip, timeline=timeline)


def _embeds(run: Run) -> bool:
    """Whether the answers are embeddings of sentences, not classes."""
    from synaptile.conversion.graph import TokenSource

    return isinstance(run.activity.program.graph.source, TokenSource)


def _named(runs: list[Run], directories: list[Path]) -> list[str]:
    """The method of each run, with its directory where others have the same."""
    methods = [str(run.activity.program.graph.metadata.get("method", "graph")) for run in runs]
    names = [_NAMES.get(method, method) for method in methods]
    return [
        name if names.count(name) == 1 else f"{name} ({folder.name})" for name, folder in zip(names, directories, strict=True)
    ]


def _check_alike(runs: list[Run]) -> None:
    """Raise InputError unless the runs are of the same images on the same chip."""
    from synaptile.foundation.errors import InputError

    first = runs[0]
    for run in runs[1:]:
        if run.files != first.files or run.activity.images != first.activity.images:
            raise InputError("the runs are of different images: run every method on the same ones")
        if run.activity.program.chip.digest != first.activity.program.chip.digest:
            raise InputError(
                f"the runs are on {first.activity.program.chip.name} and {run.activity.program.chip.name}: map both to one chip"
            )
