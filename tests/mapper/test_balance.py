"""Does mapping for time lose nothing, keep every limit, compute the same, and never take longer than mapping for room?"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import Convolution2d, Source, SpikingGraph, Synapse
from synaptile.conversion.nir import from_nir
from synaptile.foundation.errors import InputError
from synaptile.foundation.options import MappingGoal
from synaptile.hwmodels import Chip, load_chip, vary
from synaptile.images import digits as digit_images
from synaptile.mapper import CoreProgram, FiringRates, load_program, map_graph, save_program
from synaptile.mapper.expected import phases
from synaptile.mapper.load import part_loads
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import Activity, execute, firing_rates, schedule
from synaptile.simulator.rebase import rebased
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.mapper.test_properties import chips, every_weight_once, graphs, no_limit_exceeded
from tests.nir.networks import convolutional
from tests.schedule.naive import first_image
from tests.synaptile.models import small_digits_graph

GRAPH = vit_graph(depth=1, tokens=5, width=8, heads=2, hidden=16, classes=3)
FOR_TIME: tuple[MappingGoal, ...] = ("latency", "throughput")


def batch(graph: SpikingGraph, images: int) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((images, *first_image(graph))).astype(np.float32)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"goal": "speed"}, "goal is 'speed', must be one of room, latency, throughput"),
        ({"goal": "latency", "replicas": 2}, "replicas is 2 and the goal is 'latency'.*leave out one"),
        ({"goal": "throughput", "replicas": {"head": 1}}, "replicas is {'head': 1}"),
        ({"rates": FiringRates()}, "goal is 'room', which does not read them"),
        ({"goal": "latency", "rates": FiringRates(4, {"blocks.9.q": 0.1})}, "'blocks.9.q', which is no site"),
    ],
)
def test_a_goal_that_is_unknown_or_contradicted_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        map_graph(GRAPH, small_chip(), **options)


@pytest.mark.parametrize(
    ("rates", "said"),
    [((0, {}), "steps of the expected run is 0"), ((4, {"head.in": 1.5}), "'head.in' is 1.5, must be from 0 to 1")],
)
def test_rates_that_no_run_has_are_refused(rates: tuple[int, dict[str, float]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        FiringRates(*rates)


@settings(max_examples=6)
@given(graphs(), chips(), st.sampled_from(FOR_TIME))
def test_it_loses_nothing_doubles_nothing_and_exceeds_nothing(graph: SpikingGraph, chip: Chip, goal: MappingGoal) -> None:
    try:
        room = map_graph(graph, chip, anneal_moves=0)
    except DoesNotFit:
        with pytest.raises(DoesNotFit):
            map_graph(graph, chip, goal=goal, anneal_moves=0)
        return
    program = map_graph(graph, chip, goal=goal, anneal_moves=0)
    assert program.board == room.board
    no_limit_exceeded(program)
    for node in graph.nodes.values():
        if isinstance(node, Synapse):
            every_weight_once(program, node)
        elif not isinstance(node, Source):
            painted = np.zeros((node.tokens, node.width), int)
            for part in program.parts_of(node.name):
                parts = program.parts
                painted[parts.token_start[part] : parts.token_stop[part], parts.out_start[part] : parts.out_stop[part]] += 1
            assert (painted == 1).all()
    assert program.balance is not None
    assert program.balance.expected_cycles <= program.balance.room_cycles
    assert program.balance.gains or same_parts(program, room)


def same_parts(first: CoreProgram, second: CoreProgram) -> bool:
    return all(np.array_equal(getattr(first.parts, f.name), getattr(second.parts, f.name)) for f in fields(first.parts))


@pytest.mark.slow
@pytest.mark.parametrize("numeric", ["int8", "float64"])
def test_what_is_computed_does_not_depend_on_the_goal(numeric: str) -> None:
    graph = vit_graph(depth=2, tokens=10, width=16, heads=2, hidden=40, classes=5, dtype=np.float64)
    chip = small_chip(synapse={"weight_memory_bits": 300 * 32}, ec={"state_memory_bits": 1500 * 32})
    goals: tuple[MappingGoal, ...] = ("room", *FOR_TIME)
    programs = [map_graph(graph, chip, goal=goal, anneal_moves=0) for goal in goals]
    room, *others = (execute(program, batch(graph, 2), 4, numeric) for program in programs)
    for program, other in zip(programs[1:], others, strict=True):
        assert program.parts.node.size > programs[0].parts.node.size
        np.testing.assert_array_equal(other.logits, room.logits)
        for site, record in room.spikes.items():
            np.testing.assert_array_equal(other.spikes[site].histogram, record.histogram)


@pytest.mark.slow
def test_expected_loads_are_those_of_the_schedule() -> None:
    """With links so wide that nothing waits for them; what spikes cause to some percent, the rest to the cycle."""
    graph = vit_graph(depth=2, tokens=20, width=24, heads=2, hidden=60, classes=5)
    chip = small_chip(
        mesh={"width": 8, "height": 8},
        synapse={"weight_memory_bits": 700 * 32, "lanes_per_cycle": 2},
        ec={"multipliers_per_cycle": 2, "state_memory_bits": 4000 * 32},
    )
    chip = replace(chip, noc=replace(chip.noc, flit_bits=1 << 20))
    for program in (map_graph(graph, chip, anneal_moves=0), map_graph(graph, chip, goal="throughput", anneal_moves=0)):
        activity = execute(program, batch(graph, 1), 5)
        jobs = schedule(activity).jobs
        took = np.bincount(jobs.part, jobs.end_cycles - jobs.start_cycles, program.parts.node.size)
        expected = part_loads(graph, chip, firing_rates(activity), program.parts).image(activity.steps)
        for name in program.node_names:
            own = program.parts_of(name)
            of_spikes = graph.nodes[name].kind in ("synapse", "product")
            np.testing.assert_allclose(expected[own].sum(), took[own].sum(), rtol=0.08 if of_spikes else 0, err_msg=name)


def test_layers_between_two_gathers_work_in_turns() -> None:
    graph = vit_graph(depth=2, tokens=5, width=8, heads=2, hidden=16, classes=3)
    turn = dict(zip(graph.nodes, phases(graph).tolist(), strict=True))
    assert {turn[name] for name in ("patch_embed", "blocks.0.attn.qkv", "blocks.0.attn.k")} == {0}
    assert {turn[f"blocks.0.{name}"] for name in ("attn.qk", "attn.softmax", "attn.sv", "mlp.fc2", "add2")} == {1}
    assert {turn["blocks.1.attn.qkv"], turn["blocks.1.attn.sv"]} == {0, 1}


def times(activity: Activity, program: CoreProgram, images: int) -> tuple[int, float]:
    timeline = schedule(rebased(activity, program), images=images)
    return timeline.latency_cycles, timeline.interval_cycles


@pytest.fixture(scope="module")
def digits() -> Activity:
    program = map_graph(small_digits_graph(), load_chip("ecmt45-mini"), anneal_moves=10_000)
    return execute(program, digit_images("test", 3).images, 6, keep_spikes=3)


@pytest.mark.slow
@pytest.mark.parametrize("measured", [False, True])
def test_the_digits_are_faster_than_mapped_for_room(digits: Activity, measured: bool) -> None:
    graph, chip = digits.program.graph, digits.program.chip
    latency, interval = times(digits, digits.program, 3)
    rates = firing_rates(digits) if measured else None
    assert times(digits, map_graph(graph, chip, goal="latency", rates=rates, anneal_moves=10_000), 3)[0] < latency
    assert times(digits, map_graph(graph, chip, goal="throughput", rates=rates, anneal_moves=10_000), 3)[1] < interval


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_random_transformers_are_never_slower_than_mapped_for_room(seed: int) -> None:
    rng = np.random.default_rng(seed)
    heads = int(rng.integers(1, 4))
    graph = vit_graph(
        int(rng.integers(1, 3)), int(rng.integers(4, 20)), heads * int(rng.integers(3, 10)), heads, int(rng.integers(8, 60)), 5
    )
    chip = small_chip(
        mesh={"width": int(rng.integers(3, 7))},
        synapse={"weight_memory_bits": int(rng.integers(300, 3000)) * 32, "lanes_per_cycle": int(rng.choice([1, 4, 32]))},
        ec={"state_memory_bits": int(rng.integers(2500, 9000)) * 32, "multipliers_per_cycle": int(rng.choice([1, 4, 16]))},
    )
    program = map_graph(graph, chip, anneal_moves=1000)
    activity = execute(program, batch(graph, 3), 4, keep_spikes=3)
    latency, interval = times(activity, program, 3)
    assert times(activity, map_graph(graph, chip, goal="latency", anneal_moves=1000), 3)[0] <= latency
    assert times(activity, map_graph(graph, chip, goal="throughput", anneal_moves=1000), 3)[1] <= interval


@pytest.mark.slow
@pytest.mark.parametrize("goal", FOR_TIME)
def test_narrow_weights_do_not_make_a_chip_slower(digits: Activity, goal: MappingGoal) -> None:
    graph, chip = digits.program.graph, digits.program.chip
    narrow = vary(chip, {"synapse_core.weight_bits": 8})
    latency, interval = times(digits, map_graph(graph, chip, goal=goal), 3)
    fast_latency, fast_interval = times(digits, map_graph(graph, narrow, goal=goal), 3)
    assert fast_latency <= latency if goal == "latency" else fast_interval <= interval
    assert times(digits, map_graph(graph, narrow), 3)[0] > times(digits, digits.program, 3)[0], "for room they do"


def test_a_board_without_spare_cores_is_mapped_as_for_room() -> None:
    chip = small_chip(mesh={"width": 1, "height": 1, "max_chips": 1})
    room = map_graph(GRAPH, chip)
    for goal in FOR_TIME:
        program = map_graph(GRAPH, chip, goal=goal)
        assert program.balance is not None and not program.balance.gains
        assert same_parts(program, room)


def test_convolutions_are_cut_over_channels() -> None:
    graph = from_nir(convolutional())
    chip = vary(small_chip(), {"synapse_core.lanes_per_cycle": 1})
    room, fast = map_graph(graph, chip), map_graph(graph, chip, goal="throughput")
    for node in graph.of_type(Convolution2d):
        assert room.parts_of(node.name).size <= fast.parts_of(node.name).size <= node.channels
    cut = [fast.parts_of(node.name).size for node in graph.of_type(Convolution2d)]
    assert max(cut) > 1, cut


@pytest.mark.slow
def test_goal_and_rates_are_kept_in_the_file_and_when_mapped_anew(digits: Activity, tmp_path: Path) -> None:
    graph, chip, rates = digits.program.graph, digits.program.chip, firing_rates(digits)
    program = map_graph(graph, chip, goal="throughput", rates=rates, anneal_moves=0)
    assert program.options["goal"] == "throughput"
    save_program(program, tmp_path / "digits.map")
    loaded = load_program(tmp_path / "digits.map")
    assert loaded.balance == program.balance and dict(loaded.options) == dict(program.options)
    wider = vary(chip, {"synapse_core.lanes_per_cycle": 8})
    moved = schedule(rebased(digits, loaded), wider).program
    there = map_graph(graph, wider, goal="throughput", rates=rates, anneal_moves=0)
    assert same_parts(moved, there) and moved.balance == there.balance
    assert map_graph(graph, chip, anneal_moves=0).balance is None
