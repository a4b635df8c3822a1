"""`synaptile tune`: thresholds that cost less energy at a given loss of agreement with the original network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from synaptile.commands.options import ChipName, Crop, Limit, Numeric, Threads
from synaptile.commands.options import hold as work_in
from synaptile.terminal import counted, output

if TYPE_CHECKING:
    from synaptile.studies.tuning.space import By
    from synaptile.studies.tuning.trials import Hold


def tune(
    graph: Annotated[Path, typer.Argument(help="A graph file (.spk).")],
    images: Annotated[
        str, typer.Option("--images", help="Folder, .npz of preprocessed images, or `digits` (those for calibration).")
    ],
    to: Annotated[Path, typer.Option("--output", "-o", help="Directory of the search.")],
    steps: Annotated[int, typer.Option("--steps", "-T", help="Time steps; the untuned network after them is the target.")] = 4,
    loss: Annotated[
        float, typer.Option("--loss", help="How far correlation, top-1 agreement and accuracy may fall below the untuned ones.")
    ] = 0.01,
    trials: Annotated[int, typer.Option("--trials", help="Networks to try in all, the untuned one among them.")] = 40,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the search.")] = 0,
    accounting: Annotated[str, typer.Option("--accounting", help="eq30, released or executed.")] = "released",
    sampler: Annotated[str, typer.Option("--sampler", help="linear (models followed downhill), tpe or nsga2.")] = "linear",
    by: Annotated[
        str, typer.Option("--by", help="What shares a factor: sites of a kind, of a kind in a third of the blocks, or each site.")
    ] = "kind",
    hold: Annotated[str, typer.Option("--hold", help="What may not fall by more than the loss: all, or correlation.")] = "all",
    confirm: Annotated[
        str | None, typer.Option("--confirm", help="Other images to compare the choice on; `digits`: those for testing.")
    ] = None,
    chip: ChipName = "ecmt45",
    numeric: Numeric = "float32",
    threads: Threads = None,
    limit: Limit = None,
    crop: Crop = None,
) -> None:
    """Search factors on thresholds of groups of sites, and n, for the least energy; write the Pareto front and the tuned graph.

    Every trial is kept: run the same command again to go on after an interruption, or with more --trials.
    """
    from synaptile.conversion.graph import save_graph
    from synaptile.report.study_files import write_tuning
    from synaptile.studies.tuning.request import TuneRequest, check_request
    from synaptile.studies.tuning.run import confirmed, read_inputs, run_search, tuned_graph

    request = TuneRequest(steps, loss, seed, accounting, sampler, cast("By", by), numeric, cast("Hold", hold))
    check_request(request, trials, to)
    work_in(to)
    with counted("reading images") as progress:
        inputs = read_inputs(graph, images, confirm, chip, limit, crop, progress)
    with counted("trials") as progress:
        tuning = run_search(inputs, request, to, trials=trials, threads=threads, progress=progress)
    if inputs.others is not None:
        tuning = confirmed(inputs, request, tuning, threads)
    save_graph(tuned_graph(inputs.graph, tuning, request.by), to / "tuned.spk")
    written = [to / "tuned.spk", *write_tuning(tuning, to)]
    console = output()
    console.print(tuning)
    console.print(f"Written to {to}: {', '.join(path.name for path in written)}", soft_wrap=True)
