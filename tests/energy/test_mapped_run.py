"""Does a run of the real mapper and simulator price without loss, and do its two ways of counting agree?"""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from synaptile.conversion.graph import Synapse
from synaptile.energy import EnergyReport, price
from synaptile.foundation.options import WIDTH
from synaptile.hwmodels import load_chip
from synaptile.mapper import map_graph
from synaptile.report import run_document
from synaptile.simulator import execute
from tests.graphs import vit_graph


@pytest.fixture(scope="module", params=["float32", "int8"])
def report(request: pytest.FixtureRequest) -> EnergyReport:
    chip = load_chip("ecmt45")
    network = vit_graph(2, 10, 16, 2, 32, 5)
    shape = network.nodes["image"].image_shape  # type: ignore[attr-defined]
    images = np.random.default_rng(0).standard_normal((3, *shape)).astype(np.float32)
    return price(execute(map_graph(network, chip, seed=0), images, 4, request.param), chip)


def test_synapse_rows_executed_are_the_accumulates_of_eq30(report: EnergyReport) -> None:
    # On a core that stores whole rows a spike fetches as many weights as the Linear has outputs.
    counted = dict(zip(report.activity.accounting.nodes, report.activity.accounting.eq30.sum(axis=2), strict=True))
    spiking = [n for n in report.activity.program.graph.nodes.values() if isinstance(n, Synapse) and n.spiking]
    for node in spiking:
        for step in range(1, report.steps + 1):
            issued = sum(line.count for line in report.lines(node=node.name, step=step) if line.op == "ac")
            assert issued == counted[node.name][step - 1] > 0


def test_special_functions_are_issued_and_priced(report: EnergyReport) -> None:
    counts = {line.op: line.count for line in report.heaviest(10_000)}
    assert {"exp", "erf", "rsqrt", "div"} <= set(counts)
    assert not report.unpriced


def test_ratios_grow_with_every_step_and_lie_above_the_published_counting(report: EnergyReport) -> None:
    for accounting in ("eq30", "released", "executed"):
        assert (np.diff(report.ratios(accounting)) > 0).all()
    assert report.ratio("released", step=1) > report.ratio("eq30", step=1), "three times the first term at the first step"


def test_each_step_evaluates_every_function_as_often_as_the_dense_pass(report: EnergyReport) -> None:
    images = report.activity.images
    for op in ("exp", "erf", "rsqrt", "div"):
        dense = sum(line.count for line in report.lines(side="ann") if line.op == op)
        for step in range(1, report.steps + 1):
            assert sum(line.count for line in report.lines(step=step) if line.op == op) == dense * images


def test_the_whole_report_of_a_mapped_run_prints(report: EnergyReport) -> None:
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None)
    console.print(run_document(report, [0, 1, 2]))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= WIDTH and "…" not in text
