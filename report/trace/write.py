"""Traces on disk: announced, written whole or not at all, and checked against what the run counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from synaptile.foundation.errors import InputError
from synaptile.foundation.files import atomic_path
from synaptile.foundation.types import Progress
from synaptile.report.trace.conserve import check_against_activity, check_written
from synaptile.report.trace.parquet import ParquetTrace, replaced_folder
from synaptile.report.trace.perfetto import PerfettoTrace
from synaptile.report.trace.vcd import VcdTrace
from synaptile.report.trace.window import Window, select
from synaptile.simulator.schedule.timeline import Timeline

TraceFormat: TypeAlias = Literal["perfetto", "vcd", "parquet"]
TraceLevel: TypeAlias = Literal["full", "aggregate"]


class Trace(Protocol):
    """A selection of a timeline, ready to be written in some format."""

    def estimate(self) -> int:
        """Bytes that `write` will write, within 15 %."""

    def write(self, path: Path, progress: Progress | None) -> None:
        """Write to a path."""

    def totals(self, path: Path) -> dict[str, tuple[int, int]]:
        """What a written trace of the whole timeline holds, and what the timeline does, by name."""


_KINDS: Mapping[str, type[PerfettoTrace] | type[VcdTrace] | type[ParquetTrace]] = {
    "perfetto": PerfettoTrace,
    "vcd": VcdTrace,
    "parquet": ParquetTrace,
}


def estimate_size(
    timeline: Timeline, window: Window | None = None, format: TraceFormat = "perfetto", level: TraceLevel = "full"
) -> int:
    """Bytes that `write_trace` would write, within 15 %: sampled, so much sooner than writing them.

    Raises as `write_trace` does for its arguments.
    """
    return _trace(timeline, window, format, level).estimate()


def write_trace(
    timeline: Timeline,
    path: str | Path,
    format: TraceFormat = "perfetto",
    window: Window | None = None,
    level: TraceLevel = "full",
    progress: Progress | None = None,
) -> Path:
    """Write a trace of a timeline, or of a window of it; returns the path.

    Args:
        timeline: from `schedule`.
        path: a file ("perfetto", to be opened in ui.perfetto.dev, or "vcd"), or a folder ("parquet").
        format: "perfetto", "vcd" or "parquet".
        window: what to keep; None keeps all.
        level: "full" shows every job and message, "aggregate" sums over bins of time, some ten MB at most.
        progress: called with rows done and rows in all.

    Raises InputError for an unknown format or level, an unusable window, and where the file cannot be written (a full disk);
    ConservationError where the trace and the run disagree. In any of these cases what was at `path` is still there.
    """
    target = Path(path)
    check_against_activity(timeline)
    trace = _trace(timeline, window, format, level)
    with _refusals(target), replaced_folder(target) if format == "parquet" else atomic_path(target) as temporary:
        trace.write(temporary, progress)
        if level == "full" and (window is None or window.whole):
            for what, (written, held) in trace.totals(temporary).items():
                check_written(timeline, what, written, held)
    return target


def _trace(timeline: Timeline, window: Window | None, format: str, level: str) -> Trace:
    if format not in get_args(TraceFormat):
        raise InputError(f"a trace has no format {format!r}: use one of {', '.join(get_args(TraceFormat))}")
    if level not in get_args(TraceLevel):
        raise InputError(f"a trace has no level {level!r}: use one of {', '.join(get_args(TraceLevel))}")
    selection = select(timeline, window)
    kind = _KINDS[format]
    return kind.full(timeline, selection) if level == "full" else kind.aggregate(timeline, selection)


@contextmanager
def _refusals(target: Path) -> Iterator[None]:
    """What the file system refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write the trace to {target}: {error.strerror or error}; nothing at that path was changed. Free some space, "
            "or trace a smaller window or level 'aggregate'"
        ) from error
