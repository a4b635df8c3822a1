"""send_packets(): the network of a chip by itself, under any pattern of packets; and messages sent anew, for traces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from synaptile.foundation.errors import InputError, ScheduleError
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.mapper.topology import Topology, rings, topology_of, trees
from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.fabric import (
    NEVER,
    Fabric,
    FlitState,
    Place,
    build_fabric,
    check_packets,
    idle_flits,
)
from synaptile.simulator.schedule.flits import advance, enqueue
from synaptile.simulator.schedule.links import LinkState, carried, deliver, idle_links, send
from synaptile.simulator.schedule.rates import check_figures, cycles, exact_rate
from synaptile.simulator.schedule.timeline import LinkTable
from synaptile.simulator.schedule.trees import Links, TreeBuilder, Trees, list_links
from synaptile.simulator.schedule.ways import Ways, ways_of


@dataclass(frozen=True)
class Deliveries:
    """When each packet left its core, and when its last flit had reached the other, shape (packets,); links as in a timeline."""

    injected_cycles: Int64
    delivered_cycles: Int64
    links: LinkTable


class Messages(NamedTuple):
    """Messages in order of sending: tree, core, flits, cycles of a link, cycle of sending. Shape (messages,) each."""

    tree: Int64
    core: Int32
    flits: Int32
    busy: Int64
    time: Int64


def send_packets(
    chip: Chip,
    source: ArrayLike,
    destination: ArrayLike,
    flits: ArrayLike,
    time_cycles: ArrayLike,
    *,
    board: tuple[int, int] = (1, 1),
) -> Deliveries:
    """Send packets from tile to tile, one core per tile, in the order given; a core sends no packet before its `time_cycles`.

    Args:
        chip: its `noc` says topology, flow control, queues and cycles.
        source: tiles that send, ``y * width + x`` of the board, shape (packets,).
        destination: tiles that receive.
        flits: length of each packet.
        time_cycles: when each is handed to its core's injection link; not falling.
        board: columns and rows of chips.

    Raises:
        InputError: arrays differ in shape, or hold a tile that is not there, no flits, or falling times.
        ChipError: the chip's network cannot carry them.
    """
    check_figures(chip)
    topology = topology_of(chip, board)
    columns = [np.asarray(column, np.int64) for column in (source, destination, flits, time_cycles)]
    _check(topology, *columns)
    sent_from, to, length, time = columns
    pair, tree = np.unique(sent_from * topology.tiles + to, return_inverse=True)
    links, laid, core = _lay(chip, topology, pair // topology.tiles, pair % topology.tiles)
    busy = cycles(length, exact_rate(chip, "noc.link_flits_per_cycle", chip.noc.link_flits_per_cycle))
    messages = Messages(tree.astype(np.int64), sent_from.astype(np.int32), length.astype(np.int32), busy, time)
    table = (links.kind, links.source, links.target)
    if chip.noc.flow_control == "unbounded":
        state = idle_links(links, laid)
        injected, delivered = np.zeros((2, time.size), np.int64)
        _send_all(messages, ways_of(links, laid, core, every=True), state, injected, delivered)
        carries, works = (carried(links, laid, messages.tree, messages.core, each) for each in (messages.flits, busy))
        return Deliveries(injected, delivered, LinkTable(*table, carries, works, state.links["peak"].copy()))
    check_packets(chip, messages.flits)
    fabric = build_fabric(chip, links, laid, core, rings(topology, links.source[: links.mesh], links.target[: links.mesh]))
    flit_state, delivered = send_bounded(fabric, messages)
    return Deliveries(flit_state.injected, delivered, LinkTable(*table, flit_state.flits, flit_state.busy, flit_state.peak))


def send_bounded(fabric: Fabric, messages: Messages, *, noted: bool = False) -> tuple[FlitState, Int64]:
    """Send messages through bounded queues; the state after the last, and when each was delivered, shape (messages,)."""
    links = np.diff(fabric.node_offset)[messages.tree]
    room = int((links * np.maximum(messages.flits, 1)).sum()) if noted else 0  # a stretch has a flit at least
    state, delivered = idle_flits(fabric, messages.tree.size, room), np.zeros(messages.tree.size, np.int64)
    state.tree[:], state.size[:] = messages.tree, messages.flits
    order = np.argsort(messages.time, kind="stable")
    if not _run(fabric, state, messages, order, delivered):
        raise ScheduleError(
            f"packets lock one another up in the network: {int((delivered == 0).sum()):,} of {delivered.size:,} messages never "
            f"arrive; report this as a defect"
        )
    return state, delivered


def _check(topology: Topology, source: Int64, destination: Int64, flits: Int64, time: Int64) -> None:
    if not source.ndim == 1 or len({column.shape for column in (source, destination, flits, time)}) > 1:
        raise InputError("source, destination, flits and time_cycles differ in shape: give one of each per packet")
    for name, tiles in (("source", source), ("destination", destination)):
        if tiles.size and not (tiles.min() >= 0 and tiles.max() < topology.tiles):
            raise InputError(f"{name} holds tiles {tiles.min()} to {tiles.max()}, the board has 0 to {topology.tiles - 1}")
    if flits.size and flits.min() < 1:
        raise InputError(f"flits holds {flits.min()}, a packet has at least 1")
    if time.size and (time.min() < 0 or (np.diff(time) < 0).any()):
        raise InputError("time_cycles is negative or falls from one packet to the next: give packets in order of time")


def _lay(chip: Chip, topology: Topology, source: Int64, target: Int64) -> tuple[Links, Trees, Int32]:
    """Links and one path per pair of tiles, and the source of each."""
    size = np.arange(source.size + 1)
    longest = 2 * (topology.width + topology.height)
    ends = np.empty((2, max(source.size * longest, 1)), np.int32)
    offset = trees(topology, source, size, target, ends)
    ends = ends[:, : offset[-1]]
    code = ends[0].astype(np.int64) * topology.parent.size + ends[1]
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    links = list_links(chip, topology, ends[0, first], ends[1, first], np.arange(topology.tiles, dtype=np.int32))
    builder = TreeBuilder(links)
    for pair, core in enumerate(target.tolist()):
        path = number[offset[pair] : offset[pair + 1]]
        builder.add(pair, core, path, list(range(-1, len(path) - 1)), [(core, len(path) - 1)], {core: np.zeros(0, np.int64)})
    return links, builder.trees(), source.astype(np.int32)


@uncounted
def _send_all(messages: Messages, ways: Ways, state: LinkState, injected: Int64, delivered: Int64) -> None:
    for row in range(messages.tree.size):
        tree, flits, busy = ways.trees[messages.tree[row]], messages.flits[row], messages.busy[row]
        injected[row] = send(state, ways.hops, tree, messages.core[row], (messages.time[row], flits, busy))
        for leaf in range(tree["leaf"], tree["leaf_stop"]):
            delivered[row] = max(delivered[row], deliver(state, ways.leaves[leaf], flits, busy))


@uncounted
def _pass_silently(fabric: Fabric, state: FlitState, message: int, now: int, delivered: Int64) -> None:
    """A message of no flit: it takes no link, and is there as soon as a head could be."""
    tree = state.tree[message]
    state.injected[message] = now
    for node in range(fabric.node_offset[tree], fabric.node_offset[tree + 1]):
        when, before = now, fabric.parent[node]
        while before >= 0:
            when += fabric.latency[fabric.node_link[before]]
            before = fabric.parent[before]
        if state.open.size:
            at = state.totals[Place.STRETCHES]
            state.totals[Place.STRETCHES] += 1
            state.stretch[0, at], state.stretch[1, at] = message, fabric.node_link[node]
            state.stretch[2:, at] = when
        if fabric.leaf[node] >= 0:
            delivered[message] = max(delivered[message], when)


@uncounted
def _run(fabric: Fabric, state: FlitState, messages: Messages, order: Int64, delivered: Int64) -> bool:
    """Advance cycle by cycle until all is delivered; False where nothing can move and something is left."""
    at = 0
    while True:
        now = state.totals[Place.NEXT]
        if at < order.size:
            now = min(now, messages.time[order[at]])
        if now == NEVER:
            return bool(state.totals[Place.ACTIVE] == 0)
        while at < order.size and messages.time[order[at]] == now:
            if messages.flits[order[at]] > 0:
                enqueue(fabric, state, order[at], messages.core[order[at]], now)
            else:
                _pass_silently(fabric, state, order[at], now, delivered)
            at += 1
        advance(fabric, state, now)
        for i in range(state.totals[Place.DELIVERED]):
            row = state.delivered_message[i]
            delivered[row] = max(delivered[row], now + fabric.per_flit)
