"""A timeline as a Perfetto trace (protobuf), to be opened in ui.perfetto.dev.

Process = tile, thread = core, slice = job, flow = message from the sending to the receiving job; counters: ready jobs that
wait for the core, spikes sent so far. Process "NoC", one track per link: slice = passage of a message, counter = flits waiting.
Where weights are streamed, process "Phases": slices of weights that load, and of phases at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TracePacket, TrackEvent

from synaptile.foundation.types import Int32, Int64, Progress
from synaptile.mapper.board import tile_of_cores
from synaptile.report.trace.aggregate import SERIES, into_bins
from synaptile.report.trace.changes import Changes, level, running, without_repeats
from synaptile.report.trace.clock import TimeBase, nanoseconds
from synaptile.report.trace.conserve import job_totals
from synaptile.report.trace.names import core_kind, core_name, job_nodes, link_names, phases_shown, tile_name
from synaptile.report.trace.perfetto_read import sum_arguments
from synaptile.report.trace.sections import Section, estimate_sections, write_sections
from synaptile.report.trace.window import Selection
from synaptile.simulator.schedule.arrivals import arrivals_of
from synaptile.simulator.schedule.replay import handovers, selected_passages
from synaptile.simulator.schedule.timeline import OPERANDS, Cause, Timeline

_SEQUENCE = 1
_NEEDS_NAMES = TracePacket.SEQ_NEEDS_INCREMENTAL_STATE
_ARGUMENTS = (
    *("token", "step", "image", "operations", "spikes", "cause", "flits", "elements", "start_cycle", "end_cycle"),
    *("events", "rows_fetched"),
)
_ARGUMENT = {name: number for number, name in enumerate(_ARGUMENTS, 1)}
_OPERANDS_VALUE = len(Cause) + 1
"""Interned string of the token of an OPERANDS job; a cause's is its number plus 1."""

_PERCENT = 100.0


class _Tracks:
    """Numbers of the tracks: processes of tiles, threads of cores, tracks of links, and counters below them."""

    def __init__(self) -> None:
        self.trace = Trace()
        self.used = 0

    def add(self, parent: int = 0) -> tuple[int, Any]:
        """A new track below another: its number and its descriptor."""
        self.used += 1
        packet = self.trace.packet.add(trusted_packet_sequence_id=_SEQUENCE)
        packet.track_descriptor.uuid = self.used
        if parent:
            packet.track_descriptor.parent_uuid = parent
        return self.used, packet.track_descriptor

    def process(self, number: int, name: str) -> int:
        """A process, its number above 0."""
        track, descriptor = self.add()
        descriptor.process.pid, descriptor.process.process_name = number, name
        return track

    def thread(self, parent: int, process: int, number: int, name: str) -> int:
        """A thread of a process."""
        track, descriptor = self.add(parent)
        descriptor.thread.pid, descriptor.thread.tid, descriptor.thread.thread_name = process, number, name
        return track

    def named(self, parent: int, name: str) -> int:
        """A track for slices."""
        track, descriptor = self.add(parent)
        descriptor.name = name
        return track

    def counter(self, parent: int, name: str, unit: str) -> int:
        """A track for a counter."""
        track, descriptor = self.add(parent)
        descriptor.name, descriptor.counter.unit_name = name, unit
        return track


@dataclass(frozen=True)
class PerfettoTrace:
    """Sections of packets, one after another in a file."""

    timeline: Timeline
    sections: Sequence[Section]

    @classmethod
    def full(cls, timeline: Timeline, selection: Selection) -> Self:
        """Every job, message and passage."""
        return cls(timeline, _full_sections(timeline, selection))

    @classmethod
    def aggregate(cls, timeline: Timeline, selection: Selection) -> Self:
        """Counters in bins of time."""
        return cls(timeline, _aggregate_sections(timeline, selection))

    def estimate(self) -> int:
        """Bytes that `write` will write."""
        return estimate_sections(self.sections)

    def write(self, path: Path, progress: Progress | None) -> None:
        """Write to a file."""
        with path.open("wb") as file:
            write_sections(self.sections, file, progress)

    def totals(self, path: Path) -> dict[str, tuple[int, int]]:
        """What the slices of the file hold, and the timeline's jobs."""
        held = job_totals(self.timeline)
        return dict(zip(held, zip(sum_arguments(path, tuple(held)), held.values(), strict=True), strict=True))


def _full_sections(timeline: Timeline, selection: Selection) -> list[Section]:
    """Every job, message and passage of a selection, with counters of queues and spikes."""
    time = nanoseconds(timeline.clock_mhz)
    tracks = _Tracks()
    jobs, chosen = timeline.jobs, selection.jobs
    core = jobs.core[chosen]
    cores = _core_tracks(timeline, np.unique(core), tracks)
    ready = {core: tracks.counter(track, f"{core_name(core)} ready jobs", "jobs") for core, track in cores.items()}
    spikes = {core: tracks.counter(track, f"{core_name(core)} spikes sent", "spikes") for core, track in cores.items()}
    held = selected_passages(timeline, selection.messages, selection.links)
    links = _link_tracks(timeline, np.unique(held.link), tracks)
    names = link_names(timeline)
    queue = {link: tracks.counter(track, f"{names[link]} queue", "flits") for link, track in links.items()}
    waiting = level(core, jobs.ready_cycles[chosen], jobs.start_cycles[chosen])
    sent = running(core, jobs.end_cycles[chosen], jobs.spikes[chosen])
    flits = level(held.link, held.arrival_cycles, held.start_cycles, timeline.messages.flits[held.message])
    # At one timestamp a slice must end before the next begins: per track in time order, for the reader sorts stably.
    order = np.lexsort((held.start_cycles, held.link))
    phases = _phases(timeline, selection, tracks, time)
    return [
        _head(timeline, tracks, time),
        *phases,
        _jobs(timeline, selection, cores, time),
        _counters(waiting, ready, time),
        _counters(sent, spikes, time),
        _passages(timeline, [column[order] for column in vars(held).values()], links, time),
        _counters(flits, queue, time),
    ]


def _aggregate_sections(timeline: Timeline, selection: Selection) -> list[Section]:
    """Counters in bins of time: how busy and how stalled each core was, its operations and spikes, how busy each link."""
    time = nanoseconds(timeline.clock_mhz)
    tracks = _Tracks()
    cores = _core_tracks(timeline, selection.cores, tracks)
    bins = into_bins(timeline, selection)
    width = np.diff(bins.edges)
    sections = []
    for number, series in enumerate(SERIES):
        share = number < 3
        label = series.replace("_", " on ")
        unit = "%" if share else series
        own = {core: tracks.counter(track, f"{core_name(core)} {label}", unit) for core, track in cores.items()}
        amount = np.rint(_PERCENT * bins.cores[:, number] / width).astype(np.int64) if share else bins.cores[:, number]
        sections.append(_counters(_levels(selection.cores, bins.edges, amount), own, time))
    names = link_names(timeline)
    process = tracks.process(_network_process(timeline), "NoC") if selection.links.size else 0
    busy = {link: tracks.counter(process, f"{names[link]} busy", "%") for link in selection.links.tolist()}
    amount = np.rint(_PERCENT * bins.link_busy / width).astype(np.int64)
    sections.append(_counters(_levels(selection.links, bins.edges, amount), busy, time))
    sections += _phases(timeline, selection, tracks, time)
    return [_head(timeline, tracks, time), *sections]


def _levels(rows: Any, edges: Int64, amount: Int64) -> Changes:
    """Bins of rows as changes, back to 0 at the end."""
    closed = np.concatenate([amount, np.zeros((amount.shape[0], 1), np.int64)], axis=1)
    track = np.repeat(rows.astype(np.int64), edges.size)
    return without_repeats(track, np.tile(edges, amount.shape[0]), closed.reshape(-1))


def _core_tracks(timeline: Timeline, cores: Int32, tracks: _Tracks) -> dict[int, int]:
    """A thread for each of the cores, below the process of its tile; core number -> track."""
    program = timeline.program
    tile = tile_of_cores(program)
    # Process and thread 0 mean the idle task: numbers start at 1.
    own = cores.tolist()
    process = {at: tracks.process(at + 1, f"tile {tile_name(program, at)}") for at in sorted({int(tile[core]) for core in own})}
    threads = {}
    for core in own:
        at = int(tile[core])
        number = _network_process(timeline) + 1 + core
        name = f"{core_name(core)} {core_kind(program, core)}"
        threads[core] = tracks.thread(process[at], at + 1, number, name)
    return threads


def _network_process(timeline: Timeline) -> int:
    return int(tile_of_cores(timeline.program).max()) + 2


def _link_tracks(timeline: Timeline, links: Int32, tracks: _Tracks) -> dict[int, int]:
    if not links.size:
        return {}
    names = link_names(timeline)
    process = tracks.process(_network_process(timeline), "NoC")
    return {link: tracks.named(process, names[link]) for link in links.tolist()}


def _head(timeline: Timeline, tracks: _Tracks, time: TimeBase) -> Section:
    """Names that the other packets refer to by number, and the tracks."""
    trace = Trace()
    packet = trace.packet.add(trusted_packet_sequence_id=_SEQUENCE, sequence_flags=TracePacket.SEQ_INCREMENTAL_STATE_CLEARED)
    program = timeline.program
    for number, name in enumerate(program.node_names, 1):
        packet.interned_data.event_names.add(iid=number, name=name)
    for name, number in _ARGUMENT.items():
        packet.interned_data.debug_annotation_names.add(iid=number, name=name)
    for cause in Cause:
        packet.interned_data.debug_annotation_string_values.add(iid=cause + 1, str=cause.name.lower().encode())
    packet.interned_data.debug_annotation_string_values.add(iid=_OPERANDS_VALUE, str=b"operands")
    title = f"{program.graph.name} on {program.chip.name}: {timeline.makespan_cycles:,} cycles, {time}"
    track, descriptor = tracks.add()
    descriptor.name = "run"
    about = trace.packet.add(trusted_packet_sequence_id=_SEQUENCE, sequence_flags=_NEEDS_NAMES, timestamp=0)
    about.track_event.type, about.track_event.track_uuid, about.track_event.name = TrackEvent.TYPE_INSTANT, track, title
    for key, value in {**timeline.provenance, "notes": "; ".join(timeline.notes)}.items():
        about.track_event.debug_annotations.add(name=str(key), string_value=str(value))
    return Section(1, lambda rows: iter([tracks.trace.SerializeToString() + trace.SerializeToString()]))


def _jobs(timeline: Timeline, selection: Selection, tracks: dict[int, int], time: TimeBase) -> Section:
    jobs, arrived = timeline.jobs, arrivals_of(timeline)
    node = job_nodes(timeline)
    flows_out, flows_in = _flows(timeline, selection)
    cause = {int(cause): cause + 1 for cause in Cause}

    def encode(rows: Int64) -> Iterator[bytes]:
        trace = Trace()
        chosen = selection.jobs[rows]
        columns = (chosen, jobs.core[chosen], node[chosen], jobs.token[chosen], jobs.step[chosen], jobs.image[chosen])
        amounts = (jobs.operations[chosen], jobs.spikes[chosen], arrived.events[chosen], arrived.rows[chosen], jobs.cause[chosen])
        cycles = (jobs.start_cycles[chosen], jobs.end_cycles[chosen])
        times = (time.ticks(cycles[0]), time.ticks(cycles[1]))
        lists = (column.tolist() for column in (*columns, *amounts, *cycles, *times))
        for job, core, index, token, step, image, operations, spikes, events, fetched, why, *times_of in zip(*lists, strict=True):
            first, last, begin, end = times_of
            event = _slice(trace, tracks[core], begin, end, index + 1)
            note = event.debug_annotations.add
            if token == OPERANDS:
                note(name_iid=_ARGUMENT["token"], string_value_iid=_OPERANDS_VALUE)
            else:
                note(name_iid=_ARGUMENT["token"], int_value=token)
            note(name_iid=_ARGUMENT["step"], int_value=step + 1)
            note(name_iid=_ARGUMENT["image"], int_value=image)
            note(name_iid=_ARGUMENT["operations"], int_value=operations)
            note(name_iid=_ARGUMENT["spikes"], int_value=spikes)
            if events:
                note(name_iid=_ARGUMENT["events"], int_value=events)
            if fetched > 0:
                note(name_iid=_ARGUMENT["rows_fetched"], int_value=fetched)
            note(name_iid=_ARGUMENT["cause"], string_value_iid=cause[why])
            if not time.exact:
                note(name_iid=_ARGUMENT["start_cycle"], int_value=first)
                note(name_iid=_ARGUMENT["end_cycle"], int_value=last)
            event.flow_ids.extend(flows_out(job))
            event.terminating_flow_ids.extend(flows_in(job))
        yield trace.SerializeToString()

    return Section(selection.jobs.size, encode)


def _phases(timeline: Timeline, selection: Selection, tracks: _Tracks, time: TimeBase) -> list[Section]:
    """Slices of the phases of a chip that streams its weights: what loads, and what works."""
    table = phases_shown(timeline, selection.from_cycle, selection.to_cycle)
    if table is None:
        return []
    process = tracks.process(_network_process(timeline) + 1, "Phases")
    stretches = (
        (tracks.named(process, "weights in"), table.load_start_cycles, table.load_end_cycles, ("loaded_bits",)),
        (tracks.named(process, "at work"), table.start_cycles, table.end_cycles, ("first_image", "images", "moved_bits")),
    )

    def section(track: int, start: Int64, end: Int64, told: tuple[str, ...]) -> Section:
        def encode(rows: Int64) -> Iterator[bytes]:
            trace = Trace()
            begin, stop = time.ticks(start[rows]).tolist(), time.ticks(end[rows]).tolist()
            for row, first, last in zip(rows.tolist(), begin, stop, strict=True):
                event = _slice(trace, track, first, last, f"phase {table.phase[row] + 1}")
                for name in told:
                    event.debug_annotations.add(name=name, int_value=int(getattr(table, name)[row]))
            yield trace.SerializeToString()

        return Section(start.size, encode)

    return [section(*stretch) for stretch in stretches]


def _flows(timeline: Timeline, selection: Selection) -> tuple[Callable[[int], Any], Callable[[int], Any]]:
    """Functions that give the numbers of the arrows that leave a job and that reach it; both ends are in the selection."""
    found = handovers(timeline, selection.messages)
    shown = np.zeros(len(timeline.jobs.part), np.bool_)
    shown[selection.jobs] = True
    both = shown[found.source] & shown[found.target]

    def lookup(ends: Any) -> Callable[[int], Any]:
        order = np.argsort(ends, kind="stable")
        bounds = np.searchsorted(ends[order], np.arange(shown.size + 1))
        numbers = order + 1
        return lambda job: numbers[bounds[job] : bounds[job + 1]].tolist()

    return lookup(found.source[both]), lookup(found.target[both])


def _passages(timeline: Timeline, columns: list[Any], tracks: dict[int, int], time: TimeBase) -> Section:
    """Slices of messages on links, named for the sending node; `columns` are those of an Occupancy, by link and time."""
    message, link, _, start, end = columns
    node, jobs, table = job_nodes(timeline), timeline.jobs, timeline.messages

    def encode(rows: Int64) -> Iterator[bytes]:
        trace = Trace()
        sent = message[rows]
        job = table.job[sent]
        columns = (link[rows], node[job], jobs.token[job], jobs.step[job], table.flits[sent], table.elements[sent])
        lists = (column.tolist() for column in (*columns, time.ticks(start[rows]), time.ticks(end[rows])))
        for at, index, token, step, flits, elements, begin, stop in zip(*lists, strict=True):
            event = _slice(trace, tracks[at], begin, stop, index + 1)
            note = event.debug_annotations.add
            note(name_iid=_ARGUMENT["token"], int_value=token)
            note(name_iid=_ARGUMENT["step"], int_value=step + 1)
            note(name_iid=_ARGUMENT["flits"], int_value=flits)
            note(name_iid=_ARGUMENT["elements"], int_value=elements)
        yield trace.SerializeToString()

    return Section(message.size, encode)


def _slice(trace: Any, track: int, begin: int, end: int, name: int | str) -> Any:
    """Add a slice, its name interned or spelt out, and return its first event, to be annotated."""
    for timestamp, kind in ((begin, TrackEvent.TYPE_SLICE_BEGIN), (end, TrackEvent.TYPE_SLICE_END)):
        packet = trace.packet.add(timestamp=timestamp, trusted_packet_sequence_id=_SEQUENCE, sequence_flags=_NEEDS_NAMES)
        packet.track_event.type, packet.track_event.track_uuid = kind, track
        if kind == TrackEvent.TYPE_SLICE_BEGIN:
            event = packet.track_event
            if isinstance(name, str):
                event.name = name
            else:
                event.name_iid = name
    return event


def _counters(changes: Changes, tracks: dict[int, int], time: TimeBase) -> Section:
    """Values of counters; `tracks` maps the changes' tracks to those of the trace."""

    def encode(rows: Int64) -> Iterator[bytes]:
        trace = Trace()
        lists = (changes.track[rows].tolist(), time.ticks(changes.cycle[rows]).tolist(), changes.value[rows].tolist())
        for track, timestamp, value in zip(*lists, strict=True):
            packet = trace.packet.add(timestamp=timestamp, trusted_packet_sequence_id=_SEQUENCE, sequence_flags=_NEEDS_NAMES)
            event = packet.track_event
            event.type, event.track_uuid, event.counter_value = TrackEvent.TYPE_COUNTER, tracks[track], value
        yield trace.SerializeToString()

    return Section(changes.cycle.size, encode)
