"""The command line. Every error of ours prints its message alone and exits with 2; nothing is half-written."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape

from synaptile.commands import (
    chips,
    compare,
    convert,
    demo,
    functions,
    map_command,
    report,
    run,
    schedule,
    size,
    sweep,
    synthesise,
    table1,
    trace,
    tune,
)
from synaptile.foundation.errors import ConservationError, SynaptileError
from synaptile.mapper.refusal import DoesNotFit
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
app.command("trace")(trace.trace)
app.command("table1")(table1.table1)
app.command("tune")(tune.tune)
app.command("functions")(functions.functions)
app.command("size")(size.size)
app.command("sweep")(sweep.sweep)
app.command("chips")(chips.chips)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except DoesNotFit as error:
        errors().print(error)
        _fail(f"{error.graph} does not fit {error.chip}")
    except ConservationError as error:
        _fail(f"{error}\nThis is a defect in Synaptile: nothing was written. Please report it with the command you ran.")
    except SynaptileError as error:
        _fail(str(error))
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `| head` does
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename or 'file'}: {error.strerror or error}: nothing was written there")


def _fail(message: str) -> None:
    errors().print(f"[bold red]error:[/] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(2)


def _version(shown: bool) -> None:
    if shown:
        from importlib.metadata import version

        typer.echo(f"synaptile {version('synaptile')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before the command."""
