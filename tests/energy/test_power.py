"""Do both sides pay for clocks, waiting and control over their own time, by the figures that the chip states?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.energy import EnergyReport, price
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip, chip_document, chip_from_document, die_area_mm2, load_chip
from synaptile.hwmodels.power import Power, RouterSwitching, Switching
from synaptile.mapper import CoreProgram, map_graph
from synaptile.simulator import Timeline, execute, schedule
from synaptile.simulator.schedule.dense import dense_timeline
from tests.graphs import vit_graph

CORE, EC = Switching(20.0, 3.0, 0.25), Switching(30.0, 4.0, 0.5)
POWER = Power(synapse_core=CORE, ec_core=EC, router=RouterSwitching(2.0, 0.125), clock_tree_pj_per_cycle=1.5, control_factor=0.75)
STEPS, IMAGES = 3, 3


def chip() -> Chip:
    return replace(load_chip("ecmt45-mini"), power=POWER)


def scheduled(images: int) -> Timeline:
    graph = vit_graph(1, 5, 8, 2, 16, 3, n=4)
    program = map_graph(graph, chip(), seed=0, anneal_moves=10)
    shape = graph.nodes["image"].image_shape  # type: ignore[attr-defined]
    pixels = 0.3 * np.random.default_rng(0).standard_normal((IMAGES, *shape)).astype(np.float32)
    return schedule(execute(program, pixels, STEPS), images=images)


@pytest.fixture(scope="module", params=[1, IMAGES])
def timeline(request: pytest.FixtureRequest) -> Timeline:
    return scheduled(request.param)


@pytest.fixture(scope="module")
def report(timeline: Timeline) -> EnergyReport:
    return price(timeline.activity, chip(), timeline=timeline)


def tiles(program: CoreProgram) -> int:
    """Tiles in use, one by one."""
    cores, routes = program.cores, program.routes
    used = set(zip(cores.x.tolist(), cores.y.tolist(), strict=True))
    for end in (routes.link_from, routes.link_to):
        used |= {(int(tile) % 8, int(tile) // 8) for tile in end}
    return len(used)


def by_hand(program: CoreProgram, interval: float, busy: dict[int, float]) -> float:
    """pJ per image: `busy` maps kinds of core to cycles at work per image."""
    used = {kind: int((program.cores.kind == kind).sum()) for kind in (0, 1)}
    total = 0.0
    for kind, power in ((0, CORE), (1, EC)):
        total += interval * (used[kind] * power.idle_pj_per_cycle + (64 - used[kind]) * power.gated_pj_per_cycle)
        total += busy[kind] * (power.busy_pj_per_cycle - power.idle_pj_per_cycle)
    running = tiles(program)
    return total + interval * (running * (2.0 + 1.5) + (64 - running) * 0.125)


def test_both_sides_pay_over_their_own_time(timeline: Timeline, report: EnergyReport) -> None:
    program, bare = timeline.program, scheduled_without(timeline, replace(chip(), power=None))
    kind, dense = program.cores.kind, dense_timeline(program, timeline.images)
    spiking = {k: float(timeline.cores.busy[kind == k].sum()) / timeline.images for k in (0, 1)}
    passing = {k: float(dense.core_busy[kind == k].sum()) / timeline.images for k in (0, 1)}
    for side, interval, busy, control in (
        ("snn_pj", timeline.interval_cycles, spiking, 0.75 * report.comparison("executed").snn_pj[-1]),
        ("ann_pj", dense.interval_cycles, passing, 0.75 * report.comparison("executed").ann_pj),
    ):
        added, before = (np.atleast_1d(getattr(one.additions["static"], side))[-1] for one in (report, bare))
        assert added - before == pytest.approx(by_hand(program, interval, busy) + control)


def scheduled_without(timeline: Timeline, without: Chip) -> EnergyReport:
    """The same schedule on the chip that states no power."""
    program = replace(timeline.program, chip=without)
    activity = replace(timeline.activity, program=program)
    return price(activity, without, timeline=replace(timeline, program=program, activity=activity))


def test_power_density_and_products_follow_from_energy_time_and_area(timeline: Timeline, report: EnergyReport) -> None:
    found, rung = report.performance, report.rung("static")
    assert found is not None
    dense, hertz = dense_timeline(timeline.program, timeline.images), 1e6 * timeline.clock_mhz
    snn, ann = report.efficiency("static")
    for one, pj, latency, interval in (
        (snn, rung.snn_pj, timeline.latency_cycles, timeline.interval_cycles),
        (ann, rung.ann_pj, dense.latency_cycles, dense.interval_cycles),
    ):
        assert one.edp_js == pytest.approx(1e-12 * pj * latency / hertz)
        over = interval if timeline.images > 1 else latency
        assert one.power_w == pytest.approx(1e-12 * pj / (over / hertz)) and one.images_per_joule == pytest.approx(1e12 / pj)
        assert one.w_per_mm2 == pytest.approx(one.power_w / die_area_mm2(chip()).total)
    streams = [side.images_per_second for side in (found.snn, found.ann)]
    assert (None not in streams) if timeline.images > 1 else streams == [None, None], "one image alone has no throughput"


def test_power_needs_a_schedule() -> None:
    run = scheduled(1).activity
    with pytest.raises(InputError, match="need a schedule"):
        price(run, chip()).efficiency("executed")


@pytest.mark.parametrize(
    ("power", "words"),
    [
        (replace(POWER, ec_core=None), "power.ec_core is missing, and the chip has EC cores"),
        (replace(POWER, synapse_core=Switching(2.0, 3.0, 0.1)), "takes 0.1, 3 and 2 pJ per cycle gated, idle and busy"),
        (replace(POWER, router=RouterSwitching(1.0, 2.0)), "gated may not take more"),
    ],
)
def test_contradictions_are_refused(power: Power, words: str) -> None:
    with pytest.raises(ChipError, match=words):
        chip_from_document(chip_document(replace(chip(), power=power)), "mine")
