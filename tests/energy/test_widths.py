"""Is every operation billed at the width at which it is done, a table as one MAC and one read, and no run with old words?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.conversion.graph import MTNeurons, SpikingGraph, Synapse
from synaptile.conversion.thresholds import with_thresholds
from synaptile.energy import EnergyReport, price
from synaptile.energy.prices import HOROWITZ, table_for
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.hwmodels.formats import FORMATS
from synaptile.mapper import map_graph
from synaptile.simulator import Activity, counted_on, execute, schedule
from tests.graphs import vit_graph
from tests.simulator.runs import some_images

ADD = {"int4": 0.015, "int8": 0.03, "int16": 0.05, "int24": 0.075, "int32": 0.1, "fp16": 0.4, "bf16": 0.4, "fp32": 0.9}
MUL = {"int8": 0.2, "int32": 3.1, "fp16": 1.1, "fp32": 3.7}


def network(*, shared: bool = False) -> SpikingGraph:
    graph = vit_graph(1, 6, 16, 2, 32, 5, n=4)
    if not shared:
        return graph
    return with_thresholds(graph, {site.name: (site.theta1, site.theta1, site.n) for site in graph.sites})


def run_on(chip: Chip, graph: SpikingGraph | None = None, numeric: str | None = None) -> Activity:
    graph = graph or network()
    return execute(map_graph(graph, chip), some_images(graph, 2), 3, numeric, keep_spikes=2)


@pytest.fixture(scope="module")
def int8() -> EnergyReport:
    chip = load_chip("ecmt45-int8")
    return price(run_on(chip), chip)


def counts(report: EnergyReport, side: str = "snn") -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for line in report.lines(side=side):
        found[line.role, line.op] = found.get((line.role, line.op), 0) + line.count
    return found


def test_prices_of_all_formats_are_the_published_ones_or_say_by_which_rule_they_were_assumed() -> None:
    for name in FORMATS:
        assert HOROWITZ.price("add", name).pj == ADD[name] == HOROWITZ.price("ac", name).pj
        mul = HOROWITZ.price("mul", name)
        assert mul.pj == pytest.approx(MUL.get(name, mul.pj))
        assert ("assumed" in mul.source) == (name not in MUL)
    widths = [HOROWITZ.price("mul", name).pj or 0 for name in ("int4", "int8", "int16", "int24", "int32")]
    assert widths == sorted(widths) and widths[2] == pytest.approx(0.2 * 15.5**0.5, abs=1e-4)


def test_int8_weights_into_32_bit_sums_are_32_bit_adds_and_ec_units_pay_their_own_format(int8: EnergyReport) -> None:
    prices = {line.op: line.price.pj for line in (*int8.lines(), *int8.lines(side="ann"))}
    assert prices["ac int32"] == 0.1 and prices["mac int8/int32"] == 0.3 and prices["shift int8"] == 0.03
    assert prices["mul fp16"] == 1.1 and prices["mac fp16"] == 1.5 and prices["exp fp16"] == 8 * 1.5 + 1.1 + 3 * 0.4
    by_role = {(role, op) for role, op in counts(int8)}
    assert {("synapse rows", "ac int32"), ("A(t) S_B(t)", "ac int32"), ("integrate", "add int32")} <= by_role
    assert {("function", "mul fp16"), ("theta combine", "mac int32"), ("residual add", "add fp16")} <= by_role
    assert {op for role, op in counts(int8, "ann") if role == "dense product"} == {"mac int8/int32"}
    assert not int8.unpriced


def test_every_accumulate_is_shifted_once_and_nothing_else_is_added_to_the_run(int8: EnergyReport) -> None:
    found = counts(int8)
    shifts = {role: count for (role, op), count in found.items() if op.startswith("shift")}
    assert shifts == {role: count for (role, op), count in found.items() if op.startswith("ac ")}
    issued = int8.activity.operations
    assert sum(found.values()) - sum(shifts.values()) == int(issued.count.sum())


def test_the_published_accountings_keep_the_papers_pairs(int8: EnergyReport) -> None:
    for accounting in ("eq30", "released"):
        assert {line.price.pj for line in int8.lines(accounting=accounting)} == {0.03}
        assert {line.price.pj for line in int8.lines(accounting=accounting, side="ann")} == {0.23}


def test_notes_say_which_arithmetic_accuracy_belongs_to(int8: EnergyReport) -> None:
    text = " ".join(int8.notes)
    assert "int8 weights, int32 sums, EC units in fp16, int32 membranes" in text
    assert "executed in fp32: factors of theta combine (int32), sums of products (int32)." in text
    chip = load_chip("ecmt45-int8")
    other = " ".join(price(run_on(chip, numeric="float32"), chip).notes)
    assert "this run in float32: its accuracy is not that of the chip" in other


def test_a_table_costs_one_mac_and_one_read_whatever_the_function() -> None:
    chip = load_chip("ecmt45-tables")
    table = table_for(chip)
    for op in ("div", "rsqrt", "exp", "erf", "tanh", "sigmoid"):
        price_of = table.price(op, "fp32")
        assert price_of.pj == pytest.approx(4.6 + 10 * (512 / 8192) ** 0.5) and "64 segments" in price_of.source
    software, tabled = (price(run_on(one), one) for one in (load_chip("ecmt45"), chip))
    assert tabled.ratio() < software.ratio() and tabled.comparison("executed").ann_pj < software.comparison("executed").ann_pj
    assert any("exp, erf" in note and "as tables" in note for note in tabled.notes)


def test_thresholds_by_exponent_take_one_operation_and_shared_scales_none() -> None:
    plain = load_chip("ecmt45")
    units = vary(plain, {"units.compare": "exponent", "units.theta_combine": "folded"})
    before, after = (price(run_on(chip, network(shared=True)), chip) for chip in (plain, units))
    neurons = sum(node.size for node in network().of_type(MTNeurons)) * 2 * 3
    assert counts(before)["threshold compare", "compare"] == neurons * 4, "sign, then 3 of 4 levels"
    assert counts(after)["threshold compare", "compare"] == neurons
    assert ("theta combine", "mul") in counts(before) and ("theta combine", "mul") not in counts(after)
    np.testing.assert_array_equal(before.activity.logits, after.activity.logits)
    apart = price(run_on(units), units)
    assert counts(apart)["theta combine", "mul"] > 0, "theta1 and theta2 differ: nothing to share"


def test_a_chip_with_other_words_is_counted_anew_as_if_it_had_been_mapped_to() -> None:
    plain = load_chip("ecmt45")
    narrow = vary(plain, {"synapse_core.weight_bits": 8, "synapse_core.weight_memory_bits": 802816})
    activity = run_on(plain)
    anew, mapped = price(activity, narrow), price(run_on(narrow), narrow)
    assert anew.ratio("memory") == mapped.ratio("memory") and anew.activity.program.chip == narrow
    assert anew.ratio("memory") != price(activity, plain).ratio("memory")
    with pytest.raises(InputError, match=r"whose words or units differ from those of .*: count it there first"):
        price(activity, narrow, timeline=schedule(activity, narrow))
    assert any("weights of 8 bits (32 executed)" in note and "states no formats" in note for note in anew.notes)
    moved = counted_on(activity, narrow)
    assert price(moved, narrow, timeline=schedule(moved)).ratio("memory") == anew.ratio("memory")


def test_a_bill_in_one_format_stays_what_it_was() -> None:
    chip = load_chip("ecmt45-int8")
    activity = run_on(chip)
    whole: Any = price(activity, chip, number_format="int8")
    assert {line.op for line in whole.lines()} <= set(HOROWITZ.prices("int8")) and whole.number_format == "int8"


def test_a_graph_without_multi_thresholds_is_not_shifted() -> None:
    graph = network()
    single = with_thresholds(graph, {site.name: (site.theta1, site.theta2, 1) for site in graph.sites})
    chip = load_chip("ecmt45-int8")
    assert not any(line.op.startswith("shift") for line in price(run_on(chip, single), chip).lines())
    assert isinstance(replace(single).nodes["head"], Synapse)
