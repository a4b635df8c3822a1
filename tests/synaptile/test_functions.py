"""Does the study of function tables execute and bill each size? Is the row of software a plain run? What is refused?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synaptile.conversion.graph import load_graph
from synaptile.energy import price
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import load_chip, vary
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.simulator import execute
from synaptile.studies.functions import function_trade_off
from tests.synaptile.conftest import Command


@pytest.mark.slow
def test_every_row_is_a_run_of_its_own_chip(digits_graph: Path) -> None:
    graph, images = load_graph(digits_graph), digits("test", 12)
    chip = vary(load_chip("ecmt45-tables"), {"functions.erf.low": -0.5, "functions.erf.high": 0.5})
    found = function_trade_off(graph, chip, images, (4, 64), 3)
    software, coarse, fine = found.points
    plain = load_chip("ecmt45")
    alone = price(execute(map_graph(graph, plain), images.images, 3), plain).comparison("executed")
    assert (software.segments, software.outside, software.errors) == (None, 0, {})
    assert software.snn_pj == pytest.approx(alone.snn_pj[-1]) and software.ratio == pytest.approx(alone.ratios()[-1])
    tables = vary(chip, {f"functions.{name}.segments": 4 for name in chip.functions.tables})
    run = execute(map_graph(graph, tables), images.images, 3)
    own = price(run, tables).comparison("executed")
    assert coarse.snn_pj == pytest.approx(own.snn_pj[-1]) and coarse.outside == sum(map(sum, run.departures.values())) / 12 > 0
    assert all(coarse.errors[name] > fine.errors[name] > 0 for name in chip.functions.tables)
    assert fine.snn_pj < software.snn_pj and fine.ann_pj < software.ann_pj


@pytest.mark.slow
def test_the_command_prints_and_writes_table_and_figure(synaptile: Command, digits_graph: Path, tmp_path: Path) -> None:
    written = tmp_path / "functions"
    options = ("--images", "digits", "--limit", 4, "-T", 2, "--segments", "8, 32", "-o", written)
    done = synaptile("functions", digits_graph, *options)
    assert done.code == 0 and "software" in done.out and "ratio" in done.out
    assert {path.suffix for path in written.iterdir() if not path.name.startswith(".")} >= {".json", ".png"}
    (document,) = (json.loads(path.read_text(encoding="utf-8")) for path in written.glob("*.json"))
    assert [point["segments"] for point in document["points"]] == [None, 8, 32]


def test_what_cannot_be_is_refused(digits_graph: Path) -> None:
    graph, images = load_graph(digits_graph), digits("test", 1)
    with pytest.raises(InputError, match=r"'ecmt45' has no function tables .*: take ecmt45-tables"):
        function_trade_off(graph, load_chip("ecmt45"), images, (8,), 1)
    with pytest.raises(InputError, match="no number of segments"):
        function_trade_off(graph, load_chip("ecmt45-tables"), images, (), 1)
