"""Is the bill the one computed by hand, does it follow its prices, and is nothing lost on the way?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.energy import ACCOUNTINGS, HOROWITZ, Bill, EnergyTable, ann_macs, dense_operations, price
from synaptile.energy.conservation import check_bill
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.hwmodels import load_chip
from synaptile.report.render.markdown import markdown
from synaptile.report.views.run import energy_document
from tests.energy.hand_made import IMAGES, ROWS, STEPS, activity, with_chip, with_rows

CHIP = load_chip("ecmt45")
EXP_PJ = 8 * 4.6 + 3.7 + 3 * 0.9
RSQRT_PJ = 2 * 4.6 + 5 * 3.7
BY_HAND_PJ = (
    (224 * 0.9 + 60 * 0.9 + 50 * EXP_PJ + 10 * 4.6 + 5 * RSQRT_PJ) / IMAGES,
    (260 * 0.9 + 60 * 0.9 + 50 * EXP_PJ + 5 * RSQRT_PJ) / IMAGES,
    (68 * 0.9 + 60 * 0.9 + 50 * EXP_PJ + 5 * RSQRT_PJ) / IMAGES,
)
"""Energy an image that `ROWS` issue at each step, at fp32."""


def test_the_executed_bill_is_the_one_computed_by_hand() -> None:
    report = price(activity(), CHIP)
    assert report.comparison("executed").snn_pj == pytest.approx(np.cumsum(BY_HAND_PJ), rel=1e-12)
    for step in range(1, STEPS + 1):
        assert report.ratio("executed", step=step) == pytest.approx(sum(BY_HAND_PJ[:step]) / report.comparison("executed").ann_pj)


def test_the_ann_bill_is_the_dense_pass_at_the_same_prices() -> None:
    ops = dict.fromkeys(HOROWITZ.prices("fp32"), 0)
    for operations in dense_operations(activity().program.graph).values():
        for (_, op), count in operations.items():
            ops[op] += count
    prices = {op: HOROWITZ.price(op, "fp32").pj or 0.0 for op in ops}
    expected = sum(count * prices[op] for op, count in ops.items())
    assert price(activity(), CHIP).comparison("executed").ann_pj == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("number_format", "e_mac", "e_ac"), [("fp32", 4.6, 0.9), ("fp16", 1.5, 0.4), ("int8", 0.23, 0.03)])
def test_eq30_divides_by_the_same_formats_dense_macs(number_format: str, e_mac: float, e_ac: float) -> None:
    run = activity()
    report = price(run, CHIP, number_format=number_format)
    acs = run.accounting.eq30.sum(axis=(0, 2)).cumsum() / IMAGES
    assert report.ratios("eq30") == pytest.approx(acs * e_ac / (ann_macs(run.program.graph) * e_mac), rel=1e-12)


def test_released_bills_its_own_counts() -> None:
    report = price(activity(), CHIP)
    extra = 2 * 0.9 / report.comparison("eq30").ann_pj  # one AC more a step and image at each of the two products
    assert report.ratio("released", step=2) - report.ratio("eq30", step=2) == pytest.approx(2 * extra)


def test_an_int8_run_is_billed_at_int8_on_both_sides_by_default() -> None:
    report = price(activity(numeric="int8"), CHIP)
    assert report.number_format == "int8"
    assert report.comparison("eq30").ann_pj == pytest.approx(ann_macs(report.activity.program.graph) * 0.23)
    assert report.ratios("executed") == pytest.approx(price(activity(), CHIP, number_format="int8").ratios("executed"))


def test_overriding_one_price_moves_the_bill_by_exactly_its_count() -> None:
    cheaper = with_chip(CHIP, operation_pj={"ac": {"fp32": 0.4}})
    before, after = price(activity(), CHIP), price(activity(), cheaper)
    moved = before.comparison("executed").snn_pj[-1] - after.comparison("executed").snn_pj[-1]
    assert moved == pytest.approx((224 + 260 + 68) * 0.5 / IMAGES, rel=1e-12)
    assert after.comparison("executed").ann_pj == before.comparison("executed").ann_pj
    assert list(after.ratios("eq30")) == list(before.ratios("eq30")), "the published pair does not depend on the chip"
    assert any("ac" in note and "different sources" in note for note in after.notes)


def test_a_table_given_by_the_caller_prices_every_accounting() -> None:
    table = HOROWITZ.with_figure("ac", "fp32", 1.8, "twice the add")
    before, after = price(activity(), CHIP), price(activity(), CHIP, energy_table=table)
    assert after.ratios("eq30") == pytest.approx(2 * before.ratios("eq30"))
    assert {line.price.source for line in after.lines() if line.op == "ac"} == {"twice the add"}


def test_an_unpriced_operation_is_visible_and_forbids_the_ratio() -> None:
    table = EnergyTable("no exp", HOROWITZ.figures, {op: row for op, row in HOROWITZ.expansions.items() if op != "exp"})
    report = price(activity(), CHIP, energy_table=table)
    (snn_line, *_) = report.unpriced
    assert (snn_line.node, snn_line.op, snn_line.count, snn_line.energy_pj) == ("blocks.0.attn.softmax", "exp", 150, None)
    with pytest.raises(InputError, match="exp"):
        report.ratio("executed")
    assert report.ladder()[1].ratio is None
    assert report.heaviest()[0].op == "exp", "what has no price comes first"
    assert "UNPRICED" in markdown(energy_document(report)) and "unpriced" in markdown(energy_document(report))
    assert report.ratio("eq30") > 0


def test_every_figure_opens_up_to_its_core_and_step() -> None:
    report = price(activity(), CHIP)
    (line,) = report.lines(node="blocks.0.attn.qkv", core=1, step=2)
    assert (line.op, line.role, line.count, line.price.pj, line.energy_pj) == ("ac", "synapse rows", 12, 0.9, 12 * 0.9 / IMAGES)
    assert "Horowitz" in line.price.source
    assert sum(line.energy_pj or 0 for line in report.lines(through=2)) == pytest.approx(sum(BY_HAND_PJ[:2]))
    (exp,) = report.lines(node="blocks.0.attn.softmax", step=1)
    assert [(term.op, term.count) for term in exp.price.expansion] == [("mac", 8), ("add", 3), ("mul", 1)]
    with pytest.raises(InputError, match=r"steps 1\.\.3"):
        report.lines(step=4)
    with pytest.raises(InputError, match="nowhere"):
        report.lines(node="nowhere")


def test_the_heaviest_line_is_the_one_that_costs_most() -> None:
    lines = price(activity(), CHIP).heaviest(3)
    assert [line.op for line in lines] == ["exp", "rsqrt", "ac"]
    assert lines[2].count == 120 + 240 + 60 + 24 + 12, "cores are summed"


@pytest.mark.parametrize("accounting", ACCOUNTINGS)
@pytest.mark.parametrize("key", ["kind", "layer", "node"])
def test_shares_of_the_groups_sum_to_the_ratio(accounting: str, key: str) -> None:
    report = price(activity(), CHIP)
    for step in (1, STEPS):
        shares = sum(group.share for group in report.by(key, accounting=accounting, step=step))
        assert shares == pytest.approx(report.ratio(accounting, step=step), rel=1e-12)


def test_groups_carry_both_sides() -> None:
    groups = {group.name: group for group in price(activity(), CHIP).by("layer")}
    assert groups["patch_embed"].snn_pj == 0
    assert groups["patch_embed"].ann_pj == pytest.approx(192 * 4.6 + 16 * 0.9)
    assert groups["norm"].snn_pj == pytest.approx(15 * RSQRT_PJ / IMAGES)


def test_cores_carry_memory_operations_and_energy() -> None:
    report = price(activity(), CHIP)
    cores = report.cores
    assert [core.ops for core in cores] == [600, 36, 96, 175]
    assert sum(core.share for core in cores) == pytest.approx(1)
    assert sum(core.energy_pj for core in cores) == pytest.approx(sum(BY_HAND_PJ))
    assert cores[3].state_bits_used == 4500 and cores[3].weight_bits_available is None
    assert cores[0].memory_use == 1000 / CHIP.synapse_core.weight_memory_bits


def test_the_ladder_sets_both_sides_beside_each_other() -> None:
    first, second = price(activity(), CHIP).ladder(step=1)
    assert (first.name, second.name) == ("eq30", "executed")
    assert second.snn_pj == pytest.approx(BY_HAND_PJ[0])
    assert first.ratio == pytest.approx(first.snn_pj / first.ann_pj)
    assert first.cheaper_through == STEPS


def test_the_bill_does_not_depend_on_how_work_is_spread_over_cores() -> None:
    run = activity()
    moved = with_rows(run, core=np.zeros(len(ROWS), np.int32))
    assert list(price(moved, CHIP).ratios()) == list(price(run, CHIP).ratios())


def test_a_bill_that_lost_a_row_is_caught() -> None:
    run = activity()
    bill = price(run, CHIP).comparison("executed").snn
    check_bill(bill, run)
    shorter = replace(bill, **{name: getattr(bill, name)[1:] for name in ("core", "node", "role", "op", "count")})
    with pytest.raises(ConservationError, match="'ac'"):
        check_bill(shorter, run)
    elsewhere = replace(bill, node=np.roll(bill.node, 1))
    with pytest.raises(ConservationError, match="node"):
        check_bill(elsewhere, run)


def test_counts_outside_their_bounds_are_caught() -> None:
    run = activity()
    with pytest.raises(ConservationError, match="start at 0"):
        price(with_rows(run, count=run.operations.count - 1000), CHIP)
    with pytest.raises(ConservationError, match="'core'"):
        price(with_rows(run, core=run.operations.core + 4), CHIP)
    with pytest.raises(ConservationError, match="integers of shape"):
        price(with_rows(run, count=run.operations.count[:, :2]), CHIP)
    for counts, complaint in (
        (run.accounting.eq30 * 10**6, "bounds"),
        (run.accounting.eq30 + 1, "fan-out"),
        (run.accounting.eq30[:-1], "integers of shape"),
    ):
        with pytest.raises(ConservationError, match=complaint):
            price(replace(run, accounting=replace(run.accounting, eq30=counts)), CHIP)
    with pytest.raises(ConservationError, match="another order"):
        price(replace(run, accounting=replace(run.accounting, nodes=run.accounting.nodes[::-1])), CHIP)


def test_what_a_report_does_not_have_is_named() -> None:
    report = price(activity(), CHIP)
    for call in (
        lambda: report.ratio("memory"),
        lambda: report.ratio("eq30", step=0),
        lambda: report.by("colour"),
        lambda: report.lines(side="both"),
        lambda: price(activity(), CHIP, number_format="fp64"),
    ):
        with pytest.raises(InputError, match=r"use one of|steps 1|use 'snn'"):
            call()


def test_an_empty_bill_is_no_energy() -> None:
    bill = Bill.of_rows(("a",), HOROWITZ.prices("fp32"), [], steps=2, images=1)
    assert bill.energy_pj().tolist() == [0.0, 0.0]
    assert bill.lines() == ()
