"""Does scaling a run give the report's own ratio where nothing is scaled, and move the way spikes and reuse move it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from synaptile.conversion.graph import ProductUnit, Synapse
from synaptile.energy import EnergyReport, break_even, price
from synaptile.foundation.errors import InputError
from synaptile.hwmodels import Chip
from synaptile.simulator import synthesise
from synaptile.simulator.actions.vocabulary import Driver, Role
from tests.energy.hand_timeline import STEPS, board_chip, mapped_run
from tests.simulator.test_rulebook import GRAPHS, cut

RUNGS = ("eq30", "executed", "memory", "noc")


@pytest.fixture(scope="module")
def report() -> EnergyReport:
    return price(mapped_run(), board_chip())


@pytest.mark.parametrize("rung", RUNGS)
def test_at_the_measured_rate_without_reuse_it_is_the_report(report: EnergyReport, rung: str) -> None:
    rate = break_even(report, rung).measured_rate
    for step in (1, STEPS):
        found = break_even(report, rung, rates=[break_even(report, rung, step=step).measured_rate], reuses=[1], step=step)
        assert found.ratio[0, 0] == pytest.approx(report.ratio(rung, step=step), rel=1e-9)
        assert found.measured_ratio == report.ratio(rung, step=step)
    sites = report.activity.spikes.values()
    neurons = sum(record.neurons for record in sites) * STEPS * report.activity.images
    assert rate == pytest.approx(sum(int(record.events.sum()) for record in sites) / neurons)


@pytest.mark.parametrize("rung", RUNGS)
def test_more_spikes_cost_more(report: EnergyReport, rung: str) -> None:
    assert (np.diff(break_even(report, rung).ratio, axis=1) >= 0).all()


def test_without_spikes_only_what_happens_every_step_is_left(report: EnergyReport) -> None:
    assert break_even(report, "eq30", rates=[0.0]).ratio[0, 0] == 0.0
    silent = break_even(report, "memory", rates=[0.0], reuses=[1]).ratio[0, 0]
    events = {"synapse rows", "A(t) S_B(t)", "S_A(t-1) B(t)", "soft reset", "operand sums", "weight rows", "operand row"}
    events |= {f"{what} {way}" for what in ("accumulator", "product accumulator", "operand sum") for way in ("read", "write")}
    fixed = sum(line.energy_pj or 0.0 for line in report.lines(accounting="memory") if line.role not in events)
    assert silent == pytest.approx(fixed / report.comparison("memory").ann_pj, rel=1e-9)


def test_no_neuron_fires_more_than_once_a_step(report: EnergyReport) -> None:
    run = report.activity
    expected = 0.0
    for node in (n for n in run.program.graph.nodes.values() if isinstance(n, Synapse | ProductUnit)):
        row = run.accounting.nodes.index(node.name)
        records = [run.spikes[port.node] for port in node.inputs]
        neurons = sum(record.neurons for record in records) * STEPS * run.images
        rate = sum(int(record.events.sum()) for record in records) / neurons
        expected += run.accounting.eq30[row].sum() / run.images / rate * 0.9
        if isinstance(node, Synapse):
            assert run.accounting.eq30[row].sum() / run.images / rate == pytest.approx(node.macs * STEPS)
    dense = break_even(report, "eq30", rates=[1.0]).ratio[0, 0]
    assert dense == pytest.approx(expected / report.comparison("eq30").ann_pj, rel=1e-9)


def test_the_break_even_rate_is_where_the_ratio_is_one(report: EnergyReport) -> None:
    # Through the first step the SNN wins with few spikes and loses with many.
    found = break_even(report, "memory", reuses=(1, 4), step=1)
    for reuse, rate in zip((1, 4), found.rate_at_one, strict=True):
        if 0 < rate < found.highest_rate:
            assert break_even(report, "memory", rates=[rate], reuses=[reuse], step=1).ratio[0, 0] == pytest.approx(1.0, rel=1e-6)
    assert break_even(report, "executed").rate_at_one[0] == 0.0, "after three steps the special functions alone cost more"
    assert break_even(report, "eq30", step=1).rate_at_one[0] == found.highest_rate, "one step of accumulates never costs the MACs"


def sharing(block: int) -> Chip:
    """The chip, its rows shared by blocks of tokens."""
    chip = board_chip()
    assert chip.ec_core is not None
    flow = replace(chip.synapse_core.dataflow, token_block=block)
    synapse, ec = replace(chip.synapse_core, dataflow=flow), replace(chip.ec_core, dataflow=flow)
    return replace(chip, synapse_core=synapse, ec_core=ec)


def test_reuse_does_to_the_ann_what_a_token_block_does() -> None:
    """Of fetches; biases and parameters, which a block shares as well, are no fetches."""
    tokens = 5
    reports = [price(mapped_run(), sharing(block)) for block in (1, tokens)]
    lines = [report.lines(accounting="memory", side="ann") for report in reports]
    fetched, others = (
        [sum(one.energy_pj or 0.0 for one in of if (Role(one.role).driven_by is Driver.FETCHES) is kind) for of in lines]
        for kind in (True, False)
    )
    found = break_even(reports[0], "memory", rates=[0.0], reuses=[1, tokens])
    assert found.ratio[0, 0] / found.ratio[1, 0] == pytest.approx((fetched[1] + others[0]) / (fetched[0] + others[0]), rel=1e-9)


def test_at_the_chips_own_block_it_is_the_report() -> None:
    for block in (2, 5):
        own = price(mapped_run(), sharing(block))
        found = break_even(own, "memory", rates=[break_even(own, "memory").measured_rate], reuses=[block])
        assert found.ratio[0, 0] == pytest.approx(own.ratio("memory"), rel=1e-9)


def test_what_cannot_be_scaled_is_refused(report: EnergyReport) -> None:
    run = mapped_run()
    quiet = {site: replace(r, events=np.zeros_like(r.events)) for site, r in run.spikes.items()}
    refused: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: break_even(report, "static"), "cannot be scaled"),
        (lambda: break_even(report, rates=[1.5]), "0..1"),
        (lambda: break_even(report, reuses=[0]), "1 or more"),
        (lambda: break_even(report, step=STEPS + 1), "steps 1"),
        (lambda: break_even(replace(report, activity=replace(run, spikes=quiet))), "no spikes"),
    )
    for call, complaint in refused:
        with pytest.raises(InputError, match=complaint):
            call()


@pytest.mark.parametrize("name", GRAPHS)
def test_exactly_the_roles_that_spikes_drive_move_with_them(name: str) -> None:
    """Drawn at two rates, nothing else changed."""
    program = cut(name)
    few, many = (price(synthesise(program, STEPS, rate), program.chip) for rate in (0.2, 0.8))
    for accounting in ("eq30", "noc"):
        energy = [_by_role(report, accounting) for report in (few, many)]
        moved = {role for role in energy[1] if energy[0].get(role, 0) != energy[1][role]}
        driven = {role for role in energy[1] if Role(role).driven_by is not Driver.CLOCK}
        assert moved <= driven
        assert driven - moved <= {Role.SPIKES}, "a message fills a flit even with no spike"


@pytest.mark.parametrize("name", [name for name in GRAPHS if name != "text"])
def test_at_rate_zero_it_is_the_bill_of_a_run_in_which_nothing_fires(name: str) -> None:
    program = cut(name)
    report, silent = (price(synthesise(program, STEPS, rate), program.chip) for rate in (0.3, 0.0))
    for rung in ("eq30", "executed", "memory"):
        assert break_even(report, rung, rates=[0.0], reuses=[1]).ratio[0, 0] == pytest.approx(silent.ratio(rung), rel=1e-9)


def _by_role(report: EnergyReport, accounting: str) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for line in report.lines(accounting=accounting):
        counts[line.role] += line.count
    return counts
