"""Does `size` find the smallest chip for the digits: resident or streamed, mapped for room or for time, as brute force does?"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synaptile.energy import price
from synaptile.foundation.errors import ChipError, InputError
from synaptile.hwmodels import Chip, die_area_mm2, load_chip, vary
from synaptile.images import digits
from synaptile.mapper import map_graph
from synaptile.report.views.sizing import sizing_document
from synaptile.simulator import Activity, execute, schedule
from synaptile.simulator.rebase import rebased
from synaptile.studies.sizing import evaluate as evaluation
from synaptile.studies.sizing import size
from synaptile.studies.sizing.answer import ChipOutcome, Sizing, Target, Value
from synaptile.studies.sizing.bases import Bases, Changes
from synaptile.studies.sizing.family import make_family
from synaptile.studies.sizing.request import knobs_of
from synaptile.studies.sizing.search import Search
from tests.synaptile.models import small_digits_graph

GRID: dict[str, list[Value]] = {
    "weights": ["resident", "streamed"],
    "mapping.goal": ["room", "latency"],
    "mesh.width": [1, 2, 4],
    "synapse_core.lanes_per_cycle": [4, 16],
    "ec_core.multipliers_per_cycle": [4, 16],
}


@cache
def edge() -> Chip:
    """Two tiles that stream their weights, layer-major."""
    return load_chip("ecmt45-edge")


@cache
def run() -> Activity:
    program = map_graph(small_digits_graph(), load_chip("ecmt45-mini"), placement="row_major")
    return execute(program, digits("test", 2).images, 4, "int8", keep_spikes=2)


class Scheduled:
    """Evaluates points of the grid once, for all families."""

    left = 10**6

    def __init__(self) -> None:
        self.trial, self.bases = evaluation.Trial(run(), "digits", 2, None), Bases(edge())
        self.known: dict[tuple[Value, ...], ChipOutcome] = {}

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        key = tuple(changes[name] for name in GRID)
        if key not in self.known:
            self.known[key] = evaluation.evaluate(self.trial, self.bases, changes)
        return self.known[key]


@pytest.mark.slow
def test_twenty_random_families_are_sized_as_brute_force_does() -> None:
    rng, scheduled = np.random.default_rng(0), Scheduled()
    found, streamed, timed = 0, 0, 0
    for _ in range(20):
        values = {name: [one for one in given if rng.random() < 0.7] or given[:1] for name, given in GRID.items()}
        family = make_family(Bases(edge()), knobs_of(edge(), values), timed=True)
        outcomes = {index: scheduled(family.changes(index)) for index in map(tuple, family.index.tolist())}
        fitting = [one for one in outcomes.values() if one.fits]
        if not fitting:
            continue
        figure = ("latency_ms", "images_per_second", "energy_mj")[int(rng.integers(3))]
        target = Target(**{figure: float(rng.choice([getattr(one, figure) for one in fitting]))})
        wanted = min((one.area_mm2, index) for index, one in outcomes.items() if target.met(one) and one.area_mm2)
        answer = Search(family, target, scheduled, 0).run()
        assert (answer.outcome.area_mm2, answer.index) == wanted and answer.exhaustive
        changes = family.changes(answer.index)
        found, streamed, timed = (
            found + 1,
            streamed + (changes["weights"] == "streamed" and answer.outcome.phases > 1),
            timed + (changes["mapping.goal"] == "latency"),
        )
    assert found >= 15 and streamed and timed, "families differ in what they need"


def study(**options: Any) -> Sizing:
    return size(run(), edge(), **{"max_evaluations": 50} | options)


@pytest.mark.slow
def test_a_streamed_chip_pays_for_its_phases_and_says_so() -> None:
    found = study(latency_ms=0.6, parameters={"weights": ["resident", "streamed"], "mesh.width": [1, 2]})
    chip = vary(edge(), {"weights": "streamed", "mesh.width": 1})
    assert found.answer == {"weights": "streamed", "mesh.width": 1} and found.outcome.phases == 3
    placed = rebased(run(), map_graph(run().program.graph, chip, placement="row_major"))
    bill = price(placed, chip, timeline=schedule(placed))
    assert found.outcome.energy_mj == pytest.approx(float(bill.comparison("static").snn_pj[-1]) / 1e9, rel=1e-12)
    lines = bill.lines(accounting="memory", through=run().steps)
    bits = sum(one.count for one in lines if one.op == "dram bit")
    assert found.outcome.dram_bytes == -(-bits // 16) > 0
    assert bill.comparison("memory").snn_pj[-1] > found.outcome.dram_bytes * 8 * 8.0, "8 pJ per bit of LPDDR4"
    rows = {row[0]: row[1] for row in sizing_document(found).sheets[1].rows}
    assert str(rows["phases"]).startswith("3, ") and rows["throughput"] == "not streamed"


@pytest.mark.slow
def test_a_chip_may_be_chosen_too_and_a_throughput_is_streamed() -> None:
    found = study(images_per_second=1000.0, parameters={"chip": ["ecmt45-mini", "ecmt45-edge"]})
    assert found.answer == {"chip": "ecmt45-edge"} and found.settings["images"] == 2
    assert found.outcome.images_per_second == schedule(run(), edge(), images=2).images_per_second


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images_per_second": 10.0, "images": 1}, "a throughput is asked for, and one image alone has none"),
        ({"parameters": {"weights": ["resident", "on disk"]}}, "weights"),
        ({"parameters": {"mapping.goal": ["speed"]}}, "must be one of room, latency, throughput"),
        ({"parameters": {"mapping.goal": [1]}}, "mapping.goal: value 1 must be a word"),
        ({"parameters": {"chip": ["ecmt46"]}}, "ecmt46"),
        ({"parameters": {"weights": ["resident", 2]}}, "value 'resident' must be a positive number"),
        ({"parameters": {"synapse_core.dataflow.token_block": [2, 64]}}, "registers"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_tried(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((InputError, ChipError)) as caught:
        study(**{"latency_ms": 1.0, "parameters": {"mesh.width": [2]}, "directory": tmp_path / "study"} | options)
    assert message in str(caught.value)
    assert not (tmp_path / "study").exists()


@pytest.mark.slow
def test_without_the_spikes_of_all_images_energies_are_marked_or_the_study_is_refused() -> None:
    few = execute(run().program, digits("test", 2).images, 4, "int8", keep_spikes=1)
    wide: dict[str, Any] = {"parameters": {"synapse_core.weight_memory_kib": [4, 12]}, "chip": load_chip("ecmt45-mini")}
    found = size(few, latency_ms=5.0, **wide)
    marked = found.outcome.recounted or "run with --keep-spikes of all images" in sizing_document(found).sheets[1].caption
    assert marked
    with pytest.raises(InputError, match="kept the spikes of 1"):
        size(few, images_per_second=10.0, images=2, **wide)
    with pytest.raises(InputError, match="one image alone has none"):
        size(few, images_per_second=10.0, **wide)


def test_the_lower_bound_of_a_point_is_the_area_of_its_chip_whatever_varies() -> None:
    values: dict[str, list[Value]] = {
        "process_nm": [28.0, 45.0],
        "synapse_core.registers.words": [32, 64],
        "ec_core.state_memory_kib": [128, 196],
        "weights": ["resident", "streamed"],
        "images_per_load": [1, 2],
    }
    family = make_family(Bases(load_chip("ecmt45-lm")), knobs_of(load_chip("ecmt45-lm"), values))
    for at, index in enumerate(family.index.tolist()):
        changes = family.changes(index)
        if changes["weights"] == "resident" and changes["images_per_load"] != 1:
            continue  # refused
        assert family.cost[at] == pytest.approx(die_area_mm2(family.bases.chip(changes)).total, rel=1e-12)
    assert len(set(family.cost.tolist())) > 8


def test_leaving_an_order_or_streaming_takes_what_belonged_to_it_along() -> None:
    resident = vary(edge(), {"weights": "resident"})
    assert resident.images_per_load == 1
    orders = {f"{core}.dataflow.order": "step_major" for core in ("synapse_core", "ec_core")}
    stepwise = vary(load_chip("ecmt45-lm"), {**orders, "weights": "resident"})
    assert stepwise.synapse_core.dataflow.time_batch == stepwise.synapse_core.dataflow.max_steps == 1
    with pytest.raises(ChipError, match="images_per_load"):
        vary(load_chip("ecmt45-lm"), {"weights": "resident"}, follow=False)
