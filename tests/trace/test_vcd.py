"""Does a waveform, read by parsers that are not the writer's, show the cores and links of the timeline?"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from synaptile.foundation.errors import ConservationError
from synaptile.report.trace import Window, link_names, write_trace
from synaptile.report.trace.aggregate import into_bins
from synaptile.report.trace.stalls import stalls
from synaptile.report.trace.vcd import VcdTrace
from synaptile.report.trace.window import Selection, select
from synaptile.simulator.schedule.replay import passages
from synaptile.simulator.schedule.timeline import Timeline
from tests.trace.timelines import timeline, with_clock

TICKS = 2
"""Nanoseconds of a cycle at 500 MHz."""


class Waveform:
    """A VCD file parsed line by line: values of each signal, by its full name, over the cycles of the run."""

    def __init__(self, text: str, cycles: int, ticks: int = TICKS) -> None:
        self.signals: dict[str, np.ndarray] = {}
        self.timescale = ""
        self.last = 0
        scopes: list[str] = []
        by_code: dict[str, str] = {}
        now = 0
        words = text.split("\n")
        for at, line in enumerate(words):
            part = line.split()
            match part:
                case ["$timescale", *rest]:
                    self.timescale = "".join(rest or words[at + 1].split()).removesuffix("$end")
                case ["$scope", _, name, "$end"]:
                    scopes.append(name)
                case ["$upscope", "$end"]:
                    scopes.pop()
                case ["$var", _, _, code, name, *_, "$end"]:
                    by_code[code] = ".".join([*scopes, name])
                    self.signals[by_code[code]] = np.zeros(cycles, np.int64)
                case [stamp] if stamp.startswith("#"):
                    now, between = divmod(int(stamp[1:]), ticks)
                    assert between == 0, "timestamps lie on cycles"
                    self.last = now
                case [value, code] if value.startswith("b"):
                    self.signals[by_code[code]][now:] = int(value[1:], 2)
                case [change] if change[0] in "01" and change[1:] in by_code:
                    self.signals[by_code[change[1:]]][now:] = int(change[0])
                case _:
                    pass


def compare(run: Timeline, shown: Waveform) -> None:
    """Every signal, cycle by cycle, with the timeline's tables."""
    program, jobs, cycles = run.program, run.jobs, np.arange(run.makespan_cycles)
    waited = stalls(run)
    (held,) = passages(run)
    kinds = np.array(["synapse", "ec"])[program.cores.kind]

    def covered(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        return np.asarray(((start[:, None] <= cycles) & (cycles < end[:, None])).sum(axis=0))

    for core, kind in enumerate(kinds):
        scope = f"tile_x{program.cores.x[core]}y{program.cores.y[core]}.core{core}_{kind}"
        own = jobs.core == core
        assert shown.signals[f"{scope}.busy"].tolist() == covered(jobs.start_cycles[own], jobs.end_cycles[own]).tolist()
        assert shown.signals[f"{scope}.queue"].tolist() == covered(jobs.ready_cycles[own], jobs.start_cycles[own]).tolist()
        stall = np.zeros(cycles.size, np.int64)
        for at in np.flatnonzero(waited.core == core):
            stall[waited.start_cycles[at] : waited.end_cycles[at]] = waited.kind[at]
        assert shown.signals[f"{scope}.stall"].tolist() == stall.tolist()
    for link, name in enumerate(link_names(run)):
        own = held.link == link
        assert shown.signals[f"noc.{name}.busy"].tolist() == covered(held.start_cycles[own], held.end_cycles[own]).tolist()


@pytest.mark.parametrize("synchronisation", ["dataflow", "barrier"])
def test_every_signal_follows_the_timeline(tmp_path: Path, synchronisation: str) -> None:
    run = timeline(synchronisation=synchronisation)
    path = write_trace(run, tmp_path / "run.vcd", "vcd")
    shown = Waveform(path.read_text(), run.makespan_cycles)
    assert shown.timescale == "1ns"
    assert len(shown.signals) == 3 * len(run.program.cores.kind) + len(run.links.kind)
    assert shown.last == run.makespan_cycles
    compare(run, shown)


@pytest.mark.skipif(shutil.which("vcd2fst") is None, reason="gtkwave's vcd2fst is not installed")
def test_gtkwave_reads_the_same_waveform(tmp_path: Path) -> None:
    run = timeline()
    path = write_trace(run, tmp_path / "run.vcd", "vcd")
    fst, back = tmp_path / "run.fst", tmp_path / "back.vcd"
    subprocess.run(["vcd2fst", str(path), str(fst)], check=True, capture_output=True, timeout=60)
    subprocess.run(["fst2vcd", "-f", str(fst), "-o", str(back)], check=True, capture_output=True, timeout=60)
    compare(run, Waveform(back.read_text(), run.makespan_cycles))


def test_a_window_starts_and_ends_in_time(tmp_path: Path) -> None:
    run = timeline()
    window = Window(cores=(7,), links=(), from_cycle=200, to_cycle=300)
    shown = Waveform(write_trace(run, tmp_path / "part.vcd", "vcd", window).read_text(), run.makespan_cycles)
    own = run.jobs.core == 7
    cycles = np.arange(200, 300)
    busy = ((run.jobs.start_cycles[own][:, None] <= cycles) & (cycles < run.jobs.end_cycles[own][:, None])).sum(axis=0)
    (name,) = (name for name in shown.signals if name.endswith(".busy"))
    assert shown.signals[name][200:300].tolist() == busy.tolist()
    assert shown.last == 300


def test_the_timescale_follows_the_clock(tmp_path: Path) -> None:
    run = with_clock(timeline(), 160.0)
    text = write_trace(run, tmp_path / "run.vcd", "vcd").read_text()
    assert "$timescale 10 ps $end" in text
    compare(run, Waveform(text, run.makespan_cycles, ticks=625))


def test_aggregate_signals_are_the_bins(tmp_path: Path) -> None:
    run = timeline()
    text = write_trace(run, tmp_path / "bins.vcd", "vcd", level="aggregate").read_text()
    shown = Waveform(text, run.makespan_cycles)
    bins = into_bins(run, select(run))
    for core, sums in enumerate(bins.cores):
        operations = next(
            values for name, values in shown.signals.items() if f".core{core}_" in name and name.endswith(".operations")
        )
        assert operations[bins.edges[:-1]].tolist() == sums[3].tolist()
        assert sums[3].sum() == run.jobs.operations[run.jobs.core == core].sum()
        assert sums[0].sum() == run.cores.busy[core]


def test_a_waveform_that_lacks_a_job_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, whole = timeline(), VcdTrace.full

    def forgetful(timeline: Timeline, selection: Selection) -> VcdTrace:
        longest = int(np.argmax(timeline.jobs.end_cycles - timeline.jobs.start_cycles))
        return whole(timeline, Selection(**{**vars(selection), "jobs": np.delete(selection.jobs, longest)}))

    monkeypatch.setattr(VcdTrace, "full", forgetful)
    with pytest.raises(ConservationError, match="busy cycles"):
        write_trace(run, tmp_path / "run.vcd", "vcd")
    assert not list(tmp_path.iterdir())
