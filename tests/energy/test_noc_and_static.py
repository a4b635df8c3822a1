"""Are flits, links and leakage those of a schedule put together by hand, and is a schedule that lost something caught?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synaptile.energy import EnergyReport, price, rungs
from synaptile.energy.flits import CROSSING, HOP, scheduled_flits
from synaptile.energy.static import step_cycles
from synaptile.foundation.errors import ConservationError, InputError
from synaptile.mapper import CoreProgram
from synaptile.simulator import schedule
from synaptile.simulator.actions.vocabulary import Role
from synaptile.simulator.schedule.dense import dense_timeline
from synaptile.simulator.schedule.timeline import Timeline
from tests.energy.hand_timeline import (
    IMAGES,
    MAKESPAN,
    STEPS,
    board_chip,
    hand_timeline,
    mapped_run,
    naive_messages,
    no_arrivals,  # noqa: F401  # a fixture of all tests here
)


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    return hand_timeline(mapped_run())


@pytest.fixture(scope="module")
def report(timeline: Timeline) -> EnergyReport:
    return price(mapped_run(), board_chip(), timeline=timeline)


def flits(report: EnergyReport, *, side: str = "snn") -> dict[str, int]:
    bill = report.additions["noc"].snn if side == "snn" else report.additions["noc"].ann
    return dict(zip(bill.ops, bill.op_counts().tolist(), strict=True))


@pytest.mark.parametrize("multicast", [True, False])
def test_flits_derived_from_spikes_are_those_of_every_message(multicast: bool) -> None:
    run = mapped_run(multicast=multicast)
    derived = price(run, board_chip(multicast=multicast))
    scheduled = price(run, board_chip(multicast=multicast), timeline=hand_timeline(run))
    crossed = sum(message["flits"] * len(message["links"]) for message in naive_messages(run))
    assert flits(derived) == flits(scheduled)
    assert sum(flits(derived).values()) == crossed and min(flits(derived).values()) > 0, "hops and chip crossings"
    assert list(derived.ratios("noc")) == list(scheduled.ratios("noc"))


@pytest.mark.parametrize("multicast", [True, False])
def test_flits_derived_from_spikes_are_those_that_the_scheduler_sends(multicast: bool) -> None:
    run, chip = mapped_run(multicast=multicast), board_chip(multicast=multicast)
    report = price(run, chip, timeline=schedule(run, images=IMAGES))
    assert flits(report) == flits(price(run, chip))
    assert sum(link.snn_pj for link in report.split("link")) == pytest.approx(report.additions["noc"].snn_pj[-1], rel=1e-9)
    assert not report.missing and report.ratio("static") > 0


def test_without_multicast_the_same_messages_cross_more_links() -> None:
    many, one = (price(mapped_run(multicast=m), board_chip(multicast=m)) for m in (False, True))
    assert sum(flits(many).values()) > sum(flits(one).values())


def test_the_ann_sends_a_word_for_every_activation(report: EnergyReport) -> None:
    program = report.activity.program
    flows, routes, parts = program.flows, program.routes, program.parts
    expected = 0
    for group in range(len(routes.hops)):
        flow = int(np.flatnonzero(flows.group == group)[0])
        node = program.graph.nodes[program.node_names[parts.node[flows.source[flow]]]]
        words = int(flows.stop[flow] - flows.start[flow]) * (node.shape[2] if node.is_map else 1)
        expected += int(flows.token_stop[flow] - flows.token_start[flow]) * -(-words * 32 // 64) * int(routes.hops[group])
    assert sum(flits(report, side="ann").values()) == expected


def test_crossings_cost_the_crossing_in_place_of_a_hop(report: EnergyReport) -> None:
    noc, counted = board_chip().noc, flits(report)
    energy = counted[HOP] * noc.energy_pj_per_flit_hop + counted[CROSSING] * (noc.chip_crossing_pj_per_flit or 0.0)
    assert report.additions["noc"].snn_pj[-1] == pytest.approx(energy / IMAGES, rel=1e-12)


def test_links_sum_to_the_rung(report: EnergyReport) -> None:
    links = report.split("link")
    assert sum(link.snn_pj for link in links) == pytest.approx(report.additions["noc"].snn_pj[-1], rel=1e-9)
    with pytest.raises(InputError, match="needs a schedule"):
        price(mapped_run(), board_chip()).split("link")


@pytest.mark.parametrize("key", ["rung", "node", "core", "step"])
def test_every_split_of_the_last_rung_sums_to_it(report: EnergyReport, key: str) -> None:
    assert report.top == "static"
    assert sum(piece.snn_pj for piece in report.split(key)) == pytest.approx(report.comparison("static").snn_pj[-1], rel=1e-9)


def test_static_energy_is_every_core_and_router_of_the_board_over_the_interval(report: EnergyReport) -> None:
    chip, (columns, rows) = board_chip(), report.activity.program.board
    power_uw = columns * rows * 4 * (chip.leakage.synapse_core_uw + chip.leakage.ec_core_uw + chip.leakage.router_uw)
    pixels = report.activity.program.graph.nodes["image"].size
    dram_pj = -(-pixels * 32 // 64) * chip.off_chip.dram_pj_per_64bit
    added = report.additions["static"]
    # Two images whose last logits lie 500 cycles apart, 2 ns a cycle: 1 uW over 1 ns is 1e-3 pJ.
    assert added.snn_pj[-1] == pytest.approx(power_uw * 500 * 2 * 1e-3 + dram_pj, rel=1e-12)
    interval = dense_timeline(report.activity.program, IMAGES).interval_cycles
    assert added.ann_pj == pytest.approx(power_uw * interval * 2 * 1e-3 + dram_pj, rel=1e-12)


def test_one_image_takes_its_makespan_and_a_stream_its_interval(timeline: Timeline) -> None:
    cycles, images = step_cycles(timeline)
    assert (cycles.sum(), images) == (500, IMAGES - 1) and len(cycles) == STEPS
    alone = replace(timeline, images=1, step_end_cycles=timeline.step_end_cycles[:1])
    cycles, images = step_cycles(alone)
    assert (cycles.tolist(), images) == ([400, 300, MAKESPAN - 700], 1)


def test_a_schedule_of_fewer_images_is_averaged_over_its_own(timeline: Timeline, report: EnergyReport) -> None:
    half = replace(timeline, images=1, step_end_cycles=timeline.step_end_cycles[:1], jobs=_halved(timeline))
    run = price(mapped_run(), board_chip(), timeline=half)
    assert run.additions["noc"].snn_pj[-1] == pytest.approx(2 * report.additions["noc"].snn_pj[-1]), (
        "the same messages, one image"
    )
    assert {line.images for line in run.lines(accounting="noc") if line.op == HOP} == {1}
    assert any("1 scheduled images" in note for note in run.notes)


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        (lambda t: replace(t, jobs=replace(t.jobs, operations=_plus_one(t.jobs.operations))), "jobs issue"),
        (lambda t: replace(t, messages=replace(t.messages, flits=_plus_one(t.messages.flits, t.messages.hops))), "mesh links"),
        (lambda t: replace(t, links=replace(t.links, flits=_plus_one(t.links.flits))), "mesh links"),
        (lambda t: replace(t, messages=replace(t.messages, hops=_swapped(t.messages.hops, t.messages.flits))), "multicast tree"),
    ],
)
def test_a_schedule_that_lost_or_doubled_something_is_caught(
    timeline: Timeline, plant: Callable[[Timeline], Timeline], complaint: str
) -> None:
    with pytest.raises(ConservationError, match=complaint):
        price(mapped_run(), board_chip(), timeline=plant(timeline))


def test_a_bill_that_lost_flits_is_caught(timeline: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(schedule: Timeline) -> Any:
        tally = scheduled_flits(schedule)
        tally.add(0, 0, Role.SPIKES, HOP, -1)
        return tally

    monkeypatch.setattr(rungs, "scheduled_flits", short)
    with pytest.raises(ConservationError, match="'flit hop': the bill holds"):
        price(mapped_run(), board_chip(), timeline=timeline)


def test_a_schedule_of_something_else_is_refused(timeline: Timeline) -> None:
    with pytest.raises(InputError, match="schedule on that chip"):
        price(mapped_run(), replace(board_chip(), name="other"), timeline=timeline)
    with pytest.raises(InputError, match="another run"):
        price(mapped_run(numeric="int8"), board_chip(), timeline=replace(timeline, activity=replace(mapped_run(), images=5)))


def test_rungs_that_need_a_schedule_say_so_without_one() -> None:
    assert dict(price(mapped_run(), board_chip()).missing) == {"static": "needs a schedule"}


def test_flits_whose_spikes_were_not_recorded_apart_need_a_schedule() -> None:
    # GELU's neurons lie on several cores, fc2 takes their stream in two halves: as if recorded for fc2's two halves alone.
    run = mapped_run()
    flows, program = run.program.flows, run.program
    site = next(
        name
        for flow in np.flatnonzero((flows.spiking == 1) & (flows.group >= 0))
        if (name := program.node_names[program.parts.node[flows.source[flow]]]).endswith("mlp.fc2.in")
    )
    parts = replace(flows, start=np.where(_from(program, site), flows.start + 1, flows.start).astype(np.int32))
    moved = replace(run, program=replace(program, flows=parts))
    report = price(moved, board_chip())
    assert "needs a schedule: spikes of 'blocks.0.mlp.fc2.in' were not recorded for channels" in report.missing["noc"]
    assert report.top == "memory"
    with pytest.raises(InputError, match="needs a schedule"):
        report.ratio("noc")


def _from(program: CoreProgram, site: str) -> Any:
    return program.parts.node[program.flows.source] == program.node_names.index(site)


def _plus_one(column: Any, where: Any = None) -> Any:
    changed = column.copy()
    changed[0 if where is None else int(np.flatnonzero(where)[0])] += 1
    return changed


def _swapped(hops: Any, flits: Any) -> Any:
    """Hops of two messages of equal flits and unequal trees exchanged: the total stays, the trees are wrong."""
    changed = hops.copy()
    first = int(np.flatnonzero(hops)[0])
    other = int(np.flatnonzero((flits == flits[first]) & (hops != hops[first]))[0])
    changed[[first, other]] = hops[[other, first]]
    return changed


def _halved(timeline: Timeline) -> Any:
    return replace(timeline.jobs, operations=timeline.jobs.operations // 2)
