"""`synaptile validate`: what silicon measured beside what is predicted for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synaptile.commands.options import hold
from synaptile.terminal import counted, output


def validate(
    images: Annotated[
        int | None, typer.Option("--images", help="Leading images of the 128 that were measured; all by default.")
    ] = None,
    to: Annotated[Path, typer.Option("--output", "-o", help="Directory of tables and figure.")] = Path("validation"),
) -> None:
    """Run the measured network that ships (Intel's MNIST on Loihi), and print predicted and measured times with the errors."""
    from synaptile.report.study_files import write_validation
    from synaptile.studies.validation import validate as run

    directory = hold(to)
    with counted("images") as progress:
        found = run(images, progress)
    console = output()
    console.print(found)
    written = write_validation(found, directory)
    console.print(f"Written to {directory}: {', '.join(path.name for path in written)}", soft_wrap=True)
