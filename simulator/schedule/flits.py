"""The network with bounded queues, cycle by cycle: every router input asks, every link grants, every flit moves once.

In a cycle all decisions rest on the state at its begin: a flit that leaves makes room from the next cycle on. A link that no
packet holds goes to the input whose turn it is (round robin) among those whose packet may enter: the queue behind has room for
a flit (wormhole), for the packet (cut-through), for two packets on the way into a ring of a torus (bubble rule). It then stays
with that packet to its last flit. The branches of a tree copy a packet each at its own pace; a flit leaves its queue when all
have it.
"""

from __future__ import annotations

from typing import Any

from synaptile.simulator.compiled import uncounted
from synaptile.simulator.schedule.fabric import CUT_THROUGH, NEVER, WORMHOLE, Fabric, FlitState, Place

TURNS = 1 << 20
"""More than the inputs of any router."""


@uncounted
def enqueue(fabric: Fabric, state: FlitState, message: int, core: int, now: int) -> None:
    """Append a message, whose `tree` and `size` are set, to those that a core sends."""
    if state.waiting[core] < 0:
        state.waiting[core] = message
    else:
        state.following[state.last[core]] = message
    state.last[core] = message
    _activate(state, fabric.queues + core)
    state.totals[Place.NEXT] = min(state.totals[Place.NEXT], now)


@uncounted
def unloaded(fabric: Fabric, tree: int, leaf: int) -> int:
    """Cycles that a head takes to a leaf, numbered among all, with no other packet about: what a message of no flit takes."""
    node = fabric.node_offset[tree]
    while fabric.leaf[node] != leaf:
        node += 1
    took, node = 0, fabric.parent[node]
    while node >= 0:
        took += fabric.latency[fabric.node_link[node]]
        node = fabric.parent[node]
    return took


@uncounted
def advance(fabric: Fabric, state: FlitState, now: int) -> int:
    """Do one cycle; returns the next one in which anything can move, NEVER where nothing is left or all is locked up.

    Whole messages that left their core in this cycle are ``left[:totals[LEFT]]``; those that reached a leaf are
    ``delivered_message[:totals[DELIVERED]]`` at `delivered_leaf`. Both hold from cycle now + per_flit on.
    """
    totals = state.totals
    totals[Place.DELIVERED] = totals[Place.LEFT] = 0
    touched, soonest = _request(fabric, state, now)
    for i in range(touched):
        _carry(fabric, state, state.touched[i], now)
        state.best[state.touched[i]] = -1
    _leave(fabric, state)
    totals[Place.NEXT] = now + 1 if touched else soonest
    following: int = totals[Place.NEXT]
    return following


@uncounted
def _activate(state: FlitState, queue: int) -> None:
    if state.marked[queue] == 0:
        state.marked[queue] = 1
        state.active[state.totals[Place.ACTIVE]] = queue
        state.totals[Place.ACTIVE] += 1


@uncounted
def _load(fabric: Fabric, state: FlitState, queue: int) -> None:
    """Bring the next packet to the front of a queue or a source."""
    if queue >= fabric.queues:
        message = state.waiting[queue - fabric.queues]
        state.front_node[queue] = fabric.node_offset[state.tree[message]]
    else:
        at = queue * fabric.room + state.head[queue]
        message = state.message[at]
        state.front_node[queue], state.first[queue] = state.node[at], state.number[at]
    state.front[queue] = message
    state.length[queue] = state.size[message] - state.first[queue]
    if fabric.longest > 0:
        state.length[queue] = min(state.length[queue], fabric.longest)


@uncounted
def _branches(fabric: Fabric, state: FlitState, queue: int) -> int:
    node = state.front_node[queue]
    return 1 if queue >= fabric.queues else fabric.child_offset[node + 1] - fabric.child_offset[node]


@uncounted
def _child(fabric: Fabric, state: FlitState, queue: int, branch: int) -> int:
    """The node that a branch of the front packet leads to."""
    node: int = state.front_node[queue]
    return node if queue >= fabric.queues else fabric.child[fabric.child_offset[node] + branch]


@uncounted
def _ready(fabric: Fabric, state: FlitState, queue: int, flit: int) -> int:
    """When a flit of the front packet can leave; NEVER where it has not come yet."""
    if queue >= fabric.queues:
        return 0
    ahead = flit - state.popped[queue]
    if ahead >= state.held[queue]:
        return NEVER
    when: int = state.ready[queue * fabric.room + (state.head[queue] + ahead) % fabric.room]
    return when


@uncounted
def _charge(fabric: Fabric, state: FlitState, queue: int, link: int) -> int:
    """Flits of room that the front packet takes behind a link: on a ring all packets take as much as the longest."""
    return fabric.longest if fabric.ring[link] >= 0 else state.length[queue]


@uncounted
def _may_enter(fabric: Fabric, state: FlitState, queue: int, link: int, flit: int) -> bool:
    if link >= fabric.queues:
        return True
    if fabric.control == WORMHOLE:
        return bool(state.credit[link] >= 1)
    if flit > 0:
        return True
    needed = _charge(fabric, state, queue, link)
    if fabric.ring[link] >= 0 and (queue >= fabric.queues or fabric.ring[queue] != fabric.ring[link]):
        needed += fabric.longest
    return bool(state.credit[link] >= needed)


@uncounted
def _request(fabric: Fabric, state: FlitState, now: int) -> tuple[int, int]:
    """Let the front packet of every queue ask for its links; how many links carry something, and when else one could."""
    touched, soonest = 0, NEVER
    for i in range(state.totals[Place.ACTIVE]):
        queue = state.active[i]
        if state.front[queue] < 0:
            _load(fabric, state, queue)
        for branch in range(_branches(fabric, state, queue)):
            flit = state.taken[queue, branch]
            if flit == state.length[queue]:
                continue
            link = fabric.node_link[_child(fabric, state, queue, branch)]
            if state.owner[link] >= 0 and state.owner[link] != queue:
                continue
            when = max(_ready(fabric, state, queue, flit), state.free[link])
            if when > now:
                soonest = min(soonest, when)
                continue
            if not _may_enter(fabric, state, queue, link, flit):
                continue
            if state.best[link] < 0:
                state.touched[touched] = link
                touched += 1
            else:
                turn = state.turn[link]
                if (fabric.port[queue] - turn) % TURNS >= (fabric.port[state.best[link]] - turn) % TURNS:
                    continue
            state.best[link], state.branch[link] = queue, branch
    return touched, soonest


@uncounted
def _carry(fabric: Fabric, state: FlitState, link: int, now: int) -> None:
    """Move flits of the winner over a link."""
    queue, branch = state.best[link], state.branch[link]
    node, flit, message = _child(fabric, state, queue, branch), state.taken[queue, branch], state.front[queue]
    sink, begun = link >= fabric.queues, flit
    if flit == 0:
        state.owner[link], state.turn[link] = queue, fabric.port[queue] + 1
        if fabric.control == CUT_THROUGH and not sink:
            state.credit[link] -= _charge(fabric, state, queue, link)
        if state.first[queue] == 0 and queue >= fabric.queues:
            state.injected[message] = now
    if state.open.size:
        _note(state, link, message, (_ready(fabric, state, queue, flit) if queue < fabric.queues else now, now, fabric.per_flit))
    while flit - begun < fabric.per_cycle and flit < state.length[queue] and _ready(fabric, state, queue, flit) <= now:
        if not sink:
            if fabric.control == WORMHOLE:
                if state.credit[link] < 1:
                    break
                state.credit[link] -= 1
            at = link * fabric.room + (state.head[link] + state.held[link]) % fabric.room
            state.message[at], state.number[at], state.node[at] = message, state.first[queue] + flit, node
            state.ready[at] = now + fabric.latency[link]
            state.held[link] += 1
        flit += 1
    if not sink:
        state.peak[link] = max(state.peak[link], state.held[link])
        _activate(state, link)
    state.taken[queue, branch] = flit
    state.free[link] = now + fabric.per_flit
    state.flits[link] += flit - begun
    state.busy[link] += fabric.per_flit
    if flit == state.length[queue]:
        state.owner[link] = -1
        if state.first[queue] + flit == state.size[message]:
            _arrived(fabric, state, message, node)
            if queue >= fabric.queues:
                state.left[state.totals[Place.LEFT]] = message
                state.totals[Place.LEFT] += 1


@uncounted
def _note(state: FlitState, link: int, message: int, times: Any) -> None:
    """A link carries a message: go on with its stretch, or begin one. times: when the flit came, now, cycles that it takes."""
    arrival, now, took = times
    at = state.open[link]
    if at < 0 or state.stretch[0, at] != message or state.stretch[4, at] != now:
        at = state.totals[Place.STRETCHES]
        state.totals[Place.STRETCHES] += 1
        state.open[link] = at
        state.stretch[0, at], state.stretch[1, at], state.stretch[2, at], state.stretch[3, at] = message, link, arrival, now
    state.stretch[4, at] = now + took


@uncounted
def _arrived(fabric: Fabric, state: FlitState, message: int, node: int) -> None:
    """The last flit of a message has passed a link of its tree."""
    if fabric.leaf[node] >= 0:
        at = state.totals[Place.DELIVERED]
        state.delivered_message[at], state.delivered_leaf[at] = message, fabric.leaf[node]
        state.totals[Place.DELIVERED] += 1


@uncounted
def _leave(fabric: Fabric, state: FlitState) -> None:
    """Take out of the queues what all branches have, and forget queues with nothing in them."""
    kept = 0
    for i in range(state.totals[Place.ACTIVE]):
        queue = state.active[i]
        if state.front[queue] >= 0:
            least = state.length[queue]
            for branch in range(_branches(fabric, state, queue)):
                least = min(least, state.taken[queue, branch])
            if queue < fabric.queues:
                gone = least - state.popped[queue]
                state.head[queue] = (state.head[queue] + gone) % fabric.room
                state.held[queue] -= gone
                if fabric.ring[queue] < 0:
                    state.credit[queue] += gone
            state.popped[queue] = least
            if least == state.length[queue]:
                _next_packet(fabric, state, queue)
        empty = state.waiting[queue - fabric.queues] < 0 if queue >= fabric.queues else state.held[queue] == 0
        if empty:
            state.marked[queue] = 0
        else:
            state.active[kept] = queue
            kept += 1
    state.totals[Place.ACTIVE] = kept


@uncounted
def _next_packet(fabric: Fabric, state: FlitState, queue: int) -> None:
    """The front packet of a queue has left it on all its branches."""
    message = state.front[queue]
    state.front[queue], state.popped[queue] = -1, 0
    state.taken[queue, :] = 0
    if queue < fabric.queues:
        if fabric.ring[queue] >= 0:
            state.credit[queue] += fabric.longest
        return
    state.first[queue] += state.length[queue]
    if state.first[queue] == state.size[message]:
        state.first[queue] = 0
        state.waiting[queue - fabric.queues] = state.following[message]
