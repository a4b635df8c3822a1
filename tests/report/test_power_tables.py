"""Do all reports say what time, power, area and energy-delay product both sides have, and only where they are known?"""

from __future__ import annotations

import json

import pytest

from synaptile.energy import EnergyReport, price
from synaptile.energy.accountings import LADDER
from synaptile.hwmodels import load_chip
from synaptile.report.energy_files import report_json
from synaptile.report.page.overview import overview_document
from synaptile.report.render.markdown import markdown
from synaptile.report.views.power import power_tables
from synaptile.report.views.run import energy_document, run_document
from synaptile.simulator import schedule
from tests.energy.test_node_prices import mapped_run


@pytest.fixture(scope="module")
def report() -> EnergyReport:
    run = mapped_run()
    return price(run, load_chip("ecmt45-mini"), timeline=schedule(run))


def test_every_rung_has_power_and_products_of_both_sides(report: EnergyReport) -> None:
    times, power, products = power_tables(report)
    assert [row[0] for row in power.rows] == [row[0] for row in products.rows] == list(LADDER)
    assert all(str(cell).endswith("W") for row in power.rows for cell in row[1:3])
    assert all(str(cell).endswith("W/mm2") for row in power.rows for cell in row[3:])
    assert all(str(cell).endswith("Js") for row in products.rows for cell in row[3:5])
    rows = {row[0]: row[1:] for row in times.rows}
    assert rows["throughput"] == ("-", "-"), "one image alone has none"
    assert all(str(cell).endswith(" mm2") for cell in rows["area of all dies"])


def test_they_stand_in_every_report(report: EnergyReport) -> None:
    for document in (run_document(report), energy_document(report)):
        text = markdown(document)
        assert "Average power after 3 steps" in text and "Energy-delay product after 3 steps" in text and "W/mm2" in text
        assert "states no clock, idle or control energy" in text
    found = json.loads(report_json(report))["performance"]
    assert set(found["rungs"]) == set(LADDER) and found["ann"]["latency_s"] > 0 and found["area_mm2"] > 0
    snn, ann = report.efficiency("static")
    assert found["rungs"]["static"]["ann"]["edp_js"] == ann.edp_js and found["rungs"]["static"]["snn"]["power_w"] == snn.power_w
    page = overview_document(report, None, ann_accuracy=None, ann_logits=None)
    assert [len(sheets) for sheets in page["power"]] == [3] * report.steps and page["ann_latency_ms"] > 0


def test_without_a_schedule_there_is_none() -> None:
    bare = price(mapped_run(), load_chip("ecmt45-mini"))
    assert power_tables(bare) == () and json.loads(report_json(bare))["performance"] is None
    assert overview_document(bare, None, ann_accuracy=None, ann_logits=None)["power"] is None
