"""A timeline as a VCD waveform: busy, stall and queue of every core, busy of every link; phases, where weights are streamed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from vcd import VCDWriter

from synaptile.foundation.types import Int32, Int64, Progress
from synaptile.mapper.board import tile_of_cores
from synaptile.report.trace.aggregate import SERIES, into_bins
from synaptile.report.trace.changes import Changes, level, without_repeats
from synaptile.report.trace.clock import coarsest
from synaptile.report.trace.names import core_kind, core_name, link_names, tile_name
from synaptile.report.trace.stalls import STALLS, stalls
from synaptile.report.trace.vcd_read import NETWORK_SCOPE, busy_cycles
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.replay import selected_passages
from synaptile.simulator.schedule.timeline import Timeline

SAMPLED_CHANGES = 10_000
"""Changes that are encoded to estimate a size, spread evenly; all, where there are no more."""

PHASES_SCOPE = "phases"
"""Scope of the signals of phases."""

_AT_ONCE = 10_000
"""Changes between two calls of `progress`."""


@dataclass(frozen=True)
class VcdTrace:
    """Changes of signals, in the order of time."""

    timeline: Timeline
    waveform: Waveform

    @classmethod
    def full(cls, timeline: Timeline, selection: Selection) -> Self:
        """Every job and message."""
        return cls(timeline, full_waveform(timeline, selection))

    @classmethod
    def aggregate(cls, timeline: Timeline, selection: Selection) -> Self:
        """Sums over bins of time."""
        return cls(timeline, aggregate_waveform(timeline, selection))

    def estimate(self) -> int:
        """Bytes that `write` will write."""
        return estimate_waveform(self.timeline, self.waveform)

    def write(self, path: Path, progress: Progress | None) -> None:
        """Write to a file."""
        with path.open("w", encoding="ascii", newline="\n") as file:
            write_waveform(self.timeline, self.waveform, file, progress)

    def totals(self, path: Path) -> dict[str, tuple[int, int]]:
        """Busy cycles of the cores in the file, and in the timeline; a waveform holds no operations."""
        return {
            "busy cycles of cores": (busy_cycles(path, coarsest(self.timeline.clock_mhz)), int(self.timeline.cores.busy.sum()))
        }


@dataclass(frozen=True)
class Signal:
    """One variable: its scope, name and width in bits."""

    scope: tuple[str, ...]
    name: str
    bits: int


@dataclass(frozen=True)
class Waveform:
    """Signals, all 0 before their first change, and their changes in the order of time; `changes.track` indexes `signals`."""

    signals: tuple[Signal, ...]
    changes: Changes
    begin: int
    end: int


def full_waveform(timeline: Timeline, selection: Selection) -> Waveform:
    """Cores: busy (1 bit), stall (2 bits: 0 none, 1 input, 2 network), queue of ready jobs. Links: busy.

    Busy shows the selected jobs and messages; stall shows the core, whatever job it waits for.
    """
    jobs, chosen = timeline.jobs, selection.jobs
    core, start, end = jobs.core[chosen], jobs.start_cycles[chosen], jobs.end_cycles[chosen]
    waited = stalls(timeline)
    held = selected_passages(timeline, selection.messages, selection.links)
    clipped = [
        (core, start, end, None),
        (waited.core, waited.start_cycles, waited.end_cycles, waited.kind),
        (core, jobs.ready_cycles[chosen], start, None),
        (held.link, held.start_cycles, held.end_cycles, None),
    ]
    levels = [_level(selection, *columns) for columns in clipped]
    deepest = int(levels[2].value.max(initial=1))
    kinds = (("busy", 1), ("stall", 2), ("queue", max(deepest.bit_length(), 2)))
    signals: list[Signal] = []
    parts = []
    for changes, (name, bits) in zip(levels, kinds, strict=False):
        parts.append(_numbered(changes, selection.cores, len(signals)))
        signals += [Signal(_core_scope(timeline, core), name, bits) for core in selection.cores.tolist()]
    links = np.unique(held.link)
    names = link_names(timeline)
    parts.append(_numbered(levels[3], links, len(signals)))
    signals += [Signal((NETWORK_SCOPE, names[link]), "busy", 1) for link in links.tolist()]
    _add_phases(timeline, selection, signals, parts)
    return _waveform(signals, parts, selection)


def aggregate_waveform(timeline: Timeline, selection: Selection) -> Waveform:
    """Sums over bins of time: busy and stalled cycles, operations and spikes of every core, busy cycles of every link."""
    bins = into_bins(timeline, selection)
    signals: list[Signal] = []
    parts = []
    names = link_names(timeline)
    for number, series in enumerate(SERIES):
        amount = bins.cores[:, number]
        parts.append(_numbered(_binned(selection.cores, bins.edges, amount), selection.cores, len(signals)))
        label = series if number > 2 else f"{series}_cycles"
        signals += [Signal(_core_scope(timeline, core), label, _bits(amount)) for core in selection.cores.tolist()]
    parts.append(_numbered(_binned(selection.links, bins.edges, bins.link_busy), selection.links, len(signals)))
    bits = _bits(bins.link_busy)
    signals += [Signal((NETWORK_SCOPE, names[link]), "busy_cycles", bits) for link in selection.links.tolist()]
    _add_phases(timeline, selection, signals, parts)
    return _waveform(signals, parts, selection)


def _add_phases(timeline: Timeline, selection: Selection, signals: list[Signal], parts: list[Changes]) -> None:
    """Which phase works and which one's weights load, counted from 1; 0 for none."""
    table = timeline.phases
    if table is None:
        return
    bits = max(timeline.program.phases.bit_length(), 2)
    for name, start, end in (
        ("working", table.start_cycles, table.end_cycles),
        ("loading", table.load_start_cycles, table.load_end_cycles),
    ):
        track = np.full(table.phase.size, len(signals), np.int32)
        parts.append(_level(selection, track, start, end, table.phase + 1))
        signals.append(Signal((PHASES_SCOPE,), name, bits))


def write_waveform(timeline: Timeline, waveform: Waveform, file: IO[str], progress: Progress | None) -> None:
    """Write all changes, and at the end of the window a last timestamp."""
    changes, time = waveform.changes, coarsest(timeline.clock_mhz)
    with _writer(timeline, waveform, file) as writer:
        variables = _variables(waveform, writer)
        for first in range(0, changes.cycle.size, _AT_ONCE):
            chunk = slice(first, first + _AT_ONCE)
            ticks = time.ticks(changes.cycle[chunk]).tolist()
            for track, tick, value in zip(changes.track[chunk].tolist(), ticks, changes.value[chunk].tolist(), strict=True):
                writer.change(variables[track], tick, value)
            if progress is not None:
                progress(min(first + _AT_ONCE, changes.cycle.size), changes.cycle.size)
        writer.close(int(time.ticks(np.array(waveform.end))))


def estimate_waveform(timeline: Timeline, waveform: Waveform) -> int:
    """Bytes that `write_waveform` would write: head and timestamps are counted, the lines of changes sampled."""
    changes, time = waveform.changes, coarsest(timeline.clock_mhz)
    counter = _Counter()
    with _writer(timeline, waveform, counter) as writer:  # type: ignore[arg-type]  # it only writes
        variables = _variables(waveform, writer)
    stamps = np.unique(time.ticks(np.append(changes.cycle, waveform.end)))
    digits = 1 + np.floor(np.log10(np.maximum(stamps, 1))).astype(np.int64)
    sampled = min(changes.cycle.size, SAMPLED_CHANGES)
    rows = np.arange(sampled) * changes.cycle.size // max(sampled, 1)
    lines = sum(
        len(variables[track].format_value(value, False)) + 1
        for track, value in zip(changes.track[rows].tolist(), changes.value[rows].tolist(), strict=True)
    )
    return counter.bytes + int((digits + len("#\n")).sum()) + round(lines * changes.cycle.size / max(sampled, 1))


class _Counter:
    """A text file that only counts its bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, text: str) -> int:
        self.bytes += len(text)
        return len(text)

    def flush(self) -> None:
        """Nothing is buffered."""


def _writer(timeline: Timeline, waveform: Waveform, file: IO[str]) -> VCDWriter:
    program, time = timeline.program, coarsest(timeline.clock_mhz)
    stall = ", ".join(f"{number} {name}" for number, name in enumerate(STALLS))
    synthetic = "SYNTHETIC ACTIVITY: " if timeline.activity.synthetic is not None else ""
    about = f"{synthetic}{program.graph.name} on {program.chip.name}; {time}; stall: {stall}"
    scale = f"{time.magnitude} {time.unit}"
    begin = int(time.ticks(np.array(waveform.begin)))
    return VCDWriter(file, scale, date="", version="synaptile", comment=about, check_values=False, init_timestamp=begin)


def _variables(waveform: Waveform, writer: VCDWriter) -> list[Any]:
    return [writer.register_var(signal.scope, signal.name, "wire", size=signal.bits, init=0) for signal in waveform.signals]


def _level(selection: Selection, track: Int32, start: Int64, end: Int64, weight: Any) -> Changes:
    """`level` cut to the window."""
    low, high = selection.from_cycle, selection.to_cycle
    return level(track, np.clip(start, low, high), np.clip(end, low, high), weight)


def _binned(rows: Int32, edges: Int64, amount: Int64) -> Changes:
    closed = np.concatenate([amount, np.zeros((amount.shape[0], 1), np.int64)], axis=1)
    return without_repeats(np.repeat(rows.astype(np.int64), edges.size), np.tile(edges, amount.shape[0]), closed.reshape(-1))


def _numbered(changes: Changes, rows: Int32, first: int) -> Changes:
    """The changes of the given rows, their tracks numbered from `first`."""
    kept = np.isin(changes.track, rows)
    track = first + np.searchsorted(rows, changes.track[kept])
    return Changes(track, changes.cycle[kept], changes.value[kept])


def _waveform(signals: Sequence[Signal], parts: Sequence[Changes], selection: Selection) -> Waveform:
    track, cycle, value = (np.concatenate([getattr(part, name) for part in parts]) for name in ("track", "cycle", "value"))
    order = np.lexsort((track, cycle))
    changes = Changes(track[order], cycle[order], value[order])
    return Waveform(tuple(signals), changes, selection.from_cycle, selection.to_cycle)


def _core_scope(timeline: Timeline, core: int) -> tuple[str, ...]:
    tile = int(tile_of_cores(timeline.program)[core])
    return (f"tile_{tile_name(timeline.program, tile)}", f"{core_name(core)}_{core_kind(timeline.program, core)}")


def _bits(amount: Int64) -> int:
    return max(int(amount.max(initial=1)).bit_length(), 2)
