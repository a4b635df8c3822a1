"""Does every output of a synthetic activity say that it is synthetic, and none claim an accuracy?"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import InputError
from synaptile.report import ratio_figure, report_csv, report_json, run_document, schedule_figures, schedule_table
from synaptile.report.comparison import Side, changes_table, compare_runs
from synaptile.report.equal import accuracy_per_step
from synaptile.report.figures import memory_map
from synaptile.report.page import page_text, write_comparison_page
from synaptile.report.render.markdown import markdown
from synaptile.report.timeline_figures import core_use_figure, link_heat_map, timeline_figure
from synaptile.report.trace import write_trace
from synaptile.report.views.run import energy_document
from synaptile.simulator import Timeline, schedule, synthesise
from tests.mapper.chips import small_chip
from tests.synthetic.drawn import small_program, small_run, structure_of

MARK = "SYNTHETIC"


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return schedule(synthesise(small_program(), 3, 0.3, images=2, keep_spikes=2))


@pytest.fixture(scope="module")
def bill(timeline: Timeline) -> EnergyReport:
    return price(timeline.activity, timeline.program.chip, timeline=timeline)


def printed(*things: object) -> str:
    text = io.StringIO()
    console = Console(file=text, width=100)
    for thing in things:
        console.print(thing)
    return text.getvalue()


def test_the_terminal(bill: EnergyReport, timeline: Timeline) -> None:
    text = io.StringIO()
    Console(file=text, width=100).print(run_document(bill))
    lines = text.getvalue().splitlines()
    assert MARK in lines[0] and "Acc. (%)" not in text.getvalue()
    assert f"{MARK} ACTIVITY, energy ratio of" in text.getvalue() and f"{MARK} spike density" in text.getvalue()
    assert MARK in printed(schedule_table(timeline))


def test_json_csv_and_markdown(bill: EnergyReport, timeline: Timeline) -> None:
    document = json.loads(report_json(bill))
    assert document["synthetic"] == timeline.activity.synthetic and MARK in document["notes"][0]
    assert {row["activity"] for row in csv.DictReader(io.StringIO(report_csv(bill)))} == {"synthetic"}
    assert MARK in markdown(energy_document(bill))
    assert MARK in schedule_figures(timeline)["notes"][0]


def test_the_page(bill: EnergyReport) -> None:
    page = page_text(bill)
    assert 'id="synthetic"' in page and page.index('id="synthetic"') < page.index('id="overview"')
    real = small_run(steps=3)
    assert 'id="synthetic"' not in page_text(price(real, real.program.chip))


def test_traces(timeline: Timeline, tmp_path: Path) -> None:
    write_trace(timeline, tmp_path / "t.vcd", "vcd")
    assert MARK in (tmp_path / "t.vcd").read_text()[:300]
    write_trace(timeline, tmp_path / "t.pftrace", "perfetto")
    assert MARK.encode() in (tmp_path / "t.pftrace").read_bytes()
    write_trace(timeline, tmp_path / "t", "parquet")
    for file in (tmp_path / "t").glob("*.parquet"):
        assert any(MARK.encode() in value for value in pq.read_schema(file).metadata.values()), file


def test_comparisons(bill: EnergyReport, tmp_path: Path) -> None:
    real = small_run(steps=3)
    executed = price(real, real.program.chip)
    for sides, told in (((bill, bill), "A and B"), ((executed, bill), "in B"), ((bill, executed), "in A")):
        sections = compare_runs(Side(sides[0]), Side(sides[1]))
        assert MARK in printed(changes_table(sections[0])) and told in sections[0].note
        write_comparison_page(sections, ("a", "b"), tmp_path / "c.html")
        assert MARK in (tmp_path / "c.html").read_text()
    assert not any(MARK in section.note for section in compare_runs(Side(executed), Side(executed)))


def figures(bill: EnergyReport, timeline: Timeline, folder: Path) -> Iterator[tuple[Path, Path]]:
    yield ratio_figure(bill, folder / "ratio")
    yield memory_map(bill, folder / "memory")
    for draw in (link_heat_map, timeline_figure, core_use_figure):
        yield draw(timeline, folder / draw.__name__)


@pytest.mark.slow
def test_figures(bill: EnergyReport, timeline: Timeline, tmp_path: Path) -> None:
    for _, svg in figures(bill, timeline, tmp_path):
        assert "<!-- SYNTHETIC ACTIVITY -->" in svg.read_text(), svg  # outlines, and the text in a comment
    real = small_run(steps=3)
    _, svg = ratio_figure(price(real, real.program.chip), tmp_path / "real")
    assert MARK not in svg.read_text()


def test_provenance_says_from_what_by_which_seed_and_under_which_assumptions(timeline: Timeline) -> None:
    told = timeline.provenance["synthetic"]
    assert isinstance(told, dict)
    assert told["seed"] == 0 and told["mean_density"] == pytest.approx(0.3) and len(told["assumptions"]) >= 3


def test_there_is_no_accuracy(timeline: Timeline) -> None:
    with pytest.raises(InputError, match="it has no logits, hence no accuracy"):
        accuracy_per_step(timeline.activity, np.zeros(2, np.int64))


def test_an_executed_run_is_none(timeline: Timeline) -> None:
    real = small_run(steps=3)
    assert real.synthetic is None and real.synthetic_notes == ()
    again = synthesise(structure_of(real.program.graph), 3, timeline.activity, chip=small_chip())
    assert "the run was synthetic itself" in again.synthetic_notes[0]
