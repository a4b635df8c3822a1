"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import InputError

ChipName = Annotated[str, typer.Option("--chip", help="A shipped chip's name or the path of a chip file.")]
Steps = Annotated[int, typer.Option("--steps", "-T", help="Time steps.")]
Numeric = Annotated[str, typer.Option("--numeric", help="float32, float64 or int8.")]
Threads = Annotated[int | None, typer.Option("--threads", help="Threads of the kernels; all by default.")]
Limit = Annotated[int | None, typer.Option("--limit", help="Take at most this many images.")]
Preset = Annotated[str, typer.Option("--preset", help="paper, or released (what the published code does).")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the placement.")]
NumberFormat = Annotated[str | None, typer.Option("--format", help="Bill at fp32, fp16 or int8; follows the run by default.")]
RunDirectory = Annotated[Path, typer.Argument(help="A directory that `synaptile run` wrote.", metavar="RUN")]


def with_suffix(path: Path, suffix: str, what: str) -> Path:
    """`path`, refused unless it ends in `suffix`, so that file kinds stay apart. Raises InputError."""
    if path.suffix != suffix:
        raise InputError(f"--output is {path}: {what} ends in {suffix}")
    return path
