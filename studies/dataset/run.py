"""A dataset run as a whole: begun or gone on with, its missing batches done, its records read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synaptile.conversion.images import open_folder, source_of
from synaptile.foundation.digest import digest_of
from synaptile.foundation.errors import InputError
from synaptile.foundation.files import write_json
from synaptile.foundation.types import Progress
from synaptile.mapper import CoreProgram, load_program, program_digest, save_program
from synaptile.simulator.dense.reference import check_steps
from synaptile.simulator.execute import provenance_of
from synaptile.simulator.number_format import check_numeric
from synaptile.studies.dataset.listing import Listing, is_folder, list_images
from synaptile.studies.dataset.measure import PROGRAM, BatchTask, run_batch
from synaptile.studies.dataset.model import ModelChoice
from synaptile.studies.dataset.record import BatchRecord, batch_file, load_record
from synaptile.studies.outputs import check_output
from synaptile.studies.settings import is_begun, save_settings
from synaptile.studies.spread import check_spread, spread_over, threads_a_worker

KIND = "synaptile-table1"


@dataclass(frozen=True, eq=False)
class DatasetRun:
    """A dataset run on disk: `directory` holds the program, the settings and the batches that are done."""

    directory: Path
    program: CoreProgram
    listing: Listing
    settings: dict[str, Any]

    @property
    def digest(self) -> str:
        """Hex digest of the settings, which every batch carries."""
        return digest_of(self.settings)

    @property
    def batches(self) -> int:
        """Number of batches, the last of them perhaps short."""
        return -(-len(self.listing) // int(self.settings["batch"]))

    def task(self, number: int, threads: int | None) -> BatchTask:
        """The task of one batch."""
        size, listing = int(self.settings["batch"]), self.listing
        start, stop = number * size, min((number + 1) * size, len(listing))
        return BatchTask(
            str(self.directory.resolve()),
            number,
            self.digest,
            str(self.settings["program"]),
            listing.where,
            listing.names[start:stop],
            start,
            stop,
            int(self.settings["steps"]),
            str(self.settings["numeric"]),
            self.settings["crop"],
            threads,
        )

    def missing(self) -> list[int]:
        """Batches that are not done."""
        return [number for number in range(self.batches) if not batch_file(self.directory, number).exists()]

    def records(self) -> list[BatchRecord]:
        """The records of all batches, in order. Raises FileFormatError for one that is damaged or of other settings."""
        return [load_record(self.directory, number, self.digest) for number in range(self.batches)]


@dataclass(frozen=True)
class DatasetRequest:
    """What a dataset run is asked for: which images, in batches of how many, executed how. `crop` as of `synaptile run`."""

    images: str
    steps: int
    numeric: str
    batch: int
    limit: int | None = None
    crop: float | None = None


def open_dataset(directory: Path, choice: ModelChoice, request: DatasetRequest, phase: Callable[[str], None]) -> DatasetRun:
    """Begin a dataset run, or go on with the one in `directory`; what is expensive (conversion, mapping) is done once.

    Raises InputError where the run there was begun with other settings, naming them, and for options out of range.
    """
    folder = check_output(directory)
    check_steps(request.steps)
    check_numeric(request.numeric)
    if request.batch < 1:
        raise InputError(f"--batch is {request.batch} images, needs at least 1")
    if is_folder(request.images):
        open_folder(request.images)  # an empty one is refused before anything expensive
    executed = {name: getattr(request, name) for name in ("steps", "numeric", "batch", "crop")}
    asked = {**choice.settings(), **executed}
    begun = is_begun(folder, KIND, asked, partly=True)
    if begun:
        phase("loading the program")
    program = load_program(folder / PROGRAM) if begun else choice.program(phase)
    source_of(program.graph, request.crop)
    listing = list_images(request.images, program.graph, request.limit)
    settings = asked | {
        "graph": program.graph.digest,
        "chip": program.chip.digest,
        "program": program_digest(program),
        "images": len(listing),
        "image_list": listing.digest,
    }
    if not is_begun(folder, KIND, settings):
        phase("writing the program")
        save_program(program, folder / PROGRAM)
        write_json(folder / "provenance.json", dict(provenance_of(program, None)))
        save_settings(folder, KIND, settings)
    return DatasetRun(folder, program, listing, settings)


def run_batches(dataset: DatasetRun, *, workers: int, scheduler: str | None, progress: Progress) -> None:
    """Do the batches that are missing; a batch is on disk as soon as it is done."""
    check_spread(workers, scheduler)
    missing = dataset.missing()
    finished = dataset.batches - len(missing)
    progress(finished, dataset.batches)

    def done(number: int) -> None:
        nonlocal finished
        finished += 1
        progress(finished, dataset.batches)

    if not missing:
        return
    tasks = [dataset.task(number, threads_a_worker(workers, scheduler)) for number in missing]
    with spread_over(workers, scheduler) as run:
        run(run_batch, tasks, [f"batch-{task.number}-{task.settings_digest}" for task in tasks], done)
