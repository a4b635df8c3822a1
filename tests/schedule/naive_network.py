"""Bounded queues written again from docs/decisions/0021-network.md: lists of flits, room counted anew from what stands there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Flit:
    message: Any
    number: int
    ready: int


@dataclass
class Front:
    """The packet at the front: its message, its flits first:stop, and how many each branch has."""

    message: Any
    first: int
    stop: int
    branches: dict[Any, int]


@dataclass
class NaiveNetwork:
    """Links have any names. `trees`: root link, and children of each link. `sinks` end at cores. `longest` 0: one packet each."""

    control: str
    room: int
    longest: int
    latency: Any
    ring: Any
    port: Any
    sinks: Any
    trees: Any
    pace: tuple[int, int] = (1, 1)
    messages: Any = field(default_factory=dict)
    queues: dict[Any, list[Flit]] = field(default_factory=lambda: defaultdict(list))
    fronts: dict[Any, Front] = field(default_factory=dict)
    holder: dict[Any, Any] = field(default_factory=dict)
    turn: dict[Any, int] = field(default_factory=lambda: defaultdict(int))
    free: dict[Any, int] = field(default_factory=lambda: defaultdict(int))
    coming: dict[Any, list[list[Any]]] = field(default_factory=lambda: defaultdict(list))
    carried: dict[Any, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    began: dict[Any, int] = field(default_factory=dict)

    def run(self, messages: list[tuple[int, int, int]]) -> list[int]:
        """messages: tree, flits, time, in order of time; when each is out everywhere."""
        out = [0] * len(messages)
        left = sum(self.leaves(tree) for tree, _, _ in messages)
        now = 0
        while left:
            for at, (tree, flits, time) in enumerate(messages):
                if time == now:
                    self.send(at, tree, flits)
            arrived, _ = self.step(now)
            for message, _ in arrived:
                out[message] = max(out[message], now + self.pace[1])
            left -= len(arrived)
            now += 1
            assert now < 100_000, "locked up"
        return out

    def send(self, message: Any, tree: Any, flits: int) -> None:
        """Hand a message to its core's source."""
        self.messages[message] = tree, flits
        self.queues["core", self.trees[tree][0]] += [Flit(message, n, 0) for n in range(flits)]

    def step(self, now: int) -> tuple[list[tuple[Any, Any]], list[Any]]:
        """One cycle: messages that are out at a sink, with that link, and messages that have left their source."""
        moves = []
        for queue in self.queues:
            self.find_front(queue)
        for link in {link for front in self.fronts.values() for link in front.branches}:
            askers = [queue for queue, front in self.fronts.items() if link in front.branches and self.asks(queue, link, now)]
            if askers:
                best = min(askers, key=lambda queue: (self.port[queue] - self.turn[link]) % 1000)
                moves.append((best, link, self.movable(best, link, now)))
        ended = [self.move(queue, link, count, now) for queue, link, count in moves]
        for front in list(self.fronts):
            self.leave(front)
        over = [(queue, link, message) for queue, link, message in ended if message is not None]
        return [(m, link) for _, link, m in over if link in self.sinks], [m for queue, _, m in over if _is_source(queue)]

    def leaves(self, tree: Any) -> int:
        root, below = self.trees[tree]
        return sum(1 for link in {root, *[c for cs in below.values() for c in cs]} if link in self.sinks)

    def find_front(self, queue: Any) -> None:
        if queue in self.fronts or not self.queues[queue]:
            return
        flit = self.queues[queue][0]
        tree, size = self.messages[flit.message]
        root, below = self.trees[tree]
        stop = min(size, flit.number + (self.longest or size))
        links = [root] if _is_source(queue) else below[queue]
        self.fronts[queue] = Front(flit.message, flit.number, stop, dict.fromkeys(links, 0))

    def standing(self, queue: Any) -> dict[int, Flit]:
        """Flits of the front packet that are here, by their number."""
        front = self.fronts[queue]
        return {f.number: f for f in self.queues[queue] if f.message == front.message and front.first <= f.number < front.stop}

    def space(self, link: Any) -> int:
        """Room behind a link, with what has been promised taken off."""
        if self.ring[link] >= 0:
            packets = {(f.message, f.number // self.longest) for f in self.queues[link]}
            packets |= {(promise[0], promise[1] // self.longest) for promise in self.coming[link]}
            return self.room - self.longest * len(packets)
        promised: int = sum(stop - next_ for _, next_, stop in self.coming[link])
        return self.room - len(self.queues[link]) - promised

    def movable(self, queue: Any, link: Any, now: int) -> int:
        front, here = self.fronts[queue], self.standing(queue)
        count, at = 0, front.first + front.branches[link]
        while count < self.pace[0] and at < front.stop and at in here and here[at].ready <= now:
            if self.control == "wormhole" and link not in self.sinks and self.space(link) <= count:
                break
            count, at = count + 1, at + 1
        return count

    def asks(self, queue: Any, link: Any, now: int) -> bool:
        front = self.fronts[queue]
        if self.holder.get(link, queue) != queue or self.free[link] > now or not self.movable(queue, link, now):
            return False
        if link in self.sinks or front.branches[link] or self.control == "wormhole":
            return True
        size = front.stop - front.first if self.ring[link] < 0 else self.longest
        enters = self.ring[link] >= 0 and (_is_source(queue) or self.ring[queue] != self.ring[link])
        return self.space(link) >= size + (self.longest if enters else 0)

    def move(self, queue: Any, link: Any, count: int, now: int) -> tuple[Any, Any, Any]:
        """Carry flits; queue, link, and the message where its last flit was among them."""
        front = self.fronts[queue]
        begin = front.first + front.branches[link]
        self.carried[link][0] += count
        self.carried[link][1] += self.pace[1]
        if front.branches[link] == 0:
            if _is_source(queue):
                self.began.setdefault(front.message, now)
            self.holder[link], self.turn[link] = queue, self.port[queue] + 1
            if self.control == "cut_through" and link not in self.sinks:
                self.coming[link].append([front.message, begin, front.stop])
        if link not in self.sinks:
            self.queues[link] += [Flit(front.message, n, now + self.latency[link]) for n in range(begin, begin + count)]
            for promise in self.coming[link]:
                if promise[0] == front.message and promise[1] == begin:
                    promise[1] += count
            self.coming[link] = [promise for promise in self.coming[link] if promise[1] < promise[2]]
        front.branches[link] += count
        self.free[link] = now + self.pace[1]
        if begin + count < front.stop:
            return queue, link, None
        del self.holder[link]
        return queue, link, front.message if front.stop == self.messages[front.message][1] else None

    def leave(self, queue: Any) -> None:
        front = self.fronts[queue]
        least = front.first + min(front.branches.values())
        ring = not _is_source(queue) and self.ring[queue] >= 0
        if not ring or least == front.stop:  # on a ring a packet keeps its place until all of it has left
            self.queues[queue] = [
                f for f in self.queues[queue] if f.message != front.message or not front.first <= f.number < least
            ]
        if least == front.stop:
            del self.fronts[queue]


def _is_source(queue: Any) -> bool:
    return isinstance(queue, tuple) and queue[0] == "core"
