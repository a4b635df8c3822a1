"""Bounded queues: routers, links and the branches of every tree, as the cycle-by-cycle network walks them."""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from synaptile.foundation.errors import ChipError
from synaptile.foundation.types import Int32, Int64
from synaptile.hwmodels import Chip
from synaptile.simulator.schedule.rates import exact_rate
from synaptile.simulator.schedule.timeline import Int8
from synaptile.simulator.schedule.trees import Links, Trees

UNBOUNDED, CUT_THROUGH, WORMHOLE = range(3)
"""Numbers of `noc.flow_control` for kernels."""


class Place(IntEnum):
    """Places in `FlitState.totals`: active queues, deliveries and messages that left in this cycle, the next cycle, stretches."""

    ACTIVE = 0
    DELIVERED = 1
    LEFT = 2
    NEXT = 3
    STRETCHES = 4


NEVER = 1 << 62


class Fabric(NamedTuple):
    """What does not change. Columns of shape (links,) are indexed as `Links`: mesh, injection, ejection.

    Every mesh and injection link ends in a queue of `room` flits, the first `queues` links; cores send from sources, numbered
    after them. `port` (queues + cores,) orders the inputs of a router. `ring` is the ring of a torus that a link is part of, -1
    elsewhere. Tree i has nodes ``node_offset[i]:node_offset[i + 1]``, its injection first, one per link (`node_link`), behind its
    `parent`; behind node v come ``child[child_offset[v]:child_offset[v + 1]]``; `leaf` is the leaf of a tree, -1 in front of
    routers. A packet has up to `longest` flits. A link carries `per_cycle` flits in `per_flit` cycles.
    """

    control: int
    latency: Int64
    ring: Int32
    port: Int32
    node_offset: Int64
    node_link: Int32
    parent: Int64
    child_offset: Int64
    child: Int32
    leaf: Int32
    queues: int
    room: int
    longest: int
    per_cycle: int
    per_flit: int


class FlitState(NamedTuple):
    """What changes. Rings have shape (queues * room,): `message`, `number` of a flit in it, its tree `node`, when it is `ready`.

    Shape (queues + cores,): the packet at the `front` (its message, -1: none), its node, `first` flit, `length`, flits `popped`;
    `taken` (queues + cores, branches) counts flits that each branch has copied. Shape (links,): the queue that `owner` names
    holds a link until its packet has passed; `turn` is the port whose turn it is; `free` when the link is free; `best` and
    `branch` the winner of a cycle. `waiting`, `last` (cores,) and `following` (messages,) are the lists of messages to send.
    Where `open` (links,) is given, stretches of time in which a link carries one message are noted: its `stretch` is open.
    """

    message: Int32
    number: Int32
    node: Int32
    ready: Int64
    head: Int64
    held: Int64
    credit: Int64
    front: Int32
    front_node: Int32
    first: Int32
    length: Int32
    popped: Int32
    taken: Int32
    owner: Int32
    turn: Int32
    free: Int64
    best: Int32
    branch: Int32
    touched: Int32
    flits: Int64
    busy: Int64
    peak: Int64
    waiting: Int32
    last: Int32
    following: Int32
    tree: Int32
    size: Int32
    injected: Int64
    active: Int32
    marked: Int8
    delivered_message: Int32
    delivered_leaf: Int32
    left: Int32
    open: Int64
    stretch: Int64
    totals: Int64


def flow_control(chip: Chip) -> int:
    """The number of a chip's flow control."""
    return {"unbounded": UNBOUNDED, "cut_through": CUT_THROUGH, "wormhole": WORMHOLE}[chip.noc.flow_control]


def build_fabric(chip: Chip, links: Links, trees: Trees, source_core: Int32, rings: Int32) -> Fabric:
    """Lay out the network; source_core: (groups,), rings: (mesh links,). Raises ChipError for a rate of part flits."""
    if flow_control(chip) == UNBOUNDED:
        return _none(links)
    core = source_core[trees.group]
    link, parent, leaf, offset = _nodes(links, trees, core)
    children = np.argsort(parent, kind="stable")
    children = children[np.searchsorted(parent[children], 0) :]
    rate = exact_rate(chip, "noc.link_flits_per_cycle", chip.noc.link_flits_per_cycle)
    if 1 not in (rate.numerator, rate.denominator):
        raise ChipError(
            f"chip {chip.name!r}: noc.link_flits_per_cycle is {rate}, and bounded queues move whole flits: "
            f"give a whole number, or one over a whole number, or write flow_control: unbounded"
        )
    room = chip.noc.input_queue_flits
    return Fabric(
        control=flow_control(chip),
        latency=links.latency,
        ring=np.concatenate([rings, np.full(2 * links.cores, -1)]).astype(np.int32),
        port=_ports(links),
        node_offset=offset,
        node_link=link,
        parent=parent,
        child_offset=np.searchsorted(parent[children], np.arange(link.size + 1)).astype(np.int64),
        child=children.astype(np.int32),
        leaf=leaf,
        queues=links.mesh + links.cores,
        room=room,
        longest=chip.noc.packet_flits or (0 if chip.noc.flow_control == "wormhole" else room),
        per_cycle=max(int(rate), 1),
        per_flit=int(1 / min(rate, Fraction(1))),
    )


def _none(links: Links) -> Fabric:
    none, long = np.zeros(0, np.int32), np.zeros(1, np.int64)
    return Fabric(UNBOUNDED, links.latency[:0], none, none, long, none, long, long, none, none, 0, 1, 0, 1, 1)


def check_packets(chip: Chip, flits: Int32) -> None:
    """Raise ChipError where a message is one packet (no `packet_flits`) that no queue holds. flits: of all messages."""
    noc, most = chip.noc, int(flits.max(initial=0))
    if noc.flow_control == "cut_through" and noc.packet_flits is None and most > noc.input_queue_flits:
        raise ChipError(
            f"chip {chip.name!r}: a message has {most:,} flits, a router queue {noc.input_queue_flits} (noc.input_queue_flits), "
            f"and cut_through needs room for a whole packet: give noc.packet_flits (messages are cut into such packets), or "
            f"longer queues"
        )


def idle_flits(fabric: Fabric, messages: int, stretches: int = 0) -> FlitState:
    """A network with nothing in it, for `messages` messages; room for `stretches` where they are to be noted."""
    sources, links = fabric.port.size, fabric.latency.size
    cores, flits = sources - fabric.queues, fabric.queues * fabric.room
    branches = int(np.diff(fabric.child_offset).max(initial=1))

    def whole(size: int, value: int = 0) -> Int32:
        return np.full(size, value, np.int32)

    def long(size: int) -> Int64:
        return np.zeros(size, np.int64)

    return FlitState(
        whole(flits), whole(flits), whole(flits), long(flits),
        head=long(fabric.queues), held=long(fabric.queues), credit=np.full(fabric.queues, fabric.room, np.int64),
        front=whole(sources, -1), front_node=whole(sources), first=whole(sources), length=whole(sources),
        popped=whole(sources),
        taken=np.zeros((sources, branches), np.int32),
        owner=whole(links, -1), turn=whole(links), free=long(links), best=whole(links, -1), branch=whole(links),
        touched=whole(links),
        flits=long(links), busy=long(links), peak=long(links),
        waiting=whole(cores, -1), last=whole(cores, -1), following=whole(messages, -1),
        tree=whole(messages), size=whole(messages), injected=long(messages),
        active=whole(sources), marked=np.zeros(sources, np.int8),
        delivered_message=whole(links), delivered_leaf=whole(links), left=whole(cores),
        open=np.full(links if stretches else 0, -1, np.int64), stretch=np.zeros((5, stretches), np.int64),
        totals=np.array([0, 0, 0, NEVER, 0], np.int64),
    )  # fmt: skip


def _nodes(links: Links, trees: Trees, core: Int32) -> tuple[Int32, Int64, Int32, Int64]:
    """Link, parent (-1: a tree's injection) and leaf of every node, and where trees begin."""
    inner, leaves = np.diff(trees.offset), np.diff(trees.leaf_offset)
    offset = np.append(0, np.cumsum(1 + inner + leaves)).astype(np.int64)
    link, parent, leaf = np.zeros(offset[-1], np.int32), np.full(offset[-1], -1, np.int64), np.full(offset[-1], -1, np.int32)
    link[offset[:-1]] = links.mesh + core
    for each, before, at in ((trees.offset, trees.parent, 0), (trees.leaf_offset, trees.leaf_parent, inner)):
        tree = np.repeat(np.arange(core.size), np.diff(each))
        place = offset[tree] + 1 + np.broadcast_to(at, inner.shape)[tree] + np.arange(tree.size) - each[tree]
        link[place] = trees.leaf_link if each is trees.leaf_offset else trees.link
        parent[place] = offset[tree] + 1 + before
        if each is trees.leaf_offset:
            leaf[place] = np.arange(tree.size)
    return link, parent, leaf, offset


def _ports(links: Links) -> Int32:
    """Number of each queue among the inputs of its router: links from above, below, left, right, then cores; sources have 0."""
    queues = links.mesh + links.cores
    source, target = links.source[:queues].astype(np.int64), links.target[:queues]
    mesh = np.arange(queues) < links.mesh
    step = np.where(mesh, source - target, 0)
    far = np.where(step > 1, 0, np.where(step < -1, 1, np.where(step == -1, 2, 3)))
    order = np.lexsort((source, np.where(mesh, far, 4), target))
    port = np.empty(queues, np.int32)
    port[order] = np.arange(queues) - np.searchsorted(target[order], target[order])
    return np.append(port, np.zeros(links.cores, np.int32))
