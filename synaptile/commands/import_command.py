"""`synaptile import`: a file of another tool as a chip file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from synaptile.commands.options import with_suffix
from synaptile.terminal import output


def import_(
    file: Annotated[Path, typer.Argument(help="An architecture of SANA-FE (.yaml), or a table of components (.csv, ERT, ART).")],
    to: Annotated[Path, typer.Option("--output", "-o", help="Chip file to write (.yaml).")],
    base: Annotated[str, typer.Option("--base", help="The chip below, which gives what the file does not state.")] = "loihi",
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", help="Of a SANA-FE architecture, which unit to take: soma=NAME. May be repeated."),
    ] = None,
    silent: Annotated[
        Literal["updated", "accessed"],
        typer.Option("--silent", help="Of a SANA-FE architecture, what a silent neuron costs: an upper or a lower bound."),
    ] = "updated",
    figure: Annotated[
        list[str] | None,
        typer.Option("--figure", help="Of a table: operation_pj.mac.int8=COMPONENT.ACTION[width=32]. May be repeated."),
    ] = None,
) -> None:
    """Take what another tool's file states into a chip: SANA-FE's architectures, Accelergy's and hwcomponents' tables.

    Printed are the figures taken, with their places in the file, what has no place here, and what stays as in the chip below.
    """
    from synaptile.foundation.files import write_text
    from synaptile.hwmodels.foreign import import_chip

    with_suffix(to, ".yaml", "a chip file")
    imported = import_chip(file, base, units=_pairs("--unit", unit), figures=_pairs("--figure", figure), silent=silent)
    write_text(to, imported.text)
    output().print(imported)
    output().print(f"{to}: {imported.chip.name}, a chip file that extends {base}")


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """`name=value` of an option, by name. Raises InputError."""
    from synaptile.foundation.errors import InputError

    pairs = [text.partition("=")[::2] for text in given or ()]
    for name, value in pairs:
        if not name or not value or sum(other == name for other, _ in pairs) > 1:
            raise InputError(f"{option} {name}={value}: give NAME=VALUE, each name once")
    return dict(pairs)
