"""The command line. Every error of ours prints its message alone and exits with 2; nothing is half-written."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from synaptile.commands import (
    chips,
    compare,
    convert,
    demo,
    functions,
    import_command,
    map_command,
    methods,
    options,
    report,
    run,
    schedule,
    size,
    sweep,
    synthesise,
    table1,
    trace,
    tune,
    validate,
)
from synaptile.foundation.errors import ConservationError, SynaptileError
from synaptile.terminal import errors

app = typer.Typer(
    name="synaptile",
    help="What a spiking vision transformer costs on a chip of many small cores, before silicon.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)
app.command("demo")(demo.demo)
app.command("convert")(convert.convert)
app.command("map")(map_command.map_)
app.command("run")(run.run)
app.command("synthesise")(synthesise.synthesise)
app.command("schedule")(schedule.schedule)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("methods")(methods.methods)
app.command("trace")(trace.trace)
app.command("table1")(table1.table1)
app.command("tune")(tune.tune)
app.command("functions")(functions.functions)
app.command("size")(size.size)
app.command("sweep")(sweep.sweep)
app.command("validate")(validate.validate)
app.command("chips")(chips.chips)
app.command("import")(import_command.import_)


def main() -> None:
    """Run the command that was given; what goes wrong is said in words of ours."""
    try:
        app()
    except ConservationError as error:
        _fail(f"{error}\nThis is a defect in Synaptile: nothing was written. Please report it with the command you ran.")
    except SynaptileError as error:
        _refuse(error)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `| head` does
        sys.exit(1)
    except OSError as error:
        why = f"{error.filename or 'file'}: {error.strerror or error}"
        _fail(f"{why}: this file was not written; studies keep the points that were finished, and go on by the same command")


def _refuse(error: SynaptileError) -> None:
    from synaptile.mapper.refusal import DoesNotFit  # loaded already where one was raised

    if isinstance(error, DoesNotFit):
        errors().print(error)
        _fail(f"{error.graph} does not fit {error.chip}")
    _fail(str(error))


def _fail(message: str) -> None:
    try:
        errors().print(Text.assemble(("error:", "bold red"), f" {message}"), highlight=False, soft_wrap=True)
    except OSError:  # nobody can be told, as on a full device; the status still tells
        sys.stderr = None
    sys.exit(2)


def _version(shown: bool) -> None:
    if shown:
        from importlib.metadata import version

        typer.echo(f"synaptile {version('synaptile')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before the command."""
    options.release_at_end(context)
