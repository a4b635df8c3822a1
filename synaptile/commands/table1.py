"""`synaptile table1`: accuracy and energy ratio over a folder of images, as in the paper's Table 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import Crop, Limit, Numeric, Steps, hold
from synaptile.foundation.options import Preset as PresetName
from synaptile.terminal import counted, output, phases


def table1(
    model: Annotated[str, typer.Argument(help="A timm model, a graph (.spk), a mapped program (.map) or `digits`.")],
    images: Annotated[str, typer.Option("--images", help="Folder of images, .npz of preprocessed ones, or `digits`.")],
    weights: Annotated[Path | None, typer.Option("--weights", help="Local safetensors or checkpoint of a timm model.")] = None,
    calibration: Annotated[Path | None, typer.Option("--calibration", help="Images a timm model's thresholds come from.")] = None,
    preset: Annotated[PresetName | None, typer.Option("--preset", help="paper by default.")] = None,
    chip: Annotated[str | None, typer.Option("--chip", help="A shipped chip or a chip file; ecmt45 by default.")] = None,
    steps: Steps = 12,
    batch: Annotated[int, typer.Option("--batch", help="Images per batch: what is done at once, kept, and redone if lost.")] = 8,
    numeric: Numeric = "float32",
    limit: Limit = None,
    crop: Crop = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes on this machine; 1 needs no dask.")] = 1,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Address of a dask scheduler whose workers see the same files under the same paths."),
    ] = None,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="Directory of the run; table1-MODEL by default.")] = None,
) -> None:
    """Run a data set and tabulate accuracy and energy ratio per step, with standard errors, beside the paper's Table 1.

    Kept batch by batch: run the same command again to go on after an interruption. Workers change the time, not the figures.
    """
    from synaptile.report.study_files import write_table1
    from synaptile.studies.dataset.model import ModelChoice
    from synaptile.studies.dataset.run import DatasetRequest, open_dataset, run_batches
    from synaptile.studies.dataset.tabulate import tabulate
    from synaptile.studies.spread import check_spread

    check_spread(workers, scheduler)
    choice = ModelChoice(model, weights, calibration, preset, chip)
    directory = hold(to or Path(f"table1-{Path(model).stem}"))
    with phases(f"preparing {model}") as phase:
        dataset = open_dataset(directory, choice, DatasetRequest(images, steps, numeric, batch, limit, crop), phase)
    with counted(f"batches of {batch}") as progress:
        run_batches(dataset, workers=workers, scheduler=scheduler, progress=progress)
    table = tabulate(dataset, dataset.records())
    console = output()
    console.print(table)
    written = write_table1(table, directory)
    console.print(f"Written to {directory}: {', '.join(path.name for path in written)}", soft_wrap=True)
