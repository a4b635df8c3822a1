"""Do the tables of a schedule show its figures, and are its figures drawn?"""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from synaptile.foundation.errors import InputError
from synaptile.foundation.options import WIDTH
from synaptile.report import (
    busiest_links_table,
    core_use_table,
    critical_path_table,
    merge_holds,
    schedule_figures,
    schedule_table,
)
from synaptile.report.page.schedule_view import schedule_summary
from synaptile.report.timeline_figures import core_use_figure, link_heat_map, timeline_figure
from synaptile.report.trace import Window, link_names
from synaptile.report.views.document import Sheet
from synaptile.simulator.schedule.timeline import Cause, Hold, LinkKind, Timeline
from tests.trace.timelines import timeline


def shown(table: Sheet) -> str:
    """The table as text, checked to fit and to be cut nowhere."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    text = str(console.file.getvalue())  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    return text


def test_the_schedule_shows_latency_throughput_and_what_limits_it() -> None:
    run = timeline(images=2)
    text = shown(schedule_table(run))
    for figure in (run.latency_cycles, *run.step_end_cycles[0].tolist(), run.makespan_cycles, run.bottleneck.busy_cycles):
        assert f"{figure:,}" in text
    assert run.bottleneck.name in " ".join(text.split())
    assert f"{run.images_per_second:,.1f} images/s" in text


def test_latency_counts_from_the_start_of_the_image_in_tables_and_in_json() -> None:
    run = timeline(images=2)
    late = replace(run, step_end_cycles=run.step_end_cycles + 1000, image_start_cycles=run.image_start_cycles + 1000)
    assert late.latency_cycles == run.latency_cycles
    assert schedule_figures(late)["latency_cycles"] == schedule_summary(late)["latency_cycles"] == run.latency_cycles
    assert schedule_figures(late)["latency_ms"] == run.milliseconds(run.latency_cycles)
    assert f"{run.latency_cycles:,} " in shown(schedule_table(late))


def test_core_use_splits_the_makespan() -> None:
    run = timeline()
    text = shown(core_use_table(run, 3))
    busiest = int(np.argmax(run.cores.busy))
    row = next(line for line in text.splitlines() if line.strip().startswith(f"core{busiest} "))
    for column in (run.cores.busy, run.cores.stalled_input, run.cores.stalled_network, run.cores.idle):
        assert f"{100 * column[busiest] / run.makespan_cycles:.1f} %" in row
    assert "mean of 17 synapse" in text and "mean of 4 ec" in text


def test_the_busiest_links_come_first() -> None:
    run = timeline()
    text = shown(busiest_links_table(run, 4))
    order = np.argsort(-run.links.busy_cycles, kind="stable")[:4]
    names = link_names(run)
    assert [line.split()[0] for line in text.splitlines() if "_to_" in line] == [names[link] for link in order]


def test_the_critical_path_adds_up_to_the_makespan() -> None:
    for synchronisation in ("dataflow", "barrier"):
        run = timeline(synchronisation=synchronisation)
        stretches = merge_holds(run.critical_path)
        assert sum(s.wait_cycles + s.run_cycles for s in stretches) == run.makespan_cycles
        assert sum(s.jobs for s in stretches) == len(run.critical_path)
        assert all(a.node != b.node or a.core != b.core for a, b in pairwise(stretches))
        text = shown(critical_path_table(run, 1000))
        assert f"{run.makespan_cycles:,} cycles" in text
        assert text.count("blocks.0.attn.qk ") == sum(s.node == "blocks.0.attn.qk" for s in stretches)
    assert "room at a receiver" in shown(critical_path_table(replace(run, critical_path=(HOLDS[1],))))


HOLDS = (
    Hold(0, 3, "a", -1, 0, 0, Cause.NOTHING, 0, 5),
    Hold(1, 3, "a", 2, 1, 0, Cause.OUTPUT, 4, 6),
    Hold(2, 4, "a", 2, 1, 0, Cause.CORE, 1, 1),
    Hold(3, 3, "a", 2, 1, 0, Cause.INPUT, 2, 1),
)


def test_holds_in_a_row_at_one_node_and_core_are_merged() -> None:
    merged = merge_holds(HOLDS)
    assert [(s.core, s.jobs, s.wait_cycles, s.run_cycles) for s in merged] == [(3, 2, 4, 11), (4, 1, 1, 1), (3, 1, 2, 1)]
    assert merged[0].tokens == (-1, 2) and merged[0].steps == (1, 2)
    assert merged[0].waits == {Cause.NOTHING: 0, Cause.OUTPUT: 4}
    assert "op.-2" in shown(critical_path_table(replace(timeline(), critical_path=HOLDS)))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [link_heat_map, timeline_figure, core_use_figure])
def test_figures_are_written_as_png_and_svg_and_repeat(tmp_path: Path, draw: object) -> None:
    assert callable(draw)
    png, svg = draw(timeline(), tmp_path / "figure")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.png", "figure.svg"]
    assert pixels(png).std() > 5 and svg.read_text().startswith("<?xml")
    assert draw(timeline(), tmp_path / "again")[1].read_bytes() == svg.read_bytes()


def test_a_busier_link_is_drawn_darker(tmp_path: Path) -> None:
    run = timeline()
    flat = np.where(run.links.kind == LinkKind.MESH, 1, run.makespan_cycles)
    pale, _ = link_heat_map(replace(run, links=replace(run.links, busy_cycles=flat)), tmp_path / "pale")
    dark, _ = link_heat_map(replace(run, links=replace(run.links, busy_cycles=0 * flat + run.makespan_cycles)), tmp_path / "dark")
    assert pixels(dark).mean() < pixels(pale).mean()


@pytest.mark.slow
@pytest.mark.parametrize("copies", [4, 4000])
def test_figures_hold_any_number_of_cores(tmp_path: Path, copies: int) -> None:
    run = with_cores(timeline(), copies)
    for draw in (timeline_figure, core_use_figure):
        png, _ = draw(run, tmp_path / "figure")
        assert pixels(png).std() > 5


def with_cores(run: Timeline, count: int) -> Timeline:
    """The timeline with its jobs dealt out to `count` cores, each busy as the first was."""
    program = run.program
    row = np.arange(count) % len(program.cores.kind)
    cores = replace(program.cores, **{name: column[row] for name, column in vars(program.cores).items()})
    cycles = replace(run.cores, **{name: column[row] for name, column in vars(run.cores).items()})
    dealt = np.sort(np.arange(len(run.jobs.part)) % count).astype(np.int32)
    return replace(run, program=replace(program, cores=cores), cores=cycles, jobs=replace(run.jobs, core=dealt))


def test_rows_and_groups_of_the_timeline_figure(tmp_path: Path) -> None:
    run = timeline()
    svg = timeline_figure(run, tmp_path / "layers", by="layer", rows="busiest", window=Window(steps=(1,)))[1].read_text()
    assert "<!-- blocks.0 -->" in svg and "busiest cores" in svg
    for options in ({"by": "colour"}, {"rows": "some"}):
        with pytest.raises(InputError):
            timeline_figure(run, tmp_path / "none", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "none.png").exists()
