"""Do traces show the phases of a chip that streams its weights, cycle for cycle and bit for bit?"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import TrackEvent

from synaptile.energy import price
from synaptile.report.trace import Window, write_trace
from synaptile.report.trace.parquet import ParquetTrace, read_tables
from synaptile.report.trace.perfetto_read import packets
from synaptile.report.trace.vcd import full_waveform
from synaptile.report.trace.window import select
from synaptile.simulator import schedule
from synaptile.simulator.schedule.timeline import PhaseTable, Timeline
from tests.energy.test_dataflow import machine, run
from tests.schedule.test_phases import phased

TICKS = 10
"""Nanoseconds of a cycle at 100 MHz."""


@lru_cache
def streamed() -> tuple[Timeline, PhaseTable]:
    timeline = phased()
    assert timeline.phases is not None
    return timeline, timeline.phases


def slices(path: Path) -> dict[str, list[tuple[str, int, int, dict[str, int]]]]:
    """Slices of the tracks below the process of phases: name, first and last nanosecond, arguments."""
    tracks: dict[int, str] = {}
    found: dict[str, list[tuple[str, int, int, dict[str, int]]]] = {}
    process = 0
    begun: dict[int, tuple[str, int, dict[str, int]]] = {}
    for packet in packets(path):
        told, event = packet.track_descriptor, packet.track_event
        if told.process.process_name == "Phases":
            process = told.uuid
        elif process and told.parent_uuid == process:
            tracks[told.uuid] = told.name
        if event.track_uuid in tracks and event.type == TrackEvent.TYPE_SLICE_BEGIN:
            begun[event.track_uuid] = (event.name, packet.timestamp, {a.name: a.int_value for a in event.debug_annotations})
        elif event.track_uuid in tracks and event.type == TrackEvent.TYPE_SLICE_END:
            name, start, arguments = begun.pop(event.track_uuid)
            found.setdefault(tracks[event.track_uuid], []).append((name, start, packet.timestamp, arguments))
    return found


@pytest.mark.parametrize("level", ["full", "aggregate"])
def test_a_perfetto_trace_has_a_slice_for_each_load_and_each_phase(level: Any, tmp_path: Path) -> None:
    timeline, phases = streamed()
    found = slices(write_trace(timeline, tmp_path / "trace", level=level))
    names = [f"phase {phase + 1}" for phase in phases.phase.tolist()]
    loads, work = found["weights in"], found["at work"]
    assert [one[:3] for one in loads] == [
        (name, TICKS * start, TICKS * end)
        for name, start, end in zip(names, phases.load_start_cycles.tolist(), phases.load_end_cycles.tolist(), strict=True)
    ]
    assert [one[:3] for one in work] == [
        (name, TICKS * start, TICKS * end)
        for name, start, end in zip(names, phases.start_cycles.tolist(), phases.end_cycles.tolist(), strict=True)
    ]
    assert [one[3]["loaded_bits"] for one in loads] == phases.loaded_bits.tolist()
    assert [one[3]["moved_bits"] for one in work] == phases.moved_bits.tolist()


def test_a_waveform_says_at_every_cycle_which_phase_works_and_which_loads() -> None:
    timeline, phases = streamed()
    waveform = full_waveform(timeline, select(timeline))
    for name, start, end in (
        ("working", phases.start_cycles, phases.end_cycles),
        ("loading", phases.load_start_cycles, phases.load_end_cycles),
    ):
        (number,) = (at for at, signal in enumerate(waveform.signals) if (signal.scope, signal.name) == (("phases",), name))
        own = waveform.changes.track == number
        shown = np.zeros(timeline.makespan_cycles, np.int64)
        for cycle, value in zip(waveform.changes.cycle[own].tolist(), waveform.changes.value[own].tolist(), strict=True):
            shown[cycle:] = value
        expected = np.zeros_like(shown)
        for phase, first, last in zip(phases.phase.tolist(), start.tolist(), end.tolist(), strict=True):
            expected[first:last] = phase + 1
        assert np.array_equal(shown, expected)


def test_a_folder_of_tables_and_the_timeline_have_the_same_phases(tmp_path: Path) -> None:
    timeline, phases = streamed()
    table = read_tables(write_trace(timeline, tmp_path / "all", "parquet"))["phases"].to_table()
    own = timeline.to_arrow("phases")
    for name in vars(phases):
        assert table[name].to_pylist() == [value + (name == "phase") for value in own[name].to_pylist()]
    start, end = int(phases.start_cycles[1]), int(phases.end_cycles[1])
    window = Window(from_cycle=start, to_cycle=end)
    cut = read_tables(write_trace(timeline, tmp_path / "cut", "parquet", window))["phases"].to_table()
    assert 0 < cut.num_rows < table.num_rows and 2 in cut["phase"].to_pylist()


def test_row_fetches_of_a_trace_are_those_that_are_priced(tmp_path: Path) -> None:
    chip = machine(block=2, batch=3)
    activity = run(chip)
    timeline = schedule(activity, images=activity.images)
    table = read_tables(write_trace(timeline, tmp_path / "all", "parquet"))["fetches"].to_table()
    bill = price(activity, chip).additions["memory"].snn.merged_over_cores()
    accesses = {
        (line.node, line.step): line.count for step in (1, 2, 3) for line in bill.lines(step=step) if line.role == "weight rows"
    }
    found: dict[tuple[str, int | None], int] = {}
    for part, node, step, rows in zip(*(table[name].to_pylist() for name in ("part", "node", "step", "rows")), strict=True):
        parts = activity.program.parts
        outputs = int(parts.out_stop[part] - parts.out_start[part])
        found[node, step] = found.get((node, step), 0) + rows * -(-outputs * chip.synapse_core.weight_bits // 64)
    for key, count in accesses.items():
        if key[0] in activity.fetches:
            assert found[key] == count, key
    lost = {name: replace(fetched, rows=fetched.rows + 1) for name, fetched in activity.fetches.items()}
    trace = ParquetTrace.full(timeline, select(timeline))
    other = replace(trace, timeline=replace(timeline, activity=replace(activity, fetches=lost)))
    written, held = other.totals(tmp_path / "all")["rows fetched"]
    assert written != held, "a trace that lost fetches is found out"
