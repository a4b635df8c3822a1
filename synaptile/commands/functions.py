"""`synaptile functions`: tables of functions, segments against agreement and energy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import ChipName, Crop, Limit, RunNumeric, Steps, Threads, hold
from synaptile.terminal import counted, output


def functions(
    graph: Annotated[Path, typer.Argument(help="A converted network (.spk).")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Directory to write.")],
    images: Annotated[str, typer.Option("--images", help="Folder of images, .npz of them, or `digits`.")],
    segments: Annotated[str, typer.Option("--segments", help="Numbers of segments, separated by commas.")] = "8,16,32,64,128,256",
    chip: ChipName = "ecmt45-tables",
    steps: Steps = 8,
    numeric: RunNumeric = None,
    threads: Threads = None,
    limit: Limit = None,
    crop: Crop = None,
) -> None:
    """Execute and bill a network with the chip's function tables at several sizes, beside the same chip in software."""
    from synaptile.conversion.graph import load_graph
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip
    from synaptile.images import read_images
    from synaptile.report.study_files import write_functions
    from synaptile.studies.functions import function_trade_off

    words = [word.strip() for word in segments.split(",") if word.strip()]
    if not all(word.isdigit() for word in words):
        raise InputError(f"--segments is {segments!r}: give whole numbers separated by commas, 16,64,256 say")
    network, folder = load_graph(graph), hold(to)
    with counted("reading images") as progress:
        chosen = read_images(images, network, limit, progress, crop=crop)
    with counted("executions") as progress:
        sizes = sorted({int(word) for word in words})
        found = function_trade_off(
            network, load_chip(chip), chosen, sizes, steps, numeric=numeric, threads=threads, progress=progress
        )
    console = output()
    console.print(found)
    written = write_functions(found, folder)
    console.print(f"Written to {to}: {', '.join(path.name for path in written)}", soft_wrap=True)
