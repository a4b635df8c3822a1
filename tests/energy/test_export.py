"""Do JSON, CSV and Markdown carry the same figures as the report?"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from synaptile.energy import ACCOUNTINGS, HOROWITZ, EnergyTable, price
from synaptile.hwmodels import load_chip
from synaptile.report import report_csv, report_json, write_report
from synaptile.report.numbers import energy_text, ratio_text
from synaptile.report.render.markdown import markdown
from synaptile.report.views.run import energy_document
from tests.energy.hand_made import STEPS, activity

CHIP = load_chip("ecmt45")


def test_json_csv_and_markdown_agree() -> None:
    report = price(activity(), CHIP)
    document = json.loads(report_json(report))
    rows = list(csv.DictReader(io.StringIO(report_csv(report))))
    text = markdown(energy_document(report))
    for accounting in ACCOUNTINGS:
        stored = document["accountings"][accounting]
        assert stored["ratio"] == report.ratios(accounting).tolist()
        ann = sum(float(r["energy_pj_per_image"]) for r in rows if r["accounting"] == accounting and r["side"] == "ann")
        assert ann == pytest.approx(stored["ann_pj"], rel=1e-12)
        for step in range(1, STEPS + 1):
            kept = [r for r in rows if r["accounting"] == accounting and r["side"] == "snn" and int(r["step"]) <= step]
            assert sum(float(r["energy_pj_per_image"]) for r in kept) == pytest.approx(stored["snn_pj"][step - 1], rel=1e-12)
        for ratio in stored["ratio"]:
            assert ratio_text(ratio) in text
    for rung in document["ladder"]:
        assert energy_text(rung["snn_pj"]) in text and energy_text(rung["ann_pj"]) in text
    for line in document["heaviest"]:
        assert f"{line['count']:,}" in text and line["source"] in text


def test_every_csv_line_is_count_times_price() -> None:
    for row in csv.DictReader(io.StringIO(report_csv(price(activity(), CHIP)))):
        energy = int(row["count"]) * float(row["pj_per_op"]) / int(row["images"])
        assert float(row["energy_pj_per_image"]) == pytest.approx(energy, rel=1e-12)
        assert row["source"]


def test_csv_has_one_line_a_node_role_op_and_step() -> None:
    keys = ("side", "accounting", "node", "role", "op", "step")
    rows = [tuple(row[key] for key in keys) for row in csv.DictReader(io.StringIO(report_csv(price(activity(), CHIP))))]
    assert len(rows) == len(set(rows))


def test_unpriced_figures_are_null_in_json_and_empty_in_csv() -> None:
    table = EnergyTable("no rsqrt", HOROWITZ.figures, {op: row for op, row in HOROWITZ.expansions.items() if op != "rsqrt"})
    report = price(activity(), CHIP, energy_table=table)
    document = json.loads(report_json(report))
    assert document["accountings"]["executed"]["ratio"] is None
    assert document["prices"]["rsqrt"]["pj"] is None
    assert [line["op"] for line in document["unpriced"]] == ["rsqrt"] * len(document["unpriced"])
    rows = [row for row in csv.DictReader(io.StringIO(report_csv(report))) if row["op"] == "rsqrt"]
    assert rows and all(row["energy_pj_per_image"] == "" and int(row["count"]) > 0 for row in rows)


def test_write_leaves_three_files_and_nothing_half_done(tmp_path: Path) -> None:
    report = price(activity(), CHIP)
    paths = write_report(report, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["energy.csv", "energy.json", "energy.md"]
    assert [path.read_text() for path in paths] == [report_json(report), report_csv(report), markdown(energy_document(report))]


@pytest.mark.parametrize(
    ("energy_pj", "text"),
    [(0.0, "0 pJ"), (12.5, "12.50 pJ"), (734e6, "734.0 uJ"), (999.99e6, "1.000 mJ"), (7.463503e9, "7.464 mJ"), (2e12, "2.000 J")],
)
def test_energies_read_in_the_unit_that_suits_them(energy_pj: float, text: str) -> None:
    assert energy_text(energy_pj) == text
