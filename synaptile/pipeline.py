"""What the commands do together: run images, compare with the original network, print and write a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import InputError
from synaptile.foundation.files import write_json
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, load_chip
from synaptile.images import ImageSet
from synaptile.mapper import CoreProgram
from synaptile.report import (
    break_even_figure,
    break_even_table,
    busiest_links_table,
    core_use_figure,
    core_use_table,
    cosine_table,
    critical_nodes_table,
    critical_path_table,
    link_heat_map,
    memory_map,
    phases_table,
    ratio_figure,
    run_document,
    schedule_figures,
    schedule_table,
    timeline_figure,
    write_report,
)
from synaptile.report.study_files import write_sweep
from synaptile.simulator import Relief, Timeline, execute, relief, schedule
from synaptile.studies.outputs import final, record
from synaptile.studies.rundir import Run
from synaptile.studies.spread import check_spread
from synaptile.studies.sweeping.plan import plan_of
from synaptile.studies.sweeping.rows import Sweep
from synaptile.studies.sweeping.run import run_sweep
from synaptile.terminal import counted
from synaptile.text import TextSet

LONGEST_STRETCHES = 12
"""Stretches of the critical path that a report prints; schedule.json has them all."""


def execute_images(
    program: CoreProgram,
    chosen: ImageSet | TextSet,
    answers: NDArray[np.floating],
    steps: int,
    numeric: str | None,
    threads: int | None,
    progress: Progress | None = None,
    *,
    keep_spikes: int = 1,
) -> Run:
    """Execute a program on a set of images and keep what belongs to it."""
    activity = execute(program, chosen.images, steps, numeric, threads=threads, keep_spikes=keep_spikes, progress=progress)
    return Run(activity, chosen.labels, answers, chosen.files)


def schedule_run(run: Run, chip: str | None, images: int, synchronisation: str | None) -> Timeline:
    """Schedule a run on its own chip, or on another given by name or file."""
    target = None if chip is None else load_chip(chip)
    with counted("scheduling") as progress:
        return schedule(run.activity, target, images=images, synchronisation=synchronisation, progress=progress)


def relieve_run(run: Run, chip: str | None, images: int, synchronisation: str | None) -> Relief:
    """What doubling each resource would bring to a run on its own chip, or on another given by name or file."""
    target = None if chip is None else load_chip(chip)
    with counted("resources doubled") as progress:
        return relief(run.activity, target, images=images, synchronisation=synchronisation, progress=progress)


def report_schedule(timeline: Timeline, directory: Path, console: Console) -> None:
    """Print a schedule's tables and write schedule.json and its figures into `directory`."""
    for table in (schedule_table, core_use_table, busiest_links_table, critical_nodes_table):
        console.print(table(timeline))
    if (phases := phases_table(timeline)) is not None:
        console.print(phases)
    console.print(critical_path_table(timeline, LONGEST_STRETCHES))
    write_json(directory / "schedule.json", schedule_figures(timeline))
    written = [directory / "schedule.json"]
    for figure, name in ((link_heat_map, "links"), (timeline_figure, "timeline"), (core_use_figure, "cores")):
        written += figure(timeline, directory / name)
    record(directory, written)
    console.print(f"Written to {final(directory)}: {', '.join(path.name for path in written)}", soft_wrap=True)


def report_run(
    run: Run,
    directory: Path,
    console: Console,
    *,
    chip: Chip | None = None,
    timeline: Timeline | None = None,
    number_format: str | None = None,
) -> EnergyReport:
    """Price a run, print its tables, and write energy.json, .csv, .md and the figures. Returns the bill.

    They go into `directory`; for another chip or number format than the run's own into a folder of that name inside it. With a
    `timeline` the run is priced on the chip that was scheduled, and the ladder reaches its last rung.
    """
    activity = run.activity
    run_folder, directory = directory, directory / "-".join(name for name in (chip.name if chip else None, number_format) if name)
    target = timeline.program.chip if timeline is not None else chip or activity.program.chip
    bill = price(activity, target, timeline=timeline, number_format=number_format)
    console.print(run_document(bill, run.known_labels, ann_accuracy=run.ann_accuracy))
    if activity.lengths is not None:
        console.print(cosine_table(activity, run.ann_logits))
    written = list(write_report(bill, directory))
    if not bill.unpriced:
        written += ratio_figure(bill, directory / "ratio")
        if activity.lengths is None:  # it scales images that are alike
            console.print(break_even_table(bill))
            written += break_even_figure(bill, directory / "break_even")
    written += memory_map(bill, directory / "memory")
    record(run_folder, written)
    console.print(f"Written to {final(directory)}: {', '.join(path.name for path in written)}", soft_wrap=True)
    return bill


def sweep(
    study: str | Path | Mapping[str, Any],
    directory: str | Path | None = None,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Sweep:
    """Run a study, or go on with the one in `directory`; finished points are kept, one by one, and never done twice.

    Args:
        study: a study file, or a dictionary laid out like one.
        directory: where to keep it; None takes ``sweep-<name of the file>``. A dictionary needs one.
        workers: processes of this machine; 1 works in this one.
        scheduler: address of a dask cluster instead, whose workers see the same files under the same paths.
        progress: called with what is counted ("executions", "points"), how many are done, and how many there are.

    Returns the sweep, which lies in `directory` as well: ``points.parquet``, ``sweep.json`` and a figure. Its rows do not
    depend on workers or interruptions. Points that cannot be evaluated are rows with their reason.

    Raises InputError (and its kin) for a study that cannot be run, or differs from the one begun in `directory`.
    """
    check_spread(workers, scheduler)
    plan = plan_of(study)
    if directory is None and isinstance(study, Mapping):
        raise InputError("a study given as a dictionary needs a directory: sweep(study, directory)")
    folder = Path(plan.default_directory if directory is None else directory)
    swept = run_sweep(plan, folder, workers=workers, scheduler=scheduler, progress=progress)
    write_sweep(swept, folder)
    return swept
