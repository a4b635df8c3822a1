"""What the commands do together: run images, compare with the original network, print and write a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import ChipError, InputError
from synaptile.foundation.files import write_json
from synaptile.foundation.json_text import read_object
from synaptile.foundation.types import Progress
from synaptile.hwmodels import Chip, as_chip, chip_from_document, load_chip
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
from synaptile.report.equal import equal_answers
from synaptile.report.study_files import write_sweep
from synaptile.simulator import Activity, Relief, Timeline, execute, relief, schedule
from synaptile.simulator.rebase import rebased
from synaptile.simulator.schedule.remap import images_kept, remapped, same_chip, same_words
from synaptile.studies.outputs import final, record
from synaptile.studies.rundir import Run, load_run
from synaptile.studies.sizing.request import STREAM
from synaptile.studies.spread import check_spread
from synaptile.studies.sweeping.plan import plan_of
from synaptile.studies.sweeping.rows import Sweep
from synaptile.studies.sweeping.run import run_sweep
from synaptile.terminal import counted
from synaptile.text import TextSet

SCHEDULE = "schedule.json"
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


def schedule_run(run: Run, chip: Chip | str | None, images: int | None, synchronisation: str | None) -> Timeline:
    """Schedule a run on its own chip, or on another, given or by name or file; `images` None is `STREAM`, or as many as can be.

    On another chip the run is counted anew where its spikes allow that: operations and accesses are then those of that mapping.
    """
    activity = run.activity if chip is None else on_chip(run, as_chip(chip))
    target = activity.program.chip if chip is None else as_chip(chip)
    count = _streamable(activity, anew=chip is not None) if images is None else images
    with counted("scheduling") as progress:
        timeline = schedule(activity, target, images=count, synchronisation=synchronisation, progress=progress)
    if activity is run.activity:
        return timeline
    own = run.activity.program.chip.name
    note = f"the run was executed on chip {own!r}; for this one it was mapped and counted anew from the recorded spikes"
    return replace(timeline, notes=(*activity.synthetic_notes, note, *timeline.notes[len(activity.synthetic_notes) :]))


def _streamable(activity: Activity, *, anew: bool) -> int:
    """Leading images that can be streamed: of one length, and with spikes where another mapping may need them."""
    most = min(STREAM, activity.images if not anew else max(images_kept(activity), 1))
    lengths = [] if activity.lengths is None else activity.lengths[:most].tolist()
    return next((at for at, length in enumerate(lengths) if length != lengths[0]), most)


def on_chip(run: Run, chip: Chip) -> Activity:
    """The run as another chip would have recorded it; as it is where it did not keep the spikes for that. Raises DoesNotFit."""
    activity = run.activity
    if same_chip(chip, activity.program.chip):
        return activity
    program = remapped(activity, chip)
    try:
        return rebased(activity, program)
    except InputError:
        if not same_words(chip, activity.program.chip):  # never billed with the old words
            raise
        return activity


@dataclass(frozen=True)
class Scheduled:
    """How a schedule was made that lies in a folder: on which chip, of how many images, how cores agreed."""

    chip: Chip
    images: int
    synchronisation: str


def scheduled_in(directory: Path, run: Run) -> Scheduled | None:
    """What the ``schedule.json`` of a folder says; None without one, or where it is of another chip than can be known."""
    try:
        document = read_object(directory / SCHEDULE)
        own = run.activity.program.chip
        chip = own if document["chip_digest"] == own.digest else chip_from_document(document["chip_figures"], document["chip"])
        return Scheduled(chip, int(document["images"]), str(document["synchronisation"]))
    except (OSError, ValueError, KeyError, TypeError, ChipError):
        return None


def run_of(directory: str | Path) -> tuple[Run, Scheduled | None]:
    """A run and its schedule; of a folder inside a run's that `schedule --chip` wrote, that run on that chip.

    Raises FileFormatError where neither the folder nor the one around it holds a run.
    """
    folder = Path(directory)
    if (folder / SCHEDULE).is_file() and not (folder / "activity.npz").is_file():
        run = load_run(folder.parent)
    else:
        run = load_run(folder)
    return run, scheduled_in(folder, run)


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
    write_json(directory / SCHEDULE, schedule_figures(timeline))
    written = [directory / SCHEDULE]
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
    activity = run.activity if timeline is None else timeline.activity
    run_folder, directory = directory, directory / "-".join(name for name in (chip.name if chip else None, number_format) if name)
    target = timeline.program.chip if timeline is not None else chip or activity.program.chip
    bill = price(activity, target, timeline=timeline, number_format=number_format)
    known: dict[str, Any] = {"ann_accuracy": run.ann_accuracy, "ann_logits": run.ann_logits}
    console.print(run_document(bill, run.known_labels, **known))
    if activity.lengths is not None:
        console.print(cosine_table(activity, run.ann_logits))
    written = list(write_report(bill, directory, equal_answers(bill, run.known_labels, **known)))
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
