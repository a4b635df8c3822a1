"""Does each rule of the schedule hold in cycles that can be worked out on paper?

One operation a cycle, one word a flit, one flit a cycle: a message of w words sent at t over h mesh links is held by its receiver
from t + 1 + 2 h + w (a cycle to the router, two a hop, and w until its last flit has left the ejection link).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synaptile.conversion.graph import (
    Add,
    Concatenate,
    ConstantStream,
    ECUnit,
    MTNeurons,
    Node,
    Port,
    ProductUnit,
    Synapse,
    TokenMean,
)
from synaptile.simulator import Timeline, schedule
from synaptile.simulator.schedule.timeline import OPERANDS, Cause, LinkKind
from tests.schedule.programs import build, executed, neurons, patches, place, plain_chip, readout, relu


def times(timeline: Timeline, node: str) -> list[tuple[int, int]]:
    """Start and end of a node's jobs, in order of image, step and token."""
    jobs = timeline.jobs
    chosen = np.flatnonzero(timeline.program.parts.node[jobs.part] == timeline.program.node_names.index(node))
    order = chosen[np.lexsort((jobs.token[chosen], jobs.step[chosen], jobs.image[chosen]))]
    return list(zip(jobs.start_cycles[order].tolist(), jobs.end_cycles[order].tolist(), strict=True))


def sent_by(timeline: Timeline, node: str) -> np.ndarray:
    """Messages of a node, in order of injection."""
    index = timeline.program.node_names.index(node)
    return np.flatnonzero(timeline.program.parts.node[timeline.jobs.part[timeline.messages.job]] == index)


def test_one_core_and_one_token_take_their_operations_one_after_another() -> None:
    graph = build([patches("front", 1, 4), readout("front", 4)])
    timeline = schedule(executed(place(graph, plain_chip(), {"front": (0, 0)}), steps=2))
    assert times(timeline, "front") == [(0, 16), (24, 24)], "4 * 4 operations, once an image"
    assert times(timeline, "readout") == [(16, 24), (24, 32)], "2 * 4 operations"
    assert timeline.step_end_cycles.tolist() == [[24, 32]]
    assert timeline.makespan_cycles == timeline.cores.busy.sum() == 32
    assert timeline.messages.job.size == 0 and timeline.links.kind.size == 0
    assert timeline.bottleneck.name.startswith("multiply unit of EC core 0") and timeline.bottleneck.share == 1.0


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_chain_without_contention_adds_runs_and_hops(length: int) -> None:
    nodes: list[Node] = [patches("front", 1, 4)]
    nodes += [relu(f"r{i}", f"r{i - 1}" if i else "front", 1, 4) for i in range(length)]
    graph = build([*nodes, readout(f"r{length - 1}", 4)])
    tiles = {"front": (0, 0)} | {f"r{i}": (i + 1, 0) for i in range(length)}
    timeline = schedule(executed(place(graph, plain_chip(), tiles)))
    hop = 1 + 2 + 4
    for i in range(length):
        start = 16 + (i + 1) * hop + i * 20
        assert times(timeline, f"r{i}") == [(start, start + 20)], "5 * 4 operations"
    assert timeline.makespan_cycles == 16 + length * (hop + 20) + 8
    path = timeline.critical_path
    assert [hold.node for hold in path] == ["front", *(f"r{i}" for i in range(length)), "readout"]
    assert [hold.wait_cycles for hold in path] == [0, *[hop] * length, 0]
    assert [hold.cause for hold in path] == [Cause.NOTHING, *[Cause.NETWORK] * length, Cause.INPUT]
    last = timeline.cores
    assert last.idle[-1] == timeline.makespan_cycles - 28, "nothing is asked of a core before its first job"


@pytest.mark.parametrize(("multipliers", "delivered", "queue"), [(6, 11, 5), (4, 11, 4), (3, 13, 4)])
def test_a_link_is_blocked_in_its_last_cycle_and_free_in_the_next(multipliers: int, delivered: int, queue: int) -> None:
    # The constant's four flits leave the mesh link in cycles 1 to 4, so N = 5. The other head comes after 3 + 1, 4 + 1 or 6 + 1.
    chip = plain_chip()
    assert chip.ec_core is not None
    chip = replace(chip, ec_core=replace(chip.ec_core, multipliers_per_cycle=multipliers))
    joined = Concatenate("joined", (Port("constant", 0, 4), Port("front", 0, 4)), (2, 4))
    mean = TokenMean("mean", (Port("joined", 0, 4),), (1, 4), 0, 2)
    graph = build([ConstantStream("constant", (), (1, 4)), patches("front", 1, 4), joined, mean, readout("mean", 4)])
    timeline = schedule(executed(place(graph, chip, {"constant": (0, 0), "front": (0, 0), "joined": (1, 0)})))
    assert timeline.messages.injected_cycles.tolist() == [0, -(-16 // multipliers)]
    assert timeline.messages.delivered_cycles.tolist() == [1 + 2 + 4, delivered]
    assert times(timeline, "mean")[0][0] == delivered
    mesh = timeline.links.kind == LinkKind.MESH
    assert timeline.links.flits[mesh].tolist() == timeline.links.busy_cycles[mesh].tolist() == [8]
    assert timeline.links.peak_queue_flits[mesh].tolist() == [queue]


def test_a_barrier_holds_every_step_back() -> None:
    chip = replace(plain_chip(), synchronisation="barrier", barrier_ns=5.0)  # 2.5 cycles at 500 MHz
    graph = build([patches("front", 1, 4), readout("front", 4)])
    activity = executed(place(graph, chip, {"front": (0, 0)}), steps=3)
    timeline = schedule(activity)
    assert timeline.synchronisation == "barrier"
    assert timeline.step_end_cycles.tolist() == [[24, 24 + 3 + 8, 24 + 2 * (3 + 8)]]
    assert timeline.cores.idle.tolist() == [2 * 3]
    assert [hold.wait_cycles for hold in timeline.critical_path if hold.cause is Cause.BARRIER] == [3, 3]
    without = schedule(activity, synchronisation="dataflow")
    assert without.synchronisation == "dataflow" and without.step_end_cycles.tolist() == [[24, 32, 40]]
    untold = schedule(executed(place(graph, plain_chip(), {"front": (0, 0)})), synchronisation="barrier")
    assert any("barriers take 0 cycles" in note for note in untold.notes)


TREE = {"front": (2, 2), "near": (4, 2), "far": (4, 4), "here": (2, 2), "sum": (0, 0)}


def tree_graph() -> list[Node]:
    names = ("near", "far", "here")
    added = Add("sum", tuple(Port(name, 0, 4) for name in names), (1, 4))
    return [patches("front", 1, 4), *(relu(name, "front", 1, 4) for name in names), added, readout("sum", 4)]


def test_a_multicast_tree_crosses_each_link_once() -> None:
    timeline = schedule(executed(place(build(tree_graph()), plain_chip(), TREE)))
    mine = sent_by(timeline, "front")
    assert timeline.messages.hops[mine].tolist() == [4] and timeline.messages.target_core[mine].tolist() == [-1]
    assert timeline.messages.injected_cycles[mine].tolist() == [16]
    for name, hops in (("here", 0), ("near", 2), ("far", 4)):
        assert times(timeline, name)[0][0] == 16 + 1 + 2 * hops + 4
    assert timeline.messages.delivered_cycles[mine].tolist() == [16 + 1 + 8 + 4]


def test_unicast_copies_leave_one_after_another_in_order_of_core() -> None:
    timeline = schedule(executed(place(build(tree_graph()), plain_chip(multicast=False), TREE)))
    mine = sent_by(timeline, "front")
    assert timeline.messages.target_core[mine].tolist() == [1, 2, 3]
    assert timeline.messages.hops[mine].tolist() == [2, 4, 0]
    assert timeline.messages.injected_cycles[mine].tolist() == [16, 20, 24]
    assert timeline.messages.delivered_cycles[mine].tolist() == [16 + 1 + 4 + 4, 20 + 1 + 8 + 4, 24 + 1 + 4]


def test_a_softmax_row_waits_for_its_last_key() -> None:
    keys = 8
    nodes: list[Node] = [
        patches("front", 2, 2),
        neurons("q", "front", 2, 2),
        ConstantStream("keys", (), (keys, 2)),
        neurons("k", "keys", keys, 2),
        ProductUnit("qk", (Port("q", 0, 2), Port("k", 0, 2)), (1, 2, keys), "qk", 1, keys, 2),
        ECUnit("softmax", (Port("qk", 0, 1),), (1, 2, keys), "softmax"),
    ]
    nodes += [
        MTNeurons("p", (Port("softmax", 0, 1),), (1, 2, keys), 0.25, 0.25, 2),
        ProductUnit("sv", (Port("p", 0, 1), Port("k", 0, 2)), (2, 2), "sv", 1, keys, 2),
        TokenMean("mean", (Port("sv", 0, 2),), (1, 2), 0, 2),
        readout("mean", 2),
    ]
    tiles = {"front": (2, 1), "keys": (1, 0), "qk": (2, 0), "softmax": (2, 2), "sv": (7, 7)}
    activity = executed(place(build(nodes, (1, 2)), plain_chip(), tiles))
    timeline = schedule(activity)
    spikes = {site: activity.spikes[site].events[0, 0].sum(axis=-1).tolist() for site in ("q", "k")}
    flits = {site: [max(1, -(-30 * sent // 32)) for sent in spikes[site]] for site in spikes}
    assert times(timeline, "k") == [(2 * i, 2 * i + 2) for i in range(keys)]
    last_key = 2 * keys + 1 + 2 + flits["k"][-1]
    summed = last_key + sum(spikes["k"])
    assert timeline.jobs.token.min() == OPERANDS
    assert times(timeline, "qk")[0] == (last_key, summed)
    assert 20 + 1 + 2 + flits["q"][1] < summed, "the queries have long been there"
    row = [spikes["q"][i] * keys + spikes["q"][i] + 7 * keys for i in range(2)]
    assert times(timeline, "qk")[1:] == [(summed, summed + row[0]), (summed + row[0], summed + sum(row))]
    assert times(timeline, "softmax")[0][0] == summed + row[0] + 1 + 2 * 2 + keys


def test_a_synapse_has_room_for_two_tokens_on_their_way() -> None:
    tokens, width = 6, 10
    nodes = [
        ConstantStream("constant", (), (tokens, 2)),
        neurons("fired", "constant", tokens, 2),
        Synapse("synapse", (Port("fired", 0, 2),), (tokens, width), 2),
        TokenMean("mean", (Port("synapse", 0, width),), (1, width), 0, tokens),
        patches("front", 1, width),
        Add("sum", (Port("mean", 0, width), Port("front", 0, width)), (1, width)),
        readout("sum", width),
    ]
    tiles = {"constant": (0, 0), "synapse": (1, 0), "mean": (2, 0), "front": (2, 1)}
    activity = executed(place(build(nodes), plain_chip(), tiles), steps=2)
    timeline = schedule(activity)
    fired: list[tuple[int, int]] = []
    accumulated: list[tuple[int, int]] = []
    for step in range(2):
        for token in range(tokens):
            sent = int(activity.spikes["fired"].events[step, 0, token].sum())
            k = step * tokens + token
            room = accumulated[k - 2][0] if k >= 2 else 0
            start = max(fired[-1][1] if fired else 0, room)
            fired.append((start, start + 2))
            arrival = start + 2 + 1 + 2 + max(1, -(-30 * sent // 32))
            gathered = accumulated[tokens - 1][1] + 1 + 2 + width if step else 0  # the mean took up the first step's tokens
            start = max(arrival, gathered, accumulated[-1][1] if accumulated else 0)
            accumulated.append((start, start + sent * width + width))
    assert times(timeline, "fired") == fired
    assert times(timeline, "synapse") == accumulated
    assert fired[2][0] == accumulated[0][0] > fired[1][1], "the third token had to wait"
    blocked = timeline.jobs.cause == Cause.OUTPUT
    assert timeline.cores.stalled_network[0] > 0 and blocked.any()


def test_two_images_are_in_the_chain_at_once() -> None:
    graph = build([patches("front", 1, 4), relu("r", "front", 1, 4), readout("r", 4)])
    tiles = {"front": (0, 0), "r": (1, 0), "readout": (2, 0)}
    timeline = schedule(executed(place(graph, plain_chip(), tiles), images=3), images=2)
    # Each core goes on to the second image when the first one's token has been taken up behind it: at 16 + 7, at 43 + 7.
    assert times(timeline, "front") == [(0, 16), (23, 39)]
    assert times(timeline, "r") == [(23, 43), (50, 70)]
    assert times(timeline, "readout") == [(50, 58), (77, 85)]
    assert timeline.image_start_cycles.tolist() == [0, 23]
    assert timeline.step_end_cycles.tolist() == [[58], [85]]
    assert timeline.latency_cycles == 58 and timeline.interval_cycles == 27
    assert timeline.images_per_second == pytest.approx(500e6 / 27)
