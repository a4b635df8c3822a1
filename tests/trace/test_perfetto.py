"""Does a Perfetto file, read back packet by packet, say what the timeline says?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

from synaptile.foundation.errors import ConservationError, FileFormatError
from synaptile.report.trace import Window, link_names, write_trace
from synaptile.report.trace.aggregate import into_bins
from synaptile.report.trace.names import job_nodes
from synaptile.report.trace.perfetto import PerfettoTrace
from synaptile.report.trace.perfetto_read import packets, sum_arguments
from synaptile.report.trace.window import Selection, select
from synaptile.simulator.schedule.replay import handovers, passages
from synaptile.simulator.schedule.timeline import OPERANDS, Cause, Timeline
from tests.trace.timelines import timeline, with_clock, with_jobs


@dataclass
class Contents:
    """A trace file as plain tables: slices (track, name, begin, end, arguments), counters by track, flow ids by slice."""

    tracks: dict[int, Any] = field(default_factory=dict)
    slices: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    def thread_of(self, core: int) -> int:
        """Track of a core's thread."""
        return next(t for t, d in self.tracks.items() if d.thread.thread_name.startswith(f"core{core} "))


def read(path: Path) -> Contents:
    found = Contents()
    names: dict[str, dict[int, Any]] = {"event": {}, "argument": {}, "string": {}}
    open_slices: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for packet in Trace.FromString(path.read_bytes()).packet:
        names["event"] |= {entry.iid: entry.name for entry in packet.interned_data.event_names}
        names["argument"] |= {entry.iid: entry.name for entry in packet.interned_data.debug_annotation_names}
        names["string"] |= {entry.iid: entry.str.decode() for entry in packet.interned_data.debug_annotation_string_values}
        if packet.HasField("track_descriptor"):
            found.tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        event = packet.track_event
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            arguments = {
                names["argument"][a.name_iid]: names["string"][a.string_value_iid] if a.string_value_iid else a.int_value
                for a in event.debug_annotations
            }
            begun = {"track": event.track_uuid, "name": names["event"][event.name_iid], "begin": packet.timestamp, **arguments}
            begun |= {"out": list(event.flow_ids), "in": list(event.terminating_flow_ids)}
            open_slices[event.track_uuid].append(begun)
        elif event.type == TrackEvent.TYPE_SLICE_END:
            ended = open_slices[event.track_uuid].pop()
            found.slices.append(ended | {"end": packet.timestamp})
        elif event.type == TrackEvent.TYPE_COUNTER:
            found.counters[found.tracks[event.track_uuid].name].append((packet.timestamp, event.counter_value))
    assert not any(open_slices.values()), "every slice that begins ends"
    return found


@pytest.fixture(scope="module")
def run() -> Timeline:
    return timeline(images=2)


@pytest.fixture(scope="module")
def contents(run: Timeline, tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return read(write_trace(run, tmp_path_factory.mktemp("perfetto") / "run.pftrace"))


def test_every_job_is_a_slice_of_its_core(run: Timeline, contents: Contents) -> None:
    jobs = run.jobs
    names = [run.program.node_names[node] for node in job_nodes(run)]
    for core in range(len(run.program.cores.kind)):
        track = contents.thread_of(core)
        shown = [
            (s["name"], s["begin"], s["end"], s["token"], s["step"], s["image"], s["operations"], s["spikes"], s["cause"])
            for s in contents.slices
            if s["track"] == track
        ]
        expected = [
            (
                names[job],
                2 * jobs.start_cycles[job],
                2 * jobs.end_cycles[job],
                "operands" if jobs.token[job] == OPERANDS else jobs.token[job],
                jobs.step[job] + 1,
                jobs.image[job],
                jobs.operations[job],
                jobs.spikes[job],
                Cause(jobs.cause[job]).name.lower(),
            )
            for job in np.flatnonzero(jobs.core == core)
        ]
        assert shown == expected


def test_processes_are_tiles_and_threads_are_cores(run: Timeline, contents: Contents) -> None:
    cores = run.program.cores
    threads = [d for d in contents.tracks.values() if d.thread.thread_name]
    assert len(threads) == len(cores.kind)
    for thread in threads:
        core = int(thread.thread.thread_name.split()[0].removeprefix("core"))
        process = contents.tracks[thread.parent_uuid]
        assert process.process.process_name == f"tile x{cores.x[core]}y{cores.y[core]}"
        assert process.process.pid == thread.thread.pid
    assert len({thread.thread.tid for thread in threads}) == len(threads)


def test_messages_are_flows_from_the_sending_to_the_receiving_job(run: Timeline, contents: Contents) -> None:
    # Slices of cores stand in the file in the order of the job table.
    slices = [s for s in contents.slices if "operations" in s]
    leaves = {flow: job for job, s in enumerate(slices) for flow in s["out"]}
    reaches = {flow: job for job, s in enumerate(slices) for flow in s["in"]}
    found = handovers(run, np.arange(len(run.messages.job)))
    expected = sorted(zip(found.source.tolist(), found.target.tolist(), strict=True))
    assert leaves.keys() == reaches.keys()
    assert sorted((leaves[flow], reaches[flow]) for flow in leaves) == expected


def test_every_passage_is_a_slice_of_its_link(run: Timeline, contents: Contents) -> None:
    names = link_names(run)
    shown = sorted((contents.tracks[s["track"]].name, s["begin"], s["end"], s["flits"]) for s in contents.slices if "flits" in s)
    (found,) = passages(run)
    columns = (found.link, found.start_cycles, found.end_cycles, run.messages.flits[found.message])
    assert shown == sorted((names[link], 2 * start, 2 * end, flits) for link, start, end, flits in zip(*columns, strict=True))


def test_counters_show_ready_jobs_and_spikes(run: Timeline, contents: Contents) -> None:
    jobs = run.jobs
    for core in range(len(run.program.cores.kind)):
        own = jobs.core == core
        values = contents.counters.get(f"core{core} ready jobs", [])
        for timestamp, value in values:
            cycle = timestamp // 2
            assert value == np.count_nonzero(own & (jobs.ready_cycles <= cycle) & (cycle < jobs.start_cycles))
        assert not values or values[-1][1] == 0
        sent = contents.counters.get(f"core{core} spikes sent", [(0, 0)])
        assert sent[-1][1] == jobs.spikes[own].sum()


def test_a_window_shows_its_part_alone(run: Timeline, tmp_path: Path) -> None:
    shown = read(write_trace(run, tmp_path / "part.pftrace", window=Window(cores=(7, 8), links=(), steps=(1,))))
    chosen = np.isin(run.jobs.core, (7, 8)) & (run.jobs.step == 0)
    assert len(shown.slices) == chosen.sum()
    assert sum(s["operations"] for s in shown.slices) == run.jobs.operations[chosen].sum()
    assert len([d for d in shown.tracks.values() if d.thread.thread_name]) == 2


def test_a_clock_off_the_nanosecond_keeps_cycles_as_arguments(tmp_path: Path) -> None:
    run = with_clock(timeline(), 300.0)
    slices = [s for s in read(write_trace(run, tmp_path / "run.pftrace")).slices if "operations" in s]
    assert [s["start_cycle"] for s in slices] == run.jobs.start_cycles.tolist()
    assert [s["end"] for s in slices] == (run.jobs.end_cycles * 10 // 3).tolist()


def test_aggregate_counters_are_the_bins(run: Timeline, tmp_path: Path) -> None:
    shown = read(write_trace(run, tmp_path / "bins.pftrace", level="aggregate"))
    assert not shown.slices
    bins = into_bins(run, select(run))
    values = dict(shown.counters["core7 operations"])
    now, total = 0, 0
    for edge in bins.edges[:-1].tolist():
        now = values.get(2 * edge, now)
        total += now
    assert total == run.jobs.operations[run.jobs.core == 7].sum()
    assert max(value for _, value in shown.counters["core7 busy"]) == 100


@pytest.mark.parametrize("column", ["operations", "spikes"])
def test_a_job_that_counts_one_too_many_is_an_error(run: Timeline, tmp_path: Path, column: str) -> None:
    planted = getattr(run.jobs, column).copy()
    planted[5] += 1
    with pytest.raises(ConservationError, match=column):
        write_trace(with_jobs(run, **{column: planted}), tmp_path / "run.pftrace")
    assert not list(tmp_path.iterdir())


def test_a_trace_that_lacks_a_job_is_an_error(run: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = PerfettoTrace.full

    def forgetful(timeline: Timeline, selection: Selection) -> PerfettoTrace:
        busiest = int(np.argmax(timeline.jobs.operations))
        fewer = Selection(**{**vars(selection), "jobs": np.delete(selection.jobs, busiest)})
        return whole(timeline, fewer)

    monkeypatch.setattr(PerfettoTrace, "full", forgetful)
    with pytest.raises(ConservationError, match="operations, the timeline"):
        write_trace(run, tmp_path / "run.pftrace")
    assert not list(tmp_path.iterdir())


def test_a_file_is_read_back_in_pieces(run: Timeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_trace(run, tmp_path / "run.pftrace")
    expected = (int(run.jobs.operations.sum()), int(run.jobs.spikes.sum()))
    for size in (7, 1000):
        monkeypatch.setattr("synaptile.report.trace.perfetto_read._AT_ONCE", size)
        assert sum_arguments(path, ("operations", "spikes")) == expected
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FileFormatError, match="cut short"):
        list(packets(path))
    path.write_bytes(b"not a trace")
    with pytest.raises(FileFormatError, match="no Perfetto trace"):
        list(packets(path))
