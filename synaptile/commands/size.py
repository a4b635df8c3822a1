"""`synaptile size`: the smallest chip of a family that meets a target."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synaptile.commands.options import OtherChip, RunDirectory, Synchronisation, hold
from synaptile.terminal import counted, output

if TYPE_CHECKING:
    from synaptile.studies.sizing.answer import Value


def size(
    directory: RunDirectory,
    to: Annotated[Path, typer.Option("--output", "-o", help="Directory of the study; run again to go on with it.")],
    latency: Annotated[float | None, typer.Option("--latency-ms", help="The most that one image may take.")] = None,
    throughput: Annotated[
        float | None, typer.Option("--images-per-second", help="Throughput at least, in a stream of --images.")
    ] = None,
    energy: Annotated[
        float | None,
        typer.Option("--energy-mj", help="The most that one image may cost, with memories, NoC and static."),
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option(
            "--vary",
            metavar="NAME=VALUES",
            help="A parameter of the chip and its values: 8,16,32 or 8:64:8 (steps) or 8:64:x2 (factors), or words: "
            "weights=resident,streamed; may be repeated. Names as in a chip file, memories also in KiB, mesh.width+mesh.height "
            "for both; chip=NAME,FILE starts from several chips, mapping.goal=room,latency maps for each.",
        ),
    ] = None,
    chip: OtherChip = None,
    images: Annotated[
        int | None,
        typer.Option("--images", help="Images of the run to stream through each schedule: 1; 4 for a throughput."),
    ] = None,
    synchronisation: Synchronisation = None,
    most: Annotated[int, typer.Option("--max-evaluations", help="Chips that may be tried.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the points tried as a check.")] = 0,
) -> None:
    """Find the smallest chip of a family that meets a target for a run, what binds it, and what more of anything would bring.

    Nothing is executed again: every chip tried is a schedule and a bill of the recorded (or synthetic) activity.
    """
    from synaptile.hwmodels import load_chip
    from synaptile.report.study_files import write_sizing
    from synaptile.simulator.storage import load_activity
    from synaptile.studies.sizing import size as find

    values = _values(parameters)
    activity = load_activity(directory)
    folder = hold(to)
    with counted("chips tried") as progress:
        study = find(
            activity,
            None if chip is None else load_chip(chip),
            latency_ms=latency,
            images_per_second=throughput,
            energy_mj=energy,
            parameters=values,
            max_evaluations=most,
            seed=seed,
            images=images,
            synchronisation=synchronisation,
            directory=folder,
            progress=progress,
        )
    console = output()
    console.print(study)
    written = write_sizing(study, folder)
    console.print(f"Written to {folder}: {', '.join(path.name for path in written)}", soft_wrap=True)


def _values(given: list[str] | None) -> dict[str, Sequence[Value]] | None:
    """Values by parameter, None where none was named. Raises InputError."""
    from synaptile.commands.ranges import figures
    from synaptile.foundation.errors import InputError

    if not given:
        return None
    by_name: dict[str, Sequence[Value]] = {}
    for text in given:
        name, sign, values = text.partition("=")
        if not sign or not name.strip():
            raise InputError(f"--vary is {text!r}: write NAME=VALUES, such as synapse_core.lanes_per_cycle=8,16,32")
        if name.strip() in by_name:
            raise InputError(f"--vary names {name.strip()!r} twice: give all its values at once")
        words: list[Value] = [word.strip() for word in values.split(",")]
        numbers = re.match(r"\s*[-+.]?\d", values) is not None or not all(words)
        by_name[name.strip()] = figures(values, f"--vary {name.strip()}") if numbers else words
    return by_name
