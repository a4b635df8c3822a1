"""Does the relief table say what each doubled resource brings, as schedules of the chips that have it do?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.report.views.relief import balance_text, relief_sheet
from synaptile.simulator import Activity, execute, relief, schedule
from synaptile.simulator.rebase import rebased
from tests.graphs import vit_graph
from tests.schedule.conftest import run_on
from tests.schedule.naive import first_image
from tests.synaptile.models import small_digits_graph


@pytest.fixture(scope="module")
def free(chip: Chip) -> Chip:
    """The shared chip without barriers: a file that gives their time and does not use them is refused."""
    return replace(chip, barrier_ns=0.0)


@pytest.fixture(scope="module")
def whole(free: Chip) -> Activity:
    """The shared network with the spikes of all images, so that every mapping can be scheduled."""
    return run_on(free, keep_spikes=3)


@pytest.mark.parametrize("images", [1, 2])
def test_each_row_is_the_schedule_of_the_chip_that_has_twice_of_it(whole: Activity, images: int) -> None:
    chip = whole.program.chip
    found = relief(whole, images=images)
    as_is = schedule(whole, images=images)
    assert (found.latency_cycles, found.interval_cycles) == (as_is.latency_cycles, as_is.interval_cycles)
    assert len(found.rows) == 12 and not found.not_tried
    for row in found.rows:
        timeline = schedule(whole, vary(chip, {row.resource: row.after}), images=images)
        assert (row.latency_cycles, row.interval_cycles) == (timeline.latency_cycles, timeline.interval_cycles), row.resource
        assert row.after == (row.before // 2 if row.resource == "noc.cycles_per_hop" else 2 * row.before)
    order = [row.interval_cycles if images > 1 else row.latency_cycles for row in found.rows]
    assert order == sorted(order)


@pytest.mark.slow
def test_a_mapping_for_time_is_made_anew_for_every_resource(free: Chip) -> None:
    graph = vit_graph(1, 6, 8, 2, 12, 3, patch=1)
    program = map_graph(graph, free, goal="latency", anneal_moves=50)
    batch = np.random.default_rng(1).standard_normal((1, *first_image(graph))).astype(np.float32)
    found = relief(execute(program, batch, 3, "int8", keep_spikes=1))
    assert all(row.mapped_anew for row in found.rows)
    best = found.rows[0]
    fast = map_graph(graph, vary(free, {best.resource: best.after}), goal="latency", anneal_moves=50)
    rerun = schedule(execute(fast, batch, 3, "int8"))
    assert rerun.latency_cycles == best.latency_cycles < found.latency_cycles


@pytest.mark.slow
def test_what_cannot_be_tried_is_said(free: Chip) -> None:
    near = replace(free, noc=replace(free.noc, cycles_per_hop=1))
    graph = vit_graph(1, 6, 16, 2, 30, 3, patch=1)
    program = map_graph(graph, near, goal="latency", anneal_moves=0)
    batch = np.random.default_rng(1).standard_normal((2, *first_image(graph))).astype(np.float32)
    found = relief(execute(program, batch, 3, "int8", keep_spikes=1), images=2)
    why = dict(found.not_tried)
    assert why["noc.cycles_per_hop"] == "it is one cycle"
    assert any("kept the spikes of 1 images" in reason for reason in why.values()), why
    assert {row.resource for row in found.rows}.isdisjoint(why)
    assert all(resource in relief_sheet(found).caption for resource in why)


def test_the_table_and_the_sheet_hold_the_same_rows(whole: Activity) -> None:
    found = relief(whole)
    table = found.to_arrow().to_pydict()
    assert table["resource"] == [row.resource for row in found.rows]
    np.testing.assert_allclose(table["latency_saved"][0], 1 - found.rows[0].latency_cycles / found.latency_cycles)
    sheet = relief_sheet(found)
    assert [row[0] for row in sheet.rows] == ["as it is", *table["resource"]]
    assert "* mapped anew" in sheet.caption


def test_a_mapping_says_what_it_is_expected_to_bring(free: Chip) -> None:
    graph = vit_graph(1, 6, 8, 2, 12, 3, patch=1)
    assert not balance_text(map_graph(graph, free, anneal_moves=0))
    assert "Balanced for throughput: interval between images expected" in balance_text(
        map_graph(graph, free, goal="throughput", anneal_moves=0)
    )
    memory = {"synapse_core.weight_memory_kib": 64, "ec_core.state_memory_kib": 64}
    full = vary(free, {"mesh.width": 1, "mesh.height": 1, "mesh.max_chips": 1, **memory})
    assert "no mapping on the cores of the board" in balance_text(map_graph(graph, full, goal="latency", anneal_moves=0))


@pytest.mark.slow
@pytest.mark.parametrize("images", [1, 4])
def test_for_the_digits_doubling_what_it_names_first_beats_doubling_anything_else(images: int) -> None:
    program = map_graph(small_digits_graph(), load_chip("ecmt45-mini"), placement="row_major")
    run = execute(program, digits("test", 4).images, 4, "int8", keep_spikes=4)
    found, chip = relief(run, images=images), program.chip
    measured = {}
    for row in found.rows:
        placed = rebased(run, map_graph(program.graph, vary(chip, {row.resource: row.after}), placement="row_major"))
        timeline = schedule(placed, images=images)
        measured[row.resource] = timeline.interval_cycles if images > 1 else timeline.latency_cycles
    first = found.rows[0].resource
    assert len(measured) > 8 and measured[first] == min(measured.values())
    assert measured[first] < (found.interval_cycles if images > 1 else found.latency_cycles), "it does relieve"
