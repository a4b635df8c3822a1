"""Options that several commands share."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from synaptile.foundation import options
from synaptile.foundation.errors import InputError

ChipName = Annotated[str, typer.Option("--chip", help="A shipped chip's name or the path of a chip file.")]
Steps = Annotated[int, typer.Option("--steps", "-T", help="Time steps.")]
RunSteps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        "-T",
        help="Time steps; by default those that a network was trained with, as spiking, or 8.",
        show_default=False,
    ),
]
Numeric = Annotated[options.Numeric, typer.Option("--numeric", help="int8: weights in int8, sums in int32.")]
RunNumeric = Annotated[
    options.Numeric | None,
    typer.Option(
        "--numeric",
        help="int8: weights in int8, sums in int32 (integer networks: always); chip: the formats that the chip states, which is "
        "the default where it states any, else float32.",
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", help="Threads of the kernels; all by default.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Take at most this many images.")]
Preset = Annotated[options.Preset, typer.Option("--preset", help="paper, or released (what the published code does).")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the placement.")]
Crop = Annotated[float | None, typer.Option("--crop", help="Crop fraction of the pictures; the model's own by default.")]
NumberFormat = Annotated[str | None, typer.Option("--format", help="Bill at fp32, fp16 or int8; follows the run by default.")]
HostEC = Annotated[
    bool, typer.Option("--host-ec", help="Give a chip without multipliers virtual EC cores; flagged in every report.")
]
OtherChip = Annotated[str | None, typer.Option("--chip", help="Another chip, by name or file; the run's own by default.")]
StreamImages = Annotated[int, typer.Option("--images", help="Images of the run to stream through, one after another.")]
Synchronisation = Annotated[options.Synchronisation | None, typer.Option("--synchronisation", help="The chip's by default.")]
KeepSpikes = Annotated[int, typer.Option("--keep-spikes", help="Images whose spikes are kept, to schedule them on other chips.")]
WithSchedule = Annotated[bool, typer.Option("--with-schedule", help="Schedule first: cycles, stalls, links, static energy.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the run that the directory holds, and the reports on it.")]
PageFile = Annotated[
    Path | None,
    typer.Option("--html", help="Also write a page: one HTML file that needs no network.", dir_okay=False, metavar="FILE"),
]
RunDirectory = Annotated[Path, typer.Argument(help="A directory that `synaptile run` wrote.", metavar="RUN")]


_held = ExitStack()


def release_at_end(context: typer.Context) -> None:
    """What this command holds is let go when it ends, however it does."""
    context.call_on_close(_held.close)


def hold(directory: str | Path) -> Path:
    """A directory of output for this command alone, until it ends; made if there is none. Raises InputError naming who has it."""
    from synaptile.studies.outputs import held

    return _held.enter_context(held(directory))


def with_suffix(path: Path, suffix: str, what: str) -> Path:
    """`path`, refused unless it ends in `suffix`, so that file kinds stay apart. Raises InputError."""
    if path.suffix != suffix:
        raise InputError(f"--output is {path}: {what} ends in {suffix}")
    return path
