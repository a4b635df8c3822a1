"""`synaptile demo`: the whole way on the embedded model, chip and digits, offline and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import ChipName, Limit, Numeric, Preset, Seed, Steps, Threads, hold
from synaptile.terminal import counted, output, phases


def demo(
    to: Annotated[Path, typer.Option("--output", "-o", help="Run directory to write.")] = Path("synaptile-demo"),
    steps: Steps = 12,
    chip: ChipName = "ecmt45-mini",
    preset: Preset = "paper",
    numeric: Numeric = "float32",
    seed: Seed = 0,
    threads: Threads = None,
    limit: Limit = None,
) -> None:
    """Convert, map, execute and price a small vision transformer on handwritten digits."""
    from synaptile.conversion.calibrate import calibrate
    from synaptile.conversion.graph import load_graph, save_graph
    from synaptile.data import DIGITS_GRAPH
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip
    from synaptile.images import digits
    from synaptile.mapper import map_graph
    from synaptile.pipeline import execute_images, report_run, report_schedule, schedule_run
    from synaptile.simulator.dense.reference import check_steps
    from synaptile.studies.answers import ann_logits
    from synaptile.studies.outputs import check_output, replaced
    from synaptile.studies.rundir import save_run
    from synaptile.studies.sizing.request import STREAM

    check_steps(steps)
    if limit is not None and limit < 1:
        raise InputError(f"--limit is {limit}, needs at least 1")
    check_output(to)
    target = load_chip(chip)
    directory = hold(to)
    console, chosen = output(), digits("test", limit)
    with counted("calibrating on 128 digits") as progress:
        graph = calibrate(load_graph(DIGITS_GRAPH), digits("calibration").images, preset=preset, progress=progress)
    with phases("mapping") as phase:
        program = map_graph(graph, target, seed=seed, progress=phase)
    with counted("the original network") as progress:
        answers = ann_logits(graph, chosen.images, progress)
    with counted("executing") as progress:
        run = execute_images(program, chosen, answers, steps, numeric, threads, progress)
    timeline = schedule_run(run, None, min(STREAM, len(chosen.images)), None)
    with replaced(directory) as folder:
        save_graph(graph, folder / "digits.spk")
        save_run(run, folder)
        report_run(run, folder, console, timeline=timeline)
        report_schedule(timeline, folder, console)
