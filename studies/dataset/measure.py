"""One batch: read, executed, compared with the original network, priced for its checks, kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from synaptile.conversion.images import source_of
from synaptile.energy import price
from synaptile.foundation.errors import FileFormatError, InputError
from synaptile.images import ImageSet, read_images
from synaptile.mapper import CoreProgram, load_program, program_digest
from synaptile.simulator import execute
from synaptile.simulator.activity import OPS
from synaptile.studies.answers import correlations, original_answers
from synaptile.studies.dataset.counts import executed_by_image
from synaptile.studies.dataset.listing import Batch, read_files
from synaptile.studies.dataset.record import BatchRecord, batch_file, save_record
from synaptile.studies.kept import kept
from synaptile.studies.spread import ONE_AT_A_TIME, kernel_threads

PROGRAM = "program.map"


@dataclass(frozen=True)
class BatchTask:
    """All that a worker needs to know about a batch; the program it finds in `directory`, the images at `where`.

    The batch is images ``start:stop`` of the listing; `names` are its files, empty for an array file or ``digits``. `crop`
    replaces the model's crop fraction of pictures. `threads` are the kernels' threads, None for as many as the worker may use.
    """

    directory: str
    number: int
    settings_digest: str
    program_digest: str
    where: str
    names: tuple[str, ...]
    start: int
    stop: int
    steps: int
    numeric: str
    crop: float | None
    threads: int | None


def run_batch(task: BatchTask) -> int:
    """Do a batch and keep its record, unless it is kept already; returns its number."""
    directory = Path(task.directory)
    with ONE_AT_A_TIME:
        if not batch_file(directory, task.number).exists():
            program, arrays = _opened(task.directory, task.program_digest, "" if task.names else task.where)
            if arrays is None:
                batch = read_files(task.where, task.names, task.start, source_of(program.graph, task.crop))
            else:
                batch = Batch(arrays.images[task.start : task.stop], np.arange(task.start, task.stop))
            record = measure(program, batch, task.steps, task.numeric, kernel_threads(task.threads))
            save_record(record, directory, task.number, task.settings_digest)
    return task.number


def measure(
    program: CoreProgram,
    batch: Batch,
    steps: int,
    numeric: str,
    threads: int | None,
    answers: NDArray[np.floating] | None = None,
) -> BatchRecord:
    """Execute a batch and count, image by image. The counts are checked as those of any run before they are handed out.

    `answers` are the original network's, shape (images, classes), where they are known already.
    """
    if not len(batch.images):
        return _nothing(steps, batch.skipped)
    if program.chip.synapse_core.formats is not None:
        raise InputError(
            f"chip {program.chip.name!r} states formats by role, and this study bills whole runs in one format: take a "
            "chip without, or price a run (synaptile run)"
        )
    if answers is None:
        answers = original_answers(program.graph, batch.images)
    activity = execute(program, batch.images, steps, numeric, threads=threads, keep_spikes=0)
    report = price(activity, program.chip)
    return BatchRecord(
        batch.index,
        activity.logits.argmax(axis=2),
        answers.argmax(axis=1),
        correlations(activity.logits, answers),
        activity.accounting.eq30.sum(axis=0),
        activity.accounting.released.sum(axis=0),
        executed_by_image(activity),
        batch.skipped,
        report.number_format,
    )


def _nothing(steps: int, skipped: tuple[tuple[int, str], ...]) -> BatchRecord:
    none = np.zeros(0, np.int64)
    grid = np.zeros((steps, 0), np.int64)
    operations = np.zeros((len(OPS), steps, 0), np.int64)
    return BatchRecord(none, grid, none, grid.astype(np.float64), grid, grid, operations, skipped, "")


@kept(1)
def _opened(directory: str, digest: str, where: str) -> tuple[CoreProgram, ImageSet | None]:
    """The program of a study and, where `where` is an array file, its images: read once per process, not once per batch."""
    file = Path(directory) / PROGRAM
    program = load_program(file)
    if program_digest(program) != digest:
        raise FileFormatError(f"{file}: is not the program that this study began with: give another --output")
    return program, read_images(where, program.graph) if where else None
