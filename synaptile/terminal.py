"""Consoles and progress bars of the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from synaptile.foundation.options import WIDTH


def output() -> Console:
    """Where results go: standard output, at least as wide as the tables are when it is no terminal."""
    return _console(stderr=False)


def errors() -> Console:
    """Where errors and progress go: standard error."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, emoji=False)
    return console if console.is_terminal else Console(stderr=stderr, width=WIDTH, markup=False, emoji=False)


@contextmanager
def counted(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; the context gives a callback that takes (done, in all)."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors(), transient=True) as progress, _compilations_shown(progress):
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@contextmanager
def phases(what: str) -> Iterator[Callable[[str], None]]:
    """A spinner on standard error; the context gives a callback that takes the name of the phase that begins."""
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=errors(), transient=True) as progress, _compilations_shown(progress):
        task = progress.add_task(what, total=None)
        yield lambda phase: progress.update(task, description=f"{what}: {phase}")


@contextmanager
def _compilations_shown(progress: Progress) -> Iterator[None]:
    """A bar of its own, from the moment on that a kernel is compiled; commands that load no kernel load no compiler here."""
    if "numba" not in sys.modules:
        yield
        return
    from synaptile.compiling import compilations

    tasks: list[TaskID] = []

    def told(done: int) -> None:
        if not tasks:
            tasks.append(progress.add_task("compiling kernels, on the first run only", total=None))
        progress.update(tasks[0], completed=done)

    with compilations(told):
        yield
