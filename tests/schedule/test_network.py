"""Is the network with bounded queues what decision 21 says? Against a naive twin, closed forms, and the RTL of pymtl3-net."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mesh import ALONE, ours, patterns, recorded
from synaptile.foundation.errors import ChipError, InputError
from synaptile.foundation.types import Int64
from synaptile.hwmodels import Chip
from synaptile.hwmodels.consistency import contradictions
from synaptile.mapper.topology import distances, next_router, rings, topology_of
from synaptile.simulator.schedule.fabric import build_fabric
from synaptile.simulator.schedule.network import Messages, send_bounded, send_packets
from synaptile.simulator.schedule.trees import MULTICAST, Links, TreeBuilder, Trees, list_links
from tests.schedule.naive_network import NaiveNetwork
from tests.schedule.programs import plain_chip

WIDTH = 4
BOUNDED: dict[str, Any] = {"flow_control": "cut_through", "packet_flits": 3, "input_queue_flits": 8}


def chip_of(width: int = WIDTH, **noc: Any) -> Chip:
    chip = plain_chip(**({"cycles_per_hop": 1} | noc))
    return replace(chip, mesh=replace(chip.mesh, width=width, height=width))


def lay(chip: Chip, rng: np.random.Generator, count: int, receivers: int) -> tuple[Links, Trees, Int64]:
    """Trees from random tiles to some others, links found hop by hop."""
    topology = topology_of(chip, (1, 1))
    source = rng.integers(0, topology.tiles, count)
    paths: list[list[tuple[int, int]]] = []
    goals = [np.unique(rng.integers(0, topology.tiles, receivers)) for _ in range(count)]
    for start, ends in zip(source.tolist(), goals, strict=True):
        path: list[tuple[int, int]] = []
        for end in ends.tolist():
            here = start
            while here != end:
                there = int(next_router(topology, here, end))
                path += [(here, there)] if (here, there) not in path else []
                here = there
        paths.append(path)
    every = sorted({link for path in paths for link in path})
    joined = np.array(every, np.int32).reshape(-1, 2).T
    links = list_links(chip, topology, joined[0], joined[1], np.arange(topology.tiles, dtype=np.int32))
    builder = TreeBuilder(links)
    for tree, path in enumerate(paths):
        reached = {there: at for at, (_, there) in enumerate(path)}
        parent = [reached.get(here, -1) for here, _ in path]
        number = np.array([every.index(link) for link in path], np.int64)
        leaves = [(int(core), reached.get(int(core), -1)) for core in goals[tree]]
        builder.add(tree, MULTICAST, number, parent, leaves, {core: np.zeros(0, np.int64) for core, _ in leaves})
    return links, builder.trees(), source


def naive_of(chip: Chip, links: Links, trees: Trees, source: Int64) -> NaiveNetwork:
    laid = []
    for tree in range(trees.group.size):
        root = links.mesh + int(source[tree])
        below: dict[int, list[int]] = {}
        mine = trees.link[trees.offset[tree] : trees.offset[tree + 1]].tolist()
        parents = trees.parent[trees.offset[tree] : trees.offset[tree + 1]].tolist()
        leaves = slice(int(trees.leaf_offset[tree]), int(trees.leaf_offset[tree + 1]))
        for link, parent in [
            *zip(mine, parents, strict=True),
            *zip(trees.leaf_link[leaves].tolist(), trees.leaf_parent[leaves].tolist(), strict=True),
        ]:
            below.setdefault(root if parent < 0 else mine[parent], []).append(link)
        laid.append((root, below))
    noc = chip.noc
    queues = range(links.mesh + links.cores)
    order = {  # inputs of a router: from above, below, left, right, then its core; in a tree by number
        link: (links.kind[link], _side(int(links.source[link]) - int(links.target[link])), int(links.source[link]))
        if link < links.mesh
        else (9, 0, 0)
        for link in queues
    }
    port: dict[Any, int] = {("core", links.mesh + core): 0 for core in range(links.cores)}
    for link in queues:
        port[link] = sum(1 for other in queues if links.target[other] == links.target[link] and order[other] < order[link])
    topology = topology_of(chip, (1, 1))
    ring = [*rings(topology, links.source[: links.mesh], links.target[: links.mesh]).tolist(), *[-1] * (2 * links.cores)]
    sinks = set(range(links.mesh + links.cores, links.kind.size))
    rate = noc.link_flits_per_cycle
    pace = (int(max(rate, 1)), int(1 / min(rate, 1)))
    longest = noc.packet_flits or 0
    return NaiveNetwork(noc.flow_control, noc.input_queue_flits, longest, links.latency.tolist(), ring, port, sinks, laid, pace)


def _side(step: int) -> int:
    return 0 if step > 1 else 1 if step < -1 else 2 if step == -1 else 3


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_message_arrives_in_the_cycle_that_the_naive_network_says(data: st.DataObject) -> None:
    control = data.draw(st.sampled_from(["cut_through", "wormhole"]))
    worm = control == "wormhole"
    topology = data.draw(st.sampled_from(["mesh", "tree"] if worm else ["mesh", "torus", "tree"]))
    packet: Any = data.draw(st.sampled_from([None, 2, 3, 7]) if worm else st.integers(1, 4))
    queue = data.draw(st.integers(1, 6)) if worm else packet * (2 if topology == "torus" else 1) + data.draw(st.integers(0, 3))
    chip = chip_of(
        3,
        topology=topology,
        flow_control=control,
        packet_flits=packet,
        input_queue_flits=queue,
        cycles_per_hop=data.draw(st.integers(1, 3)),
        link_flits_per_cycle=data.draw(st.sampled_from([1, 2, 0.5])),
        multicast=not worm,
    )
    assert not [problem for problem in contradictions(chip) if problem[0][0] == "noc"]
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    links, trees, source = lay(chip, rng, 6, 1 if worm else 3)
    count = 30
    tree, flits = rng.integers(0, 6, count), rng.integers(1, 9, count).astype(np.int32)
    time = np.sort(rng.integers(0, 40, count))
    ring = rings(topology_of(chip, (1, 1)), links.source[: links.mesh], links.target[: links.mesh])
    fabric = build_fabric(chip, links, trees, source.astype(np.int32), ring)
    state, delivered = send_bounded(fabric, Messages(tree, source[tree].astype(np.int32), flits, 0 * time, time))
    naive = naive_of(chip, links, trees, source)
    assert delivered.tolist() == naive.run(list(zip(tree.tolist(), flits.tolist(), time.tolist(), strict=True)))
    assert (state.held == 0).all() and (state.credit == queue).all() and (state.owner == -1).all()
    crossed = flits[:, None] * (1 + np.diff(trees.offset) + np.diff(trees.leaf_offset))[tree][:, None]
    assert state.flits.sum() == crossed.sum() and state.peak.max() <= queue


@pytest.mark.parametrize("flow", [{"flow_control": "unbounded"}, BOUNDED, {"flow_control": "wormhole", "multicast": False}])
@pytest.mark.parametrize("topology", ["mesh", "torus", "tree"])
def test_a_packet_alone_takes_its_hops_and_its_flits(flow: dict[str, Any], topology: str) -> None:
    if topology == "torus" and flow["flow_control"] == "wormhole":
        pytest.skip("refused: it locks up")
    chip = chip_of(topology=topology, cycles_per_hop=2, **flow)
    for flits in (1, 3):  # of one packet: a second one would wait at a ring for room for two
        for goal in range(WIDTH * WIDTH):
            sent = send_packets(chip, [5], [goal], [flits], [10])
            hops = distances(topology_of(chip, (1, 1)), np.array([5]), np.array([goal]))[0]
            assert sent.delivered_cycles.tolist() == [10 + 1 + 2 * hops + flits]


def test_a_torus_under_more_than_it_carries_never_locks_up() -> None:
    chip = chip_of(topology="torus", flow_control="cut_through", packet_flits=2, input_queue_flits=4)
    tile = np.arange(WIDTH * WIDTH)
    source = np.tile(tile, 20)
    goal = np.tile((tile // WIDTH + 2) % WIDTH * WIDTH + (tile + 2) % WIDTH, 20)  # two hops along either ring, for all at once
    sent = send_packets(chip, source, goal, 1 + np.arange(source.size) % 2, np.zeros(source.size))
    assert (sent.delivered_cycles > 0).all() and sent.links.peak_queue_flits.max() <= 4


@pytest.mark.parametrize(
    ("noc", "figure", "remedy"),
    [
        ({"topology": "torus", "flow_control": "wormhole", "multicast": False}, "flow_control", "write cut_through"),
        ({"flow_control": "wormhole"}, "flow_control", "write cut_through"),
        ({"flow_control": "cut_through", "packet_flits": 9, "input_queue_flits": 8}, "packet_flits", "shorten packets to 8"),
        ({"topology": "torus", **BOUNDED, "packet_flits": 5}, "packet_flits", "shorten packets to 4"),
        ({"topology": "torus", **BOUNDED, "packet_flits": None}, "packet_flits", "has to be known"),
        ({"packet_flits": 4}, "packet_flits", "write cut_through"),
        ({**BOUNDED, "input_queue_flits": 5000}, "input_queue_flits", "lower it"),
        ({"spike_format": "bitmap", "messages": "spike"}, "spike_format", "write aer"),
    ],
)
def test_a_network_that_could_lock_up_is_refused(noc: dict[str, Any], figure: str, remedy: str) -> None:
    found = [(where, text) for where, text in contradictions(chip_of(**noc)) if where[0] == "noc"]
    assert [where for where, _ in found] == [("noc", figure)] and remedy in found[0][1]


def test_rings_of_two_and_messages_longer_than_a_queue_are_refused() -> None:
    assert any(where == ("mesh", "width") for where, _ in contradictions(chip_of(1, topology="torus")))
    with pytest.raises(ChipError, match=r"a message has 9 flits, a router queue 8 .*give noc.packet_flits"):
        send_packets(chip_of(**{**BOUNDED, "packet_flits": None}), [0], [1], [9], [0])
    with pytest.raises(ChipError, match="link_flits_per_cycle is 3/2"):
        send_packets(chip_of(**BOUNDED, link_flits_per_cycle=1.5), [0], [1], [1], [0])
    with pytest.raises(InputError, match="0 to 15"):
        send_packets(chip_of(), [0], [16], [1], [0])


@pytest.mark.parametrize("pattern", list(patterns()), ids=lambda pattern: pattern.key)
def test_latencies_are_those_of_pymtl3_net(pattern: Any) -> None:
    """Within 5 % of figures recorded by ``python -m benchmarks.mesh``, all 52; to the recorded digits where packets are alone."""
    packets, shipped = pattern.packets(), recorded()
    assert set(shipped) == {one.key for one in patterns()}
    found = (ours(pattern, packets) - packets[:, 3]).mean()
    theirs = shipped[pattern.key]
    assert found == (pytest.approx(theirs, abs=5e-5) if pattern.name == ALONE else pytest.approx(theirs, rel=0.05))
