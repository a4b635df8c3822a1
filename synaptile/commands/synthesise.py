"""`synaptile synthesise`: a run drawn from spike rates, for models without weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synaptile.commands.options import KeepSpikes, Numeric, Overwrite, Preset, hold
from synaptile.foundation.options import Preset as PresetName
from synaptile.terminal import counted, output, phases

if TYPE_CHECKING:
    from synaptile.mapper import CoreProgram
    from synaptile.simulator.synthetic import Rates


def synthesise(
    model: Annotated[str, typer.Argument(help="A mapped program (.map), a graph file (.spk) or a timm model's name.")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Run directory to write.")],
    rates: Annotated[
        str | None, typer.Option("--rates", help="YAML file of rates, or the directory of a run to carry over.")
    ] = None,
    density: Annotated[float | None, typer.Option("--density", help="Spikes per neuron and step, alike everywhere.")] = None,
    ratio: Annotated[
        float | None, typer.Option("--ratio", help="The density that gives this energy ratio after --steps steps.")
    ] = None,
    published: Annotated[
        str | None, typer.Option("--published", help="A row of the paper's Table 1, such as ViT-S/16: its ratio at --steps.")
    ] = None,
    steps: Annotated[int, typer.Option("--steps", "-T", help="Time steps.")] = 4,
    images: Annotated[int, typer.Option("--images", help="Images to draw.")] = 1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the drawing.")] = 0,
    chip: Annotated[
        str | None, typer.Option("--chip", help="For a graph or model: a chip's name or file; ecmt45 by default.")
    ] = None,
    preset: Preset = "paper",
    thresholds: Annotated[int | None, typer.Option("-n", help="For a timm model: thresholds per sign.")] = None,
    numeric: Numeric = "float32",
    keep_spikes: KeepSpikes = 1,
    overwrite: Overwrite = False,
) -> None:
    """Draw an activity from spike rates instead of executing: schedule, price and size a model without its weights.

    The run directory is like any other, marked SYNTHETIC in every report; it has no accuracy.
    """
    import numpy as np

    from synaptile.pipeline import report_run
    from synaptile.simulator import synthesise as draw
    from synaptile.simulator.dense.reference import check_steps
    from synaptile.studies.outputs import check_new_run, replaced
    from synaptile.studies.rundir import Run, save_run

    check_steps(steps)
    check_new_run(to, overwrite=overwrite)
    program = _program(model, chip, preset, thresholds)
    directory = hold(to)
    drawn_from = _rates(program, steps, rates, density, ratio, published)
    with counted("drawing spikes") as progress:
        activity = draw(
            program, steps, drawn_from, images=images, seed=seed, numeric=numeric, keep_spikes=keep_spikes, progress=progress
        )
    run = Run(activity, np.full(images, -1, np.int64), np.zeros((images, 0)))
    with replaced(directory) as folder:
        save_run(run, folder)
        report_run(run, folder, output())


def _program(model: str, chip: str | None, preset: PresetName, thresholds: int | None) -> CoreProgram:
    """The mapped program of whatever was named."""
    from synaptile.conversion.graph import load_graph
    from synaptile.conversion.structure import structure_of_timm
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip
    from synaptile.mapper import load_program, map_graph

    kind = Path(model).suffix
    if kind == ".map":
        if chip is not None:
            raise InputError(f"{model} is mapped already, it takes no --chip: give the graph file to map it to {chip}")
        return load_program(model)
    target = load_chip(chip or "ecmt45")
    if kind == ".spk":
        graph = load_graph(model, structure_only=True)
    else:
        with phases(f"structure of {model}"):
            graph = structure_of_timm(model, preset=preset, n=thresholds)
    with phases("mapping") as phase:
        return map_graph(graph, target, progress=phase)


def _rates(
    program: CoreProgram, steps: int, rates: str | None, density: float | None, ratio: float | None, published: str | None
) -> Rates:
    """Rates from the one option that was given."""
    from synaptile.foundation.errors import InputError
    from synaptile.simulator.storage import load_activity
    from synaptile.simulator.synthetic import as_rates, density_of_ratio, uniform_rates

    options = {"--rates": rates, "--density": density, "--ratio": ratio, "--published": published}
    given = [name for name, value in options.items() if value is not None]
    if len(given) != 1:
        raise InputError(f"{' and '.join(given) or 'no rates'} given: give exactly one of {', '.join(options)}")
    graph = program.graph
    if rates is not None:
        return as_rates(load_activity(rates) if Path(rates).is_dir() else rates, graph, steps)
    if density is not None:
        return as_rates(density, graph, steps)
    source = ""
    if published is not None:
        ratio, source = _published(published, steps), f", row {published} of the paper's Table 1"
    assert ratio is not None
    density = density_of_ratio(ratio, steps, graph)
    origin = f"the mean density {density:.4g} that gives the ratio {ratio:g} after {steps} steps{source} (accounting released)"
    return uniform_rates(graph, steps, density, origin)


def _published(row: str, steps: int) -> float:
    """The published energy ratio of an architecture. Raises InputError for one, or a number of steps, that the table lacks."""
    from difflib import get_close_matches

    from synaptile.foundation.errors import InputError
    from synaptile.studies.dataset.published import PAPER_STEPS, PAPER_TABLE_1

    if row not in PAPER_TABLE_1:
        near = get_close_matches(row, list(PAPER_TABLE_1), n=1, cutoff=0.3)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"the paper's Table 1 has no row {row[:60]!r}: {hint}its rows are {', '.join(PAPER_TABLE_1)}")
    if steps not in PAPER_STEPS:
        raise InputError(f"the paper's Table 1 has no {steps} steps: give --steps {', '.join(map(str, PAPER_STEPS))}")
    return PAPER_TABLE_1[row].ratio[PAPER_STEPS.index(steps)]
