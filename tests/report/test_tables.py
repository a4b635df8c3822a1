"""Do the terminal tables show the report's figures, whole, in 100 columns?"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from synaptile.energy import HOROWITZ, EnergyReport, EnergyTable, price
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import WIDTH
from synaptile.hwmodels import load_chip
from synaptile.mapper.refusal import DoesNotFit, Shortfall
from synaptile.report import (
    accuracy_per_step,
    density_table,
    fullest_cores_table,
    group_table,
    heaviest_table,
    ladder_table,
    placement_table,
    run_document,
    table1,
    unpriced_table,
    utilisation_table,
)
from synaptile.report.numbers import energy_text, five, shown_steps
from synaptile.report.render.terminal import bar
from synaptile.report.views.document import Bar, Sheet
from synaptile.simulator.activity import Activity
from tests.energy.hand_made import activity

CHIP = load_chip("ecmt45")


@pytest.fixture(scope="module")
def report() -> EnergyReport:
    return price(activity(), CHIP)


def shown(table: Sheet | DoesNotFit) -> str:
    """The table as text, checked to fit and to be cut nowhere."""
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text
    return str(text)


def long_run(steps: int) -> Activity:
    """The hand-made run, its first step repeated."""
    run = activity()
    repeat = [0] * steps
    return replace(
        run,
        steps=steps,
        logits=run.logits[repeat],
        operations=replace(run.operations, count=run.operations.count[:, repeat]),
        accounting=replace(run.accounting, eq30=run.accounting.eq30[:, repeat], released=run.accounting.released[:, repeat]),
    )


def test_table_1_has_accuracy_and_three_ratios_a_step(report: EnergyReport) -> None:
    text = shown(table1(report, [1, 1], ann_accuracy=0.5))
    rows = {line[:16].strip(): line.split() for line in text.splitlines()}
    assert rows["Acc. (%)"][-4:] == ["50.00", "0.00", "50.00", "50.00"]
    for name in ("eq30", "released", "executed"):
        assert rows[f"ratio {name}"][-3:] == [f"{ratio:.3f}" for ratio in report.ratios(name)]


def test_table_1_fits_twelve_steps_and_more() -> None:
    for steps in (12, 40):
        text = shown(table1(price(long_run(steps), CHIP), [1, 1], ann_accuracy=1.0))
        assert f"T={steps}" in text and "T=1 " in text


def test_large_networks_fit_too() -> None:
    run = long_run(12)
    large = replace(
        run,
        operations=replace(run.operations, count=run.operations.count * 1_000_003),
        spikes={
            site: replace(record, neurons=9_999_999, events=record.events * 100_003, histogram=record.histogram * 100_003)
            for site, record in run.spikes.items()
        },
    )
    report = price(large, CHIP)
    for table in (
        ladder_table(report),
        group_table(report, "node"),
        heaviest_table(report),
        table1(report, [1, 1], ann_accuracy=1.0),
    ):
        shown(table)
    for table in (utilisation_table(report), fullest_cores_table(report), density_table(large)):
        shown(table)


def test_figures_keep_to_five_characters() -> None:
    assert [five(value, 2) for value in (0.17, 77.41, 100.0)] == ["0.17", "77.41", "100.0"]
    assert [five(value, 3) for value in (0.3749, 1.25, 9.9999, 12.504, 1234.5)] == ["0.375", "1.250", "10.00", "12.50", "1234"]


def test_accuracy_follows_the_mean_logits_of_each_step() -> None:
    assert accuracy_per_step(activity(), np.array([1, 2])).tolist() == [0.0, 1.0, 1.0]
    with pytest.raises(InputError, match="one label per image"):
        accuracy_per_step(activity(), [1, 2, 0])


def test_the_ladder_shows_both_sides(report: EnergyReport) -> None:
    text = shown(ladder_table(report, step=2))
    for rung in report.ladder(step=2):
        assert energy_text(rung.snn_pj) in text and energy_text(rung.ann_pj) in text
    assert "after 2 steps" in text


@pytest.mark.parametrize("key", ["kind", "layer", "node"])
def test_group_tables_name_every_group(report: EnergyReport, key: str) -> None:
    text = shown(group_table(report, key))
    for group in report.by(key):
        assert group.name in text and energy_text(group.ann_pj) in text


def test_the_heaviest_lines_open_up_to_count_price_and_source(report: EnergyReport) -> None:
    text = shown(heaviest_table(report))
    assert "43.2" in text and "75" in text
    assert "Horowitz" in text and "8 mac x 4.6" in text


def test_unpriced_operations_are_shown_wherever_their_total_would_be() -> None:
    table = EnergyTable("no exp", HOROWITZ.figures, {op: row for op, row in HOROWITZ.expansions.items() if op != "exp"})
    unpriced = price(activity(), CHIP, energy_table=table)
    assert "unpr." in shown(table1(unpriced))
    assert "unpriced" in shown(ladder_table(unpriced))
    assert "no exp has no fp32 figure" in " ".join(shown(unpriced_table(unpriced)).split())


def test_cores_are_summarised_and_the_fullest_listed(report: EnergyReport) -> None:
    summary = shown(utilisation_table(report))
    assert "synapse" in summary and "ec" in summary and "4,096" in summary
    fullest = shown(fullest_cores_table(report, 2))
    assert "2 synapse" in fullest and "3 ec" in fullest and "0 synapse" not in fullest


def test_density_counts_spikes_a_neuron_and_step() -> None:
    text = shown(density_table(activity()))
    row = next(line for line in text.splitlines() if line.strip().startswith("blocks.*.mlp.fc2.in"))
    # 5 tokens of 8 channels: 5 spikes a step of 40 neurons; half positive, half at the base threshold.
    assert "12.5 %" in row and "50.0 %" in row and "40" in row


def test_placement_stands_beside_its_baseline(report: EnergyReport) -> None:
    text = shown(placement_table(report.activity.program))
    assert "25.0 %" in text and "50.0 %" in text and "seed 0" in text


def test_what_does_not_fit_shows_the_gap_and_its_fixes() -> None:
    error = DoesNotFit(
        "vit_small", "tiny", (Shortfall("mesh.width", 900, 128, "cores", "blocks.3.mlp.fc1", ("raise mesh.max_chips", "int8")),)
    )
    text = shown(error)
    for part in ("mesh.width", "900", "128", "772", "7.03x", "blocks.3.mlp.fc1", "mesh.width: raise mesh.max_chips; or int8"):
        assert part in text


def test_the_whole_report_prints(report: EnergyReport) -> None:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(run_document(report, [1, 2]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH
    for title in ("Accuracy and energy ratio", "Energy ladder", "per kind", "heaviest", "fullest", "Spike density", "Placement"):
        assert title in text


def test_a_bar_fills_in_eighths_and_never_hides_a_little() -> None:
    assert bar(Bar(0.5, 4)).plain == "██  "
    assert bar(Bar(0.0, 4)).plain == "    "
    assert bar(Bar(0.0001, 4)).plain == "▏   "
    assert bar(Bar(7.0, 4)).plain == "████"


def test_long_runs_show_their_first_and_last_step() -> None:
    assert shown_steps(4) == (1, 2, 3, 4)
    assert shown_steps(100)[0] == 1 and shown_steps(100)[-1] == 100 and len(shown_steps(100)) == 12
