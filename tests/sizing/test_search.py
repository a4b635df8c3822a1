"""Is what the search calls smallest the smallest, by brute force, and does it say so when it cannot know?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import ceil, prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from synaptile.foundation.errors import InputError
from synaptile.hwmodels import die_area_mm2, load_chip
from synaptile.studies.sizing.answer import ChipOutcome, Knob, Target
from synaptile.studies.sizing.bases import Bases, Changes
from synaptile.studies.sizing.evaluate import Spent
from synaptile.studies.sizing.family import ANOMALY, Family, make_family, smallest_meeting
from synaptile.studies.sizing.request import knobs_of
from synaptile.studies.sizing.search import Search, Smallest

KNOBS = (
    Knob("synapse_core.lanes_per_cycle", (4, 8, 16, 32)),
    Knob("ec_core.multipliers_per_cycle", (2, 4, 8)),
    Knob("synapse_core.weight_memory_kib", (49, 98, 196)),
    Knob("mesh.width+mesh.height", (12, 18, 24)),
)
TARGET = Target(latency_ms=1.0)
BASES = Bases(load_chip("ecmt45"))
Model = Callable[[dict[str, Any]], ChipOutcome]


class Modelled:
    """An evaluator whose chips do what a function says."""

    def __init__(self, model: Model, most: int = 10**6) -> None:
        self.model, self.most = model, most
        self.tried: list[dict[str, Any]] = []

    @property
    def left(self) -> int:
        return max(self.most - len(self.tried), 0)

    def __call__(self, changes: Changes, *, free: bool = False) -> ChipOutcome:
        if not free and not self.left:
            raise Spent
        self.tried.append(dict(changes))
        return self.model(dict(changes))


def outcome(latency: float, **figures: Any) -> ChipOutcome:
    known = {"energy_mj": 1.0, "chips": 1} | figures
    return ChipOutcome(True, "x", "x", int(latency * 500_000), latency, 1e3 / latency, **known)


def unfit(resource: str = "mesh.max_chips") -> ChipOutcome:
    return ChipOutcome(False, resource, "does not fit")


def smallest(family: Family, model: Model, target: Target = TARGET) -> tuple[int, ...] | None:
    """By brute force."""
    met = []
    for index in product(*(range(len(knob.values)) for knob in family.knobs)):
        outcome = model(dict(family.changes(index)))
        if target.met(outcome):
            met.append((outcome.area_mm2 or family.cost_of(index), index))
    return min(met)[1] if met else None


def searched(model: Model, most: int = 10**6, target: Target = TARGET, seed: int = 0) -> tuple[Smallest, Modelled]:
    evaluator = Modelled(model, most)
    return Search(make_family(BASES, KNOBS), target, evaluator, seed).run(), evaluator


def monotone(work: list[float], cores: float) -> Model:
    """Rates share the work; weight memory and mesh must hold the cores' weights; more memory means fewer, slower cores."""

    def model(changes: dict[str, float]) -> ChipOutcome:
        lanes, units, memory, side = changes.values()
        if cores * 196 / memory > side * side:
            return unfit()
        return outcome(work[0] / lanes * memory / 98 + work[1] / units)

    return model


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(work=some.lists(some.floats(0.1, 12), min_size=2, max_size=2), cores=some.floats(1, 400))
def test_it_is_the_smallest_where_rates_help_and_memories_may_hurt(work: list[float], cores: float) -> None:
    model = monotone(work, cores)
    wanted = smallest(make_family(BASES, KNOBS), model)
    if wanted is None:
        with pytest.raises(InputError, match="no chip of the family"):
            searched(model)
        return
    found, evaluator = searched(model)
    assert found.index == wanted and found.exhaustive
    assert len(evaluator.tried) <= prod(len(knob.values) for knob in KNOBS)
    few, evaluator = searched(model, most=60)  # less than all: what larger chips failed at is taken for granted
    assert few.index == wanted or not few.exhaustive


@settings(max_examples=15, deadline=None)
@given(seed=some.integers(0, 2**31))
def test_energy_may_do_what_it_likes(seed: int) -> None:
    table = np.random.default_rng(seed).uniform(0.5, 3, [len(knob.values) for knob in KNOBS])
    places = [{value: at for at, value in enumerate(knob.values)} for knob in KNOBS]

    def model(changes: dict[str, float]) -> ChipOutcome:
        at = tuple(place[value] for place, value in zip(places, changes.values(), strict=True))
        return ChipOutcome(True, "x", "x", 1, 0.5, 2.0, float(table[at]), 1)

    target = Target(energy_mj=0.8)
    wanted = smallest(make_family(BASES, KNOBS), model, target)
    found, _ = searched(model, target=target)
    assert found.index == wanted and found.exhaustive


def test_a_point_that_breaks_monotonicity_is_found_by_a_check_and_then_nothing_is_taken_for_granted() -> None:
    def model(changes: dict[str, float]) -> ChipOutcome:
        # Slower with more lanes below 32: every ruled-out point meets the target after all.
        return outcome({4: 0.5, 8: 0.6, 16: 2.0, 32: 0.9}[int(changes["synapse_core.lanes_per_cycle"])])

    found, _ = searched(model)
    assert found.index == smallest(make_family(BASES, KNOBS), model) == (0, 0, 0, 0)


@cache
def area_of(figures: tuple[tuple[str, Any], ...]) -> float:
    return die_area_mm2(BASES.chip(dict(figures))).total


@dataclass(frozen=True)
class Machine:
    """A made-up chip: work in cycles, memory in KiB, noise by the seed below what a schedule's anomalies may be."""

    lanes: float
    units: float
    weights: float
    seed: int

    def __call__(self, changes: dict[str, Any]) -> ChipOutcome:
        value = dict.fromkeys(FIGURES, 1.0) | {name: changes[name] for name in changes}
        area = area_of(tuple((name, one) for name, one in changes.items() if name != "noc.flit_bits"))
        tiles = value["mesh.width+mesh.height"] ** 2 if "mesh.width+mesh.height" in changes else 528
        per_core = value["synapse_core.weight_memory_kib"] * min(1.0, value["synapse_core.state_memory_kib"] / 40)
        cores = ceil(self.weights / per_core)
        chips = ceil(cores / tiles)
        if chips > 144:
            return unfit()
        odd = np.random.default_rng([self.seed, *(int(64 * one) for one in value.values())]).uniform(1 - ANOMALY / 3, 1)
        lanes, units = value["synapse_core.lanes_per_cycle"], value["ec_core.multipliers_per_cycle"]
        latency = (self.lanes / lanes / min(cores, 400) * 400 + self.units / units) * odd + 0.02 * chips**0.5
        latency += 0.1 * 64 / value["noc.flit_bits"]
        return outcome(latency, chips=chips, area_mm2=chips * area, energy_mj=latency + chips)


FIGURES = [knob.name for knob in knobs_of(BASES.own, None)]


@settings(max_examples=20, deadline=None)
@given(
    machine=some.builds(Machine, some.floats(1, 20), some.floats(1, 10), some.floats(1e3, 2e5), some.integers(0, 2**31)),
    names=some.permutations(FIGURES),
    sizes=some.lists(some.integers(1, 4), min_size=4, max_size=4),
    latency=some.floats(0.3, 2.0),
    most=some.sampled_from([25, 200]),
)
def test_small_families_of_boards_are_searched_as_brute_force_does(
    machine: Machine, names: list[str], sizes: list[int], latency: float, most: int
) -> None:
    given_values = {knob.name: knob.values for knob in knobs_of(BASES.own, None)}
    knobs = tuple(Knob(name, given_values[name][-size:]) for name, size in zip(names[:4], sizes, strict=True))
    family, target = make_family(BASES, knobs), Target(latency_ms=latency)
    wanted, evaluator = smallest(family, machine, target), Modelled(machine, most)
    search = Search(family, target, evaluator, 0)
    try:
        found = search.run()
    except InputError:
        assert wanted is None or most < family.size
        return
    assert_best_seen(search)
    if most >= family.size:
        assert found.exhaustive and found.index == wanted


def assert_best_seen(search: Search) -> None:
    """The answer is the smallest point tried that meets the target, and no neighbour is smaller."""
    family = search.family
    met = [(family.cost_of(at, one), at) for at, one in search.seen.items() if search.target.met(one)]
    assert search.best == min(met)
    for index in family.index[(abs(family.index - np.array(search.best[1])).sum(axis=1) == 1)].tolist():
        one = search.evaluate(family.changes(index), free=True)
        assert not search.target.met(one) or (family.cost_of(index, one), tuple(index)) > search.best


@pytest.mark.slow
def test_the_default_family_is_searched_as_brute_force_does() -> None:
    machine, target = Machine(8.0, 4.0, 60_000.0, 1), Target(latency_ms=1.2)
    family = make_family(BASES, knobs_of(BASES.own, None))
    assert family.size == 65_536 == len(family.cost)
    wanted = smallest(family, machine, target)
    search = Search(family, target, Modelled(machine), 0)
    found = search.run()
    assert found.exhaustive and found.index == wanted
    few = Search(family, target, Modelled(machine, 200), 0)
    assert not few.run().exhaustive
    assert_best_seen(few)


def test_every_word_is_tried_and_the_best_taken() -> None:
    knobs = (Knob("weights", ("resident", "streamed")), Knob("synapse_core.lanes_per_cycle", (4, 8, 16)), KNOBS[3])

    def model(changes: dict[str, Any]) -> ChipOutcome:
        side, streamed = changes["mesh.width+mesh.height"], changes["weights"] == "streamed"
        if not streamed and side < 24:
            return unfit()
        return outcome(8 / changes["synapse_core.lanes_per_cycle"] * (1.5 if streamed else 1.0), phases=4 if streamed else 1)

    for most in (10**6, 14):
        evaluator = Modelled(model, most)
        found = Search(make_family(BASES, knobs), TARGET, evaluator, 0).run()
        assert found.index == (1, 2, 0) and found.outcome.phases == 4, most
    loose = Search(make_family(BASES, knobs[:2]), Target(latency_ms=9), Modelled(lambda changes: outcome(1.0)), 0).run()
    assert loose.index == (0, 0), "of equal chips, the word that is named first"


@settings(max_examples=15, deadline=None)
@given(seed=some.integers(0, 2**31))
def test_once_a_check_has_found_that_more_is_slower_every_smaller_point_is_tried(seed: int) -> None:
    table = np.random.default_rng(seed).uniform(0.5, 6, [len(knob.values) for knob in KNOBS])
    places = [{value: at for at, value in enumerate(knob.values)} for knob in KNOBS]

    def model(changes: dict[str, float]) -> ChipOutcome:
        return outcome(float(table[tuple(place[value] for place, value in zip(places, changes.values(), strict=True))]))

    family = make_family(BASES, KNOBS)
    search = Search(family, TARGET, Modelled(model, 90), seed)
    try:
        found = search.run()
    except InputError as error:
        assert "ruled out by larger ones that failed" in str(error) or "evaluations were spent" in str(error)
        return
    assert_best_seen(search)
    if search.anomalies and found.exhaustive:
        assert found.index == smallest(family, model) and "not met monotonically" in found.statement


def test_a_board_of_several_chips_counts_whole() -> None:
    area = make_family(BASES, KNOBS)

    def model(changes: dict[str, float]) -> ChipOutcome:
        side = int(changes["mesh.width+mesh.height"])
        chips = {12: 9, 18: 2, 24: 1}[side]
        place = tuple(knob.values.index(int(changes[knob.name])) for knob in KNOBS)
        return ChipOutcome(True, "x", "x", 1, 0.5, 2.0, 1.0, chips, area_mm2=chips * area.cost_of(place))

    found, _ = searched(model)
    assert found.index == (0, 0, 0, 2)  # 576 tiles; two chips of 324 are more silicon, nine of 144 more still


def test_spent_evaluations_are_said_and_leave_the_best_that_was_found() -> None:
    model = monotone([6.0, 2.0], 100)
    whole, _ = searched(model)
    part, evaluator = searched(model, most=6)
    assert 6 < len(evaluator.tried) < 40, "beyond them the neighbours of the answer alone"
    tried = f"NOT EXHAUSTIVE: {len(evaluator.tried)} of 108 points tried, then the evaluations were spent"
    assert not part.exhaustive and part.statement.startswith(tried)
    assert whole.exhaustive and TARGET.met(part.outcome)


def test_a_target_out_of_reach_says_the_best_and_what_binds() -> None:
    def model(changes: dict[str, float]) -> ChipOutcome:
        return ChipOutcome(
            True,
            "ec_core.multipliers_per_cycle",
            "70 % of the critical path",
            1,
            5 - changes["mesh.width+mesh.height"] / 24,
            1.0,
            1.0,
            1,
        )

    with pytest.raises(InputError) as caught:
        searched(model)
    message = str(caught.value)
    assert "latency at most 1 ms" in message and "best reached 4 ms" in message and "mesh.width+mesh.height=24" in message
    assert "bound by ec_core.multipliers_per_cycle" in message and "of 108 points were tried" in message


def test_a_graph_that_no_chip_holds_says_what_is_short() -> None:
    with pytest.raises(InputError, match="no chip of the family holds the graph: does not fit"):
        searched(lambda changes: unfit("synapse_core.state_memory_bits"))


def test_the_largest_chip_need_not_be_the_one_that_meets_the_target() -> None:
    def model(changes: dict[str, float]) -> ChipOutcome:
        return outcome(changes["synapse_core.weight_memory_kib"] / 98)  # only small memories are fast enough

    found, _ = searched(model)
    assert found.index == (0, 0, 0, 0) and found.exhaustive


@given(least=some.integers(0, 30), extent=some.integers(1, 31))
def test_bisection_finds_the_first_that_meets(least: int, extent: int) -> None:
    calls = []

    def meets(at: int) -> bool:
        calls.append(at)
        return at >= least

    found = smallest_meeting(extent, meets, lambda high: high - 2)
    assert found == (least if least < extent else None)
    assert len(calls) <= 9


def test_bisection_goes_on_below_what_a_probe_finds() -> None:
    meets = {0, 1, 2, 3, 9, 10}
    assert smallest_meeting(11, lambda at: at in meets, lambda high: 3 if high == 9 else -1) == 0
