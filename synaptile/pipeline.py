"""What the commands do together: run images, compare with the original network, print and write a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from conversion.ann import ann_forward
from conversion.calibrate import graph_dtype
from conversion.graph import SpikingGraph
from energy import price
from hwmodels import Chip
from mapper import CoreProgram
from report import memory_map, print_report, ratio_figure
from simulator import execute
from synaptile.images import ImageSet
from synaptile.rundir import Run

Progress = Callable[[int, int], None]
ANN_BATCH = 8
"""Images that pass through the original network together: larger batches leave the caches."""


def ann_logits(graph: SpikingGraph, images: NDArray[Any], progress: Progress | None = None) -> NDArray[np.floating]:
    """Answers of the original network, shape (images, classes)."""
    rows = []
    for start in range(0, len(images), ANN_BATCH):
        rows.append(ann_forward(graph, images[start : start + ANN_BATCH].astype(graph_dtype(graph), copy=False)))
        if progress is not None:
            progress(min(start + ANN_BATCH, len(images)), len(images))
    return np.concatenate(rows)


def execute_images(
    program: CoreProgram,
    chosen: ImageSet,
    answers: NDArray[np.floating],
    steps: int,
    numeric: str,
    threads: int | None,
    progress: Progress | None = None,
) -> Run:
    """Execute a program on a set of images and keep what belongs to it."""
    activity = execute(program, chosen.images, steps, numeric, threads=threads, progress=progress)
    return Run(activity, chosen.labels, answers, chosen.files)


def report_run(
    run: Run, directory: Path, console: Console, *, chip: Chip | None = None, number_format: str | None = None
) -> None:
    """Price a run, print its tables, and write energy.json, .csv, .md and the figures.

    They go into `directory`; for another chip or number format than the run's own into a folder of that name inside it.
    """
    activity = run.activity
    directory = directory / "-".join(name for name in (chip.name if chip else None, number_format) if name)
    bill = price(activity, chip or activity.program.chip, number_format=number_format)
    print_report(bill, console, run.known_labels, ann_accuracy=run.ann_accuracy)
    written = list(bill.write(directory))
    if not bill.unpriced:
        written += ratio_figure(bill, directory / "ratio")
    written += memory_map(bill, directory / "memory")
    console.print(f"Written to {directory}: {', '.join(path.name for path in written)}", soft_wrap=True)
