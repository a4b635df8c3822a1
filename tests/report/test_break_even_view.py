"""Do the break-even table and figure show the model's figures and its caution, whole?"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from synaptile.energy import EnergyReport, break_even, price
from synaptile.foundation.options import WIDTH
from synaptile.hwmodels import load_chip, with_host_ec
from synaptile.mapper import map_graph
from synaptile.report import (
    break_even_figure,
    break_even_table,
    group_table,
    ladder_table,
    report_csv,
    report_json,
    run_document,
    split_table,
)
from synaptile.report.numbers import five
from synaptile.report.render.markdown import markdown
from synaptile.report.views.document import Sheet
from synaptile.report.views.run import energy_document
from synaptile.simulator import execute
from tests.energy.hand_timeline import board_chip, hand_timeline, mapped_run, no_arrivals  # noqa: F401  # a fixture of all tests here
from tests.graphs import vit_graph


@pytest.fixture(scope="module")
def report() -> EnergyReport:
    return price(mapped_run(), board_chip(), timeline=hand_timeline(mapped_run()))


def shown(sheet: Sheet) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(sheet)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH and "…" not in text
    return str(text)


def test_the_table_shows_ratios_the_run_and_the_caution(report: EnergyReport) -> None:
    text = shown(break_even_table(report, "memory", reuses=(1, 16)))
    ratio = break_even(report, "memory", rates=[0.2], reuses=[16]).ratio[0, 0]
    assert five(ratio, 3) in text
    assert f"{report.ratio('memory'):.3f}" in text and "6.4 %" in text and "45 %" in text


@pytest.mark.slow
def test_the_figure_has_a_panel_a_rung(report: EnergyReport, tmp_path: Path) -> None:
    png, svg = break_even_figure(report, tmp_path / "a")
    pixels = np.asarray(Image.open(png).convert("L"))
    assert pixels.shape[1] > 1500 and pixels.std() > 5
    assert svg.read_text().count("this run") >= 1


def test_every_rung_stands_in_the_ladder_with_what_it_needs(report: EnergyReport) -> None:
    text = shown(ladder_table(report))
    assert all(rung.name in text for rung in report.ladder()) and "static" in text
    assert "needs a schedule" in shown(ladder_table(price(mapped_run(), board_chip())))


@pytest.mark.parametrize("key", ["rung", "node", "core", "step", "link"])
def test_splits_fit_the_terminal(report: EnergyReport, key: str) -> None:
    text = shown(split_table(report, key))
    assert report.split(key)[0].name in text or key in ("node", "core", "link")


def test_groups_of_the_last_rung_name_the_chip(report: EnergyReport) -> None:
    assert "(chip)" in shown(group_table(report, "kind", accounting="static"))


def test_exports_hold_every_rung(report: EnergyReport) -> None:
    page, csv, json = markdown(energy_document(report)), report_csv(report), report_json(report)
    for text in (page, csv, json):
        assert all(name in text for name in ("memory", "noc", "static", "weight access", "flit hop", "router leakage"))
    assert '"link"' in json


def test_the_whole_report_prints_with_all_rungs(report: EnergyReport) -> None:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(run_document(report))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH and "…" not in text
    assert "rung static" in text or "accounting static" in text


def test_a_host_ec_unit_is_flagged_in_the_report() -> None:
    chip = with_host_ec(load_chip("loihi2"))
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=4)
    shape = graph.nodes["image"].image_shape  # type: ignore[attr-defined]
    images = np.zeros((1, *shape), np.float32)
    run = execute(map_graph(graph, chip, anneal_moves=10), images, 1, "int8")
    assert any("VIRTUAL HOST EC UNIT" in note for note in price(run, chip).notes)
