"""Does every rung of a chip at 28 and at 7 nm differ from that at 45 nm, each price by the factor that its source says?"""

from __future__ import annotations

from functools import cache
from math import log

import numpy as np
import pytest

from synaptile.energy import EnergyReport, price
from synaptile.energy.accountings import LADDER
from synaptile.energy.prices import HOROWITZ, at_node
from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.hwmodels.sram_table import sram_figures
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, execute, schedule
from tests.graphs import vit_graph

ENERGY_45 = 1.103 * 0.81 - 0.362 * 0.9 + 0.2767
SHARE = log(28 / 20) / log(32 / 20)
ENERGY_20, ENERGY_32 = 0.373 * 0.81 - 0.1582 * 0.9 + 0.04104, 0.9559 * 0.81 - 0.7823 * 0.9 + 0.471
LOGIC = {
    28: ENERGY_20 * (ENERGY_32 / ENERGY_20) ** SHARE / ENERGY_45,
    7: (0.1776 * 0.49 - 0.09097 * 0.7 + 0.02447) / ENERGY_45,
}
"""By hand from the printed polynomials, 0.9 V to 0.9 V and to 0.7 V."""


@cache
def mapped_run() -> Activity:
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=4)
    program = map_graph(graph, "ecmt45-mini", seed=0, anneal_moves=10)
    shape = graph.nodes["image"].image_shape  # type: ignore[attr-defined]
    return execute(program, 0.3 * np.random.default_rng(0).standard_normal((1, *shape)).astype(np.float32), 3)


def report(chip: Chip) -> EnergyReport:
    run = mapped_run()
    return price(run, chip, timeline=schedule(run, chip, images=1))


@pytest.fixture(scope="module")
def at_45_nm() -> EnergyReport:
    return report(load_chip("ecmt45-mini"))


@pytest.mark.parametrize(("process_nm", "voltage_v"), [(28, 0.9), (7, 0.7)])
def test_every_rung_moves_and_says_by_how_much(at_45_nm: EnergyReport, process_nm: int, voltage_v: float) -> None:
    moved = report(vary(load_chip("ecmt45-mini"), {"process_nm": process_nm, "voltage_v": voltage_v}))
    by = LOGIC[process_nm]
    for name in LADDER:
        assert moved.rung(name).snn_pj < at_45_nm.rung(name).snn_pj and moved.rung(name).ann_pj < at_45_nm.rung(name).ann_pj
    for name in ("eq30", "released", "executed"):
        assert moved.ratio(name) == pytest.approx(at_45_nm.ratio(name)), "all arithmetic moves alike"
        assert moved.comparison(name).snn_pj[-1] == pytest.approx(by * at_45_nm.comparison(name).snn_pj[-1])
    assert moved.prices["mac"].pj == pytest.approx(4.6 * by) and moved.prices["erf"].pj == pytest.approx(101.2 * by, rel=1e-6)
    assert f"x {by:.4g} from 45 nm, 0.9 V to {process_nm} nm, {voltage_v:g} V" in moved.prices["mac"].source
    assert "Stillmaker and Baas" in moved.prices["mac"].source and "Horowitz" in moved.prices["mac"].source
    for rung in ("memory", "noc", "static"):
        for op, one in moved.additions[rung].snn.prices.items():
            before = at_45_nm.additions[rung].snn.prices[op]
            if op == "dram access":
                assert one == before, "outside the chip"
            else:
                assert one.pj != before.pj and f"to {process_nm} nm" in one.source, op
    assert any(f"{process_nm} nm, {voltage_v:g} V" in note for note in moved.notes)


def test_a_memory_of_horowitz_line_moves_as_the_same_bank_of_cacti() -> None:
    base = load_chip("ecmt45-mini")
    prices = {nm: report(vary(base, {"process_nm": nm})).additions["memory"].snn.prices["weight access"].pj for nm in (45, 22)}
    bits = base.synapse_core.weight_bank_bits or base.synapse_core.weight_memory_bits
    here, there = (sram_figures(nm, "itrs-lstp", bits / 8, 64) for nm in (45, 22))
    assert prices[45] is not None
    assert prices[22] == pytest.approx(prices[45] * (there.read_pj + there.write_pj) / (here.read_pj + here.write_pj))


def test_a_chip_that_scales_nothing_says_so() -> None:
    run = mapped_run()
    still = price(run, vary(load_chip("ecmt45-mini"), {"process_nm": 7, "voltage_v": 0.7, "scaling": "none"}))
    assert still.prices["mac"].pj == 4.6
    assert any("says scaling: none" in note and "not scaled" in note for note in still.notes)


@pytest.mark.parametrize(
    "name", ["ecmt45", "ecmt45-mini", "ecmt45-lm", "ecmt45-edge", "loihi", "loihi2", "truenorth", "spinnaker2"]
)
def test_shipped_chips_keep_the_table_as_printed(name: str) -> None:
    assert at_node(HOROWITZ, load_chip(name)) is HOROWITZ
