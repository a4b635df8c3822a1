"""Do the tables of memories and phases fit, and say what the report and the schedule hold?"""

from __future__ import annotations

import io
from functools import lru_cache

from rich.console import Console

from synaptile.energy import EnergyReport, price
from synaptile.foundation.options import WIDTH
from synaptile.mapper.program import CoreKind
from synaptile.report import best_table, core_use_table, critical_path_table, levels_table, phases_table, schedule_figures
from synaptile.report.numbers import bytes_text, ratio_text
from synaptile.report.views.document import Sheet
from synaptile.report.views.timeline import timeline_document
from tests.energy.test_best_block import with_words
from tests.energy.test_dataflow import machine, run
from tests.schedule.test_phases import phased


@lru_cache
def streamed() -> EnergyReport:
    timeline = phased()
    return price(timeline.activity, timeline.program.chip, timeline=timeline)


def shown(sheet: Sheet | None) -> str:
    assert sheet is not None
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(sheet)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH and "…" not in text
    return str(text)


def test_same_dataflow_and_each_sides_best_stand_side_by_side() -> None:
    chip = with_words(machine(block=2, batch=1))
    report = price(run(chip), chip)
    text = shown(best_table(report))
    for rung in report.best_ladder():
        assert ratio_text(rung.ratio) in text and ratio_text(report.ratio(rung.name)) in text
    assert "ANN: 5 of up to 5 on synapse cores, 5 of up to 5 on EC cores" in text
    assert "SNN: 5 of up to 5" in text


def test_levels_name_what_is_streamed() -> None:
    text = shown(levels_table(streamed()))
    assert "DRAM" in text and "Streamed: " in text and "once for each image" in text


def test_phases_are_listed_the_longest_where_there_are_many() -> None:
    timeline = streamed().timeline
    assert timeline is not None and timeline.phases is not None
    count = timeline.phases.phase.size
    sheet, longest = phases_table(timeline), phases_table(timeline, 3)
    assert sheet is not None and longest is not None and (len(sheet.rows), len(longest.rows)) == (count, 3)
    text = shown(longest)
    assert f"The longest 3 of {count} phases" in text
    took = timeline.phases.end_cycles - timeline.phases.start_cycles
    at = int(took.argmax())
    assert bytes_text(int(timeline.phases.loaded_bits[at]) / 8) in text
    assert any(one.title == sheet.title for one in timeline_document(timeline).sheets)
    assert "its phase" in shown(critical_path_table(timeline))
    assert [row["phase"] for row in schedule_figures(timeline)["phases"]] == (timeline.phases.phase + 1).tolist()


def test_cores_of_several_phases_are_seats_that_idle_between_them() -> None:
    timeline = streamed().timeline
    assert timeline is not None
    text = shown(core_use_table(timeline))
    for kind in CoreKind:
        assert f"mean of {timeline.program.seats(kind)} {kind.name.lower()}" in text


def test_a_chip_that_holds_all_has_no_phases() -> None:
    chip = machine()
    activity = run(chip)
    assert shown(levels_table(price(activity, chip))).count("Resident: ") == 1
