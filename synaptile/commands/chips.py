"""`synaptile chips`: what is shipped, or one chip with the source of every figure."""

from __future__ import annotations

from typing import Annotated

import typer

from synaptile.terminal import output


def chips(
    name: Annotated[str | None, typer.Argument(help="A shipped chip's name or a chip file; all shipped ones if absent.")] = None,
    yaml: Annotated[
        bool, typer.Option("--yaml", help="Print a chip file to start from, which extends this one: > my_chip.yaml")
    ] = False,
) -> None:
    """List the shipped chips, or open one: every figure with its source or assumption, what it lacks, the die it would take."""
    from synaptile.foundation.errors import InputError
    from synaptile.hwmodels import load_chip, shipped_chips
    from synaptile.hwmodels.derive import derived_file
    from synaptile.report.views.chip import chips_table

    console = output()
    if yaml:
        if name is None:
            raise InputError("--yaml prints one chip: name it, for instance `synaptile chips ecmt45 --yaml > my_chip.yaml`")
        typer.echo(derived_file(load_chip(name), name), nl=False)
    elif name is None:
        console.print(chips_table([load_chip(shipped) for shipped in shipped_chips()]))
    else:
        console.print(load_chip(name))
