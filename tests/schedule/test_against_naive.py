"""Does the kernel give every job and message the cycles that an obvious program gives them?"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synaptile.conversion.graph import Concatenate, ConstantStream, Port, TokenMean, TokenSelect
from synaptile.hwmodels import Chip
from synaptile.hwmodels.sections import Dataflow
from synaptile.mapper import map_graph
from synaptile.mapper.refusal import DoesNotFit
from synaptile.simulator import Activity, Timeline, execute, schedule
from synaptile.simulator.schedule.replay import passages
from synaptile.simulator.schedule.timeline import LinkKind
from tests.graphs import vit_graph
from tests.mapper.chips import small_chip
from tests.schedule.naive import Job, Naive, Result, first_image
from tests.schedule.programs import build, executed, patches, place, plain_chip, readout, relu

CUT_THROUGH: dict[str, Any] = {"flow_control": "cut_through", "packet_flits": 2, "input_queue_flits": 3}
WORMHOLE: dict[str, Any] = {"flow_control": "wormhole", "input_queue_flits": 1, "multicast": False}


@st.composite
def chips(draw: st.DrawFn) -> Chip:
    chip = small_chip(
        mesh={
            "width": draw(st.integers(1, 3)),
            "height": draw(st.integers(1, 3)),
            "synapse_cores_per_tile": draw(st.integers(1, 2)),
            "ec_cores_per_tile": draw(st.integers(1, 2)),
            "max_chips": 60,
        },
        synapse={
            "weight_memory_bits": draw(st.integers(12, 400)) * 32,
            "state_memory_bits": draw(st.integers(60, 800)) * 32,
            "lanes_per_cycle": draw(st.integers(1, 8)),
            "neuron_updates_per_cycle": draw(st.sampled_from([0.41, 0.5, 1, 3])),
            "graded_spikes": draw(st.sampled_from(["shift", "replicate"])),
        },
        ec={
            "state_memory_bits": draw(st.integers(100, 1500)) * 32,
            "multipliers_per_cycle": draw(st.integers(1, 8)),
            "special_functions_per_cycle": draw(st.sampled_from([0.3, 1, 2])),
            "neuron_updates_per_cycle": draw(st.sampled_from([0.41, 2])),
        },
    )
    noc = replace(
        chip.noc,
        multicast=draw(st.booleans()),
        flit_bits=draw(st.sampled_from([16, 64, 128])),
        cycles_per_hop=draw(st.integers(1, 3)),
        link_flits_per_cycle=draw(st.sampled_from([0.3, 1, 2.5])),
        chip_crossing_cycles=draw(st.integers(1, 9)),
    )
    if draw(st.booleans()):
        worm, packet = not noc.multicast and draw(st.booleans()), draw(st.integers(1, 3))
        noc = replace(
            noc,
            link_flits_per_cycle=draw(st.sampled_from([0.5, 1, 2])),
            flow_control="wormhole" if worm else "cut_through",
            packet_flits=draw(st.sampled_from([None, packet])) if worm else packet,
            input_queue_flits=(0 if worm else packet) + draw(st.integers(1, 3)),
        )
    barrier, layer_major = draw(st.sampled_from([(True, False), (False, False), (False, True)]))
    if layer_major:
        flows = [Dataflow("layer_major", draw(st.integers(1, 4)), draw(st.integers(1, 2)), "registers", 3) for _ in range(2)]
        assert chip.ec_core is not None
        chip = replace(
            chip,
            synapse_core=replace(chip.synapse_core, dataflow=flows[0]),
            ec_core=replace(chip.ec_core, dataflow=flows[1]),
        )
    return replace(
        chip,
        noc=noc,
        synchronisation="barrier" if barrier else "dataflow",
        barrier_ns=draw(st.sampled_from([1.0, 30.5])) * barrier,
    )


def run(chip: Chip, draw: Any) -> Activity | None:
    """A tiny network on a chip, or None where it does not fit."""
    heads = draw(st.integers(1, 2))
    graph = vit_graph(
        depth=1,
        tokens=draw(st.integers(2, 5)),
        width=heads * draw(st.integers(2, 4)),
        heads=heads,
        hidden=draw(st.integers(3, 9)),
        classes=draw(st.integers(1, 4)),
        n=draw(st.integers(1, 6)),
        patch=1,
        seed=draw(st.integers(0, 99)),
        dense_head=draw(st.booleans()),
        select_first=draw(st.booleans()),
    )
    try:
        program = map_graph(graph, chip, replicas=draw(st.integers(1, 2)), anneal_moves=50, seed=draw(st.integers(0, 99)))
    except DoesNotFit:
        return None
    images = np.random.default_rng(draw(st.integers(0, 99))).standard_normal((2, *first_image(graph))).astype(np.float32)
    return execute(program, images, draw(st.integers(1, 3)), keep_spikes=2)


def keys(timeline: Timeline) -> list[Job]:
    """The twin's name of every job."""
    jobs, parts = timeline.jobs, timeline.program.parts
    step = jobs.image * timeline.activity.steps + jobs.step
    columns = (step, parts.node[jobs.part], jobs.token, jobs.part)
    return [Job(*row) for row in np.stack(columns, axis=1).tolist()]


def agree(timeline: Timeline, naive: Result) -> None:
    """The same jobs, messages and loads of links, cycle for cycle."""
    names = keys(timeline)
    jobs, messages, links = timeline.jobs, timeline.messages, timeline.links
    assert dict(zip(names, jobs.start_cycles.tolist(), strict=True)) == naive.start
    assert dict(zip(names, jobs.end_cycles.tolist(), strict=True)) == naive.end
    sent = zip(
        messages.job.tolist(),
        messages.group.tolist(),
        messages.target_core.tolist(),
        messages.injected_cycles.tolist(),
        messages.delivered_cycles.tolist(),
        strict=True,
    )
    assert {(names[job], group, core): (start, end) for job, group, core, start, end in sent} == naive.messages
    order = np.argsort(messages.send_order).tolist()
    in_order = [(names[messages.job[at]], int(messages.group[at]), int(messages.target_core[at])) for at in order]
    assert in_order == list(naive.messages), "links are reserved in this order"
    width = timeline.program.board[0] * timeline.program.chip.mesh.width
    rate = timeline.program.chip.noc.link_flits_per_cycle
    bounded = timeline.program.chip.noc.flow_control != "unbounded"
    if bounded:
        alone_on_each_link(timeline)
    assert links.kind.size == len(naive.carried if bounded else naive.trips)
    for at in range(links.kind.size):
        ends = int(links.source[at]), int(links.target[at])
        match LinkKind(int(links.kind[at])):
            case LinkKind.INJECTION:
                name: Any = ("in", ends[0])
            case LinkKind.EJECTION:
                name = ("out", ends[1])
            case _:
                name = tuple((tile % width, tile // width) for tile in ends)
        if bounded:
            assert naive.carried[name] == [links.flits[at], links.busy_cycles[at]]
            assert links.peak_queue_flits[at] <= timeline.program.chip.noc.input_queue_flits
            continue
        trips = naive.trips[name]
        assert all(before.end <= after.start for before, after in pairwise(trips))
        assert links.flits[at] == sum(trip.flits for trip in trips)
        assert links.busy_cycles[at] == sum(trip.end - trip.start for trip in trips)
        assert links.peak_queue_flits[at] >= max(queue(trips, i, rate) for i in range(len(trips)))


def alone_on_each_link(timeline: Timeline) -> None:
    """Replayed, a link carries one message at a time, in all the cycles in which it was busy."""
    (chunk,) = passages(timeline)
    order = np.lexsort((chunk.start_cycles, chunk.link))
    link, start, end = chunk.link[order], chunk.start_cycles[order], chunk.end_cycles[order]
    assert (end[:-1] <= start[1:])[link[:-1] == link[1:]].all() and (chunk.arrival_cycles <= chunk.start_cycles).all()
    busy = np.bincount(link, end - start, timeline.links.kind.size)
    assert busy.tolist() == timeline.links.busy_cycles.tolist()


def queue(trips: list[Any], at: int, rate: float) -> float:
    """Flits that stand before a link as the head of one message arrives, its own included."""
    mine = trips[at]
    standing = float(mine.flits)
    for other in trips[:at]:
        if other.arrival <= mine.arrival < other.end:
            standing += max(other.flits - max(mine.arrival - other.start, 0) * rate, 0)
    return standing


@pytest.mark.slow  # sixty networks through two schedulers, one of them naive
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(chips(), st.data())
def test_every_job_and_message_takes_the_cycles_that_the_naive_scheduler_gives_it(chip: Chip, data: st.DataObject) -> None:
    activity = run(chip, data.draw)
    if activity is None:
        return
    images = data.draw(st.integers(1, 2))
    timeline = schedule(activity, images=images)
    agree(timeline, Naive(activity, images, chip.synchronisation == "barrier").run())


@pytest.mark.slow
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("synchronisation", ["dataflow", "barrier"])
def test_a_synapse_split_over_its_input_agrees(synchronisation: str, bounded: bool) -> None:
    chip = small_chip(synapse={"weight_memory_bits": 14 * 32, "max_axons": 4})
    if bounded:
        chip = replace(chip, noc=replace(chip.noc, flit_bits=16, **CUT_THROUGH))
    graph = vit_graph(1, 4, 6, 2, 9, 3, patch=1)
    program = map_graph(graph, chip, anneal_moves=50)
    assert (program.parts.owner != np.arange(program.parts.owner.size)).any()
    images = np.random.default_rng(0).standard_normal((2, *first_image(graph))).astype(np.float32)
    activity = execute(program, images, 3, keep_spikes=2)
    timeline = schedule(activity, images=2, synchronisation=synchronisation)
    agree(timeline, Naive(activity, 2, synchronisation == "barrier").run())


@pytest.mark.parametrize("network", [{"multicast": True}, {"multicast": False}, CUT_THROUGH, WORMHOLE])
def test_streams_that_are_joined_cut_and_averaged_agree(network: dict[str, Any]) -> None:
    # Tokens are renumbered twice on their way: behind the constant's, then from the third on; the mean leaves the first one out.
    joined = Concatenate("joined", (Port("constant", 0, 3), Port("front", 0, 3)), (6, 3))
    graph = build(
        [
            ConstantStream("constant", (), (2, 3)),
            patches("front", 4, 3),
            joined,
            TokenSelect("select", (Port("joined", 0, 3),), (4, 3), 2, 6),
            relu("r", "select", 4, 3),
            TokenMean("mean", (Port("r", 0, 3),), (1, 3), 1, 4),
            readout("mean", 3),
        ],
        (2, 2),
    )
    tiles = {"constant": (0, 0), "front": (1, 0), "joined": (1, 1), "select": (3, 1), "r": (0, 2), "mean": (0, 0)}
    activity = executed(place(graph, plain_chip(**network), tiles), steps=3, images=2)
    timeline = schedule(activity, images=2)
    agree(timeline, Naive(activity, 2, False).run())
    assert int((timeline.messages.elements > 0).sum()) == timeline.messages.job.size
