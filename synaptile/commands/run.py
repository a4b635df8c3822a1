"""`synaptile run`: execute a mapped program on images and record everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import Crop, KeepSpikes, Limit, Numeric, Steps, Threads
from synaptile.terminal import counted, output


def run(
    program: Annotated[Path, typer.Argument(help="A mapped program (.map).")],
    images: Annotated[str, typer.Option("--images", help="Folder of images, .npz of them or of spikes, or `digits`.")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Run directory to write.")],
    steps: Steps = 8,
    numeric: Numeric = "float32",
    threads: Threads = None,
    limit: Limit = None,
    keep_spikes: KeepSpikes = 1,
    crop: Crop = None,
) -> None:
    """Execute a mapped network event by event; write the activity, the report and its figures."""
    from mapper import load_program
    from simulator.dense.reference import check_steps
    from simulator.number_format import check_numeric
    from synaptile.images import read_images
    from synaptile.pipeline import ann_logits, execute_images, report_run
    from synaptile.rundir import check_output, save_run

    check_steps(steps)
    check_numeric(numeric)
    folder = check_output(to)
    mapped = load_program(program)
    with counted("reading images") as progress:
        chosen = read_images(images, mapped.graph, limit, progress, crop=crop)
    with counted("the original network") as progress:
        answers = ann_logits(mapped.graph, chosen.images, progress)
    with counted("executing") as progress:
        done = execute_images(mapped, chosen, answers, steps, numeric, threads, progress, keep_spikes=keep_spikes)
    save_run(done, folder)
    report_run(done, folder, output())
