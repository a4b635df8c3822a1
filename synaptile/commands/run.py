"""`synaptile run`: execute a mapped program on images or sentences and record everything."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import (
    Crop,
    KeepSpikes,
    Limit,
    Overwrite,
    PageFile,
    RunNumeric,
    RunSteps,
    Threads,
    WithSchedule,
    hold,
)
from synaptile.terminal import counted, output

DEFAULT_STEPS = 8
"""Steps of a run of a converted network."""


def run(
    program: Annotated[Path, typer.Argument(help="A mapped program (.map).")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Run directory to write.")],
    images: Annotated[
        str | None, typer.Option("--images", help="Folder of images, .npz of them or of spikes, or `digits`.")
    ] = None,
    sentences: Annotated[
        Path | None, typer.Option("--sentences", help="For a text encoder: file of sentences, one a line.")
    ] = None,
    steps: RunSteps = None,
    numeric: RunNumeric = None,
    threads: Threads = None,
    limit: Limit = None,
    keep_spikes: KeepSpikes = 1,
    crop: Crop = None,
    html: PageFile = None,
    with_schedule: WithSchedule = False,
    overwrite: Overwrite = False,
) -> None:
    """Execute a mapped network event by event; write the activity, the report and its figures."""
    from concurrent.futures import ThreadPoolExecutor

    from synaptile.foundation.errors import InputError
    from synaptile.images import ImageSet, read_images
    from synaptile.mapper import load_program
    from synaptile.pipeline import execute_images, report_run, report_schedule, schedule_run
    from synaptile.report.page import write_page
    from synaptile.simulator.dense.reference import check_steps
    from synaptile.simulator.number_format import check_numeric
    from synaptile.studies.answers import ann_logits
    from synaptile.studies.outputs import check_new_run, replaced
    from synaptile.studies.rundir import save_run
    from synaptile.text import TextSet, read_text

    if (images is None) is (sentences is None):
        raise InputError("give --images, or for a text encoder --sentences: one of the two")
    if numeric is not None:
        check_numeric(numeric)
    if steps is not None:
        check_steps(steps)
    check_new_run(to, overwrite=overwrite)
    mapped = load_program(program)
    steps = mapped.graph.metadata.get("steps", DEFAULT_STEPS) if steps is None else steps
    check_steps(steps)
    directory = hold(to)
    chosen: ImageSet | TextSet
    with counted("reading images" if sentences is None else "reading sentences") as progress:
        if sentences is None:
            assert images is not None
            chosen = read_images(images, mapped.graph, limit, progress, crop=crop)
        elif crop is not None:
            raise InputError("--crop is for pictures, --sentences are none: leave it out")
        else:
            chosen = read_text(sentences, mapped.graph, limit)
    with counted("the original network") as progress:
        answers = ann_logits(mapped.graph, chosen.images, progress)
    with counted("executing") as progress:
        done = execute_images(mapped, chosen, answers, steps, numeric, threads, progress, keep_spikes=keep_spikes)
    console = output()
    timeline = schedule_run(done, None, None, None) if with_schedule else None
    with replaced(directory) as folder:
        with ThreadPoolExecutor(1) as beside:  # compression needs no Python, the report little else
            saved = beside.submit(save_run, done, folder)
            bill = report_run(done, folder, console, timeline=timeline)
            saved.result()
        if timeline is not None:
            report_schedule(timeline, folder, console)
    if html is not None:
        write_page(bill, html, done.known_labels, ann_accuracy=done.ann_accuracy, ann_logits=done.ann_logits)
        console.print(f"Page: {html}", soft_wrap=True)
